"""Tables of pairs, or of single images: CSV or TSV with one a line."""

from __future__ import annotations

import csv
import difflib
import io
import logging
import os
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from regkit.errors import FileFormatError, one_line
from regkit.geometry.volume import MODALITIES
from regkit.registration.initialization import is_initializer
from regkit.registry import default_registry
from regkit.regular_file import regular_file

logger = logging.getLogger(__name__)

TABLE_SUFFIXES = (".csv", ".tsv", ".txt")
# Columns of a table of pairs that hold paths, and those that hold words; the names are those of
# `regkit.datasets.folder`, but `init` may hold a word as well.
FILE_COLUMNS = (
    *("fixed", "moving", "fixed_mask", "moving_mask", "fixed_labels", "moving_labels"),
    *("fixed_landmarks", "moving_landmarks", "truth"),
)
WORD_COLUMNS = (
    *("group", "fixed_modality", "moving_modality", "fixed_series", "moving_series"),
    *("fixed_roi", "moving_roi", "split"),
)


@dataclass(frozen=True)
class TableLayout:
    """Columns of a table.

    Parameters
    ----------
    columns
        Columns that are used; others are told.
    required
        Columns that every line fills.
    headings
        Headings of columns that have another one than their name.
    other_names
        Other headings that are understood, with the names that they stand for.
    item
        Word for what a line holds.
    """

    columns: tuple[str, ...]
    required: tuple[str, ...]
    headings: Mapping[str, str] = field(default_factory=dict)
    other_names: Mapping[str, str] = field(default_factory=dict)
    item: str = "pair"

    def named(self, heading: str) -> str:
        """Return the name of a column that a heading stands for."""
        own = {shown: name for name, shown in self.headings.items()}
        return own.get(heading, self.other_names.get(heading, heading))

    def heading(self, name: str) -> str:
        """Return the heading of a column."""
        return self.headings.get(name, name)

    @property
    def known(self) -> str:
        """The headings of all columns, in words."""
        return ", ".join(map(self.heading, self.columns))


PAIRS = TableLayout(
    ("id", "fixed", "moving", "init", *FILE_COLUMNS[2:], *WORD_COLUMNS),
    ("id", "fixed", "moving"),
    other_names={"initial": "init"},
)
# Single images, which are reoriented to a standard frame: the moving images of that.
IMAGES = TableLayout(
    (
        *("id", "moving", "moving_modality", "moving_series", "moving_labels", "moving_roi"),
        *("truth", "group"),
    ),
    ("id", "moving"),
    headings={
        "moving": "image",
        **{f"moving_{name}": name for name in ("modality", "series", "labels", "roi")},
    },
    item="image",
)
_DELIMITERS = ",;\t"
# Faults that one message lists; chosen by hand.
_LISTED = 5
# Columns whose words are few: what one is called, and the words.
CHOICES = {
    "fixed_modality": ("modality", MODALITIES),
    "moving_modality": ("modality", MODALITIES),
    "split": ("split", ("", "train", "validation", "test")),
}
_RELATIVE = "paths are relative to the folder of the table"
# Column that says why a pair has nothing to register.
PROBLEM = "problem"


class PairRow(NamedTuple):
    """A pair of a table: its id, its other values by column, and what is wrong with it."""

    id: str
    values: dict[str, str]
    problem: str = ""


def read_pair_rows(path: Path, layout: TableLayout = PAIRS) -> list[PairRow]:
    """Read a table of pairs or of images.

    Parameters
    ----------
    path
        CSV (commas or semicolons) or TSV in UTF-8, with a line of headings. Paths are relative to
        its folder.
    layout
        Columns of the table.

    Raises
    ------
    FileFormatError
        No table of pairs; the message gives line and column.
    """
    try:
        text = regular_file(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{path} is not text in UTF-8 ({error.reason} at byte {error.start}); save it as "
            "'CSV UTF-8'"
        ) from error
    except OSError as error:
        raise FileFormatError(f"cannot read {path}: {error.strerror}") from error
    lines = _lines(text, path)
    if not lines:
        raise FileFormatError(
            f"{path} is empty; the first line names the columns: "
            f"{','.join(map(layout.heading, layout.required))}"
        )
    headings = _headings(lines[0][1], path, layout)
    rows = [(number, _row(number, headings, cells, path)) for number, cells in lines[1:]]
    return checked_rows(rows, path.parent, str(path), layout)


def checked_rows(
    rows: Sequence[tuple[int, Mapping[str, str]]],
    base: Path,
    source: str,
    layout: TableLayout = PAIRS,
) -> list[PairRow]:
    """Check the rows of a table, and make their paths absolute.

    Parameters
    ----------
    rows
        Number of the line, and text by column.
    base
        Folder that paths are relative to.
    source
        Name of the table in messages.
    layout
        Columns of the table.

    Raises
    ------
    FileFormatError
        No line, an id or an image is missing, two ids are the same, or files do not exist.
    """
    if not rows:
        raise FileFormatError(
            f"there is no {layout.item} in {source}; each line after the first is one"
        )
    pairs, faults = [], []
    lines: dict[str, int] = {}
    for number, row in rows:
        faults += _missing_values(number, row, layout)
        faults += _repeated(number, row.get("id", ""), lines)
        values, missing = _absolute(number, row, base, layout)
        faults += missing
        values.pop("id", None)
        problem = values.pop(PROBLEM, "")
        values |= {name: values[name].lower() for name in CHOICES if name in values}
        pairs.append(PairRow(row.get("id", ""), values, problem))
    if faults:
        more = f"; and {len(faults) - _LISTED} more" if len(faults) > _LISTED else ""
        hint = f" ({_RELATIVE})" if any("no such file" in fault for fault in faults) else ""
        raise FileFormatError(f"{source}: {'; '.join(faults[:_LISTED])}{more}{hint}")
    return pairs


def id_key(pair_id: str) -> str:
    """Return what two ids have in common that some file system takes for one name."""
    return unicodedata.normalize("NFC", pair_id).casefold()


def dataset_entries(path: Path) -> tuple[dict[str, Any], ...]:
    """Return the pairs of a table as the cases of a dataset, whose keys are those of a folder.

    Raises
    ------
    FileFormatError
        No table of pairs, or one with a pair that is no case.
    """
    entries = []
    for row in read_pair_rows(path):
        values, start = dict(row.values), row.values.get("init", "")
        values.pop("init", None)
        if row.problem:
            raise FileFormatError(f"{path}: {row.id}: {row.problem}; leave the line out")
        if start and not Path(start).is_absolute():
            raise FileFormatError(
                f"{path}: the init of {row.id} must be a file of a transform here, got '{start}'; "
                f"give it with the method, like {start}+mi"
            )
        entries.append({"id": row.id, **values, **({"initial": start} if start else {})})
    return tuple(entries)


def _lines(text: str, path: Path) -> list[tuple[int, list[str]]]:
    """Return the number and the cells of each line that is not empty."""
    first = text.lstrip("\r\n").splitlines()[0] if text.strip() else ""
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines, since = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append((since, [cell.strip() for cell in cells]))
            since = reader.line_num + 1
    except csv.Error as error:
        raise FileFormatError(f"{path}: line {since}: {error}") from error
    return lines


def _headings(cells: Sequence[str], path: Path, layout: TableLayout) -> list[str]:
    """Return the names of the columns; those that are not used become empty, with a warning."""
    names = [cell.casefold().replace(" ", "_").replace("-", "_") for cell in cells]
    names = [layout.named(name) for name in names]
    used = (*layout.columns, PROBLEM)
    for number, name in enumerate(names, 1):
        if name and name in names[: number - 1]:
            twice = layout.heading(name)
            raise FileFormatError(f"{path}: line 1, column {number}: '{twice}' stands there twice")
        close = difflib.get_close_matches(name[:100], layout.columns, n=1, cutoff=0.8)
        misspelled = name not in (*used, *PAIRS.columns) and close and close[0] not in names
        if misspelled:
            raise FileFormatError(
                f"{path}: line 1, column {number}: '{one_line(cells[number - 1])}' is no column; "
                f"did you mean '{layout.heading(close[0])}'?"
            )
    for name in layout.required:
        if name not in names:
            raise FileFormatError(
                f"{path}: line 1: there is no column '{layout.heading(name)}'; got "
                f"{one_line(', '.join(cells))}; known are {layout.known}{_advice(name, names)}"
            )
    unused = [cell for cell, name in zip(cells, names, strict=True) if name and name not in used]
    if unused:
        logger.warning("%s: columns that are not used: %s", path, one_line(", ".join(unused)))
    return [name if name in used else "" for name in names]


def _advice(missing: str, names: Sequence[str]) -> str:
    """Return how a table of single images is used, if it looks like one."""
    single = missing == "fixed" and {"moving", "image"} & {*names}
    return "; a batch reorients single images with --to FRAME" if single else ""


def _row(number: int, headings: Sequence[str], cells: Sequence[str], path: Path) -> dict[str, str]:
    """Return the cells of a line by column, without empty ones."""
    if len(cells) > len(headings) and any(cells[len(headings) :]):
        raise FileFormatError(
            f"{path}: line {number}, column {len(headings) + 1}: "
            f"'{one_line(cells[len(headings)])}' has no heading; a path that holds the separator "
            "needs quotes"
        )
    return {name: cell for name, cell in zip(headings, cells, strict=False) if name and cell}


def _missing_values(number: int, row: Mapping[str, str], layout: TableLayout) -> list[str]:
    """Return the faults of a line that lacks something, or has a word that is no choice."""
    needed = ("id",) if PROBLEM in row else layout.required
    lacking = (layout.heading(name) for name in needed if name not in row)
    faults = [f"line {number}, column {heading}: is empty" for heading in lacking]
    faults += [
        f"line {number}, column {layout.heading(name)}: '{one_line(row[name])}' is no {noun}; "
        f"known: {', '.join(filter(None, words))}"
        for name, (noun, words) in CHOICES.items()
        if row.get(name, "").lower() not in words
    ]
    return faults


def _repeated(number: int, pair_id: str, lines: dict[str, int]) -> list[str]:
    """Return the fault of an id that stands in an earlier line; remember it otherwise."""
    key = id_key(pair_id)
    if not key or lines.setdefault(key, number) == number:
        return []
    fault = f"line {number}, column id: '{one_line(pair_id)}' stands in line {lines[key]}, too"
    return [f"{fault} (upper and lower case do not tell folders apart everywhere)"]


def _absolute(
    number: int, row: Mapping[str, str], base: Path, layout: TableLayout
) -> tuple[dict[str, str], list[str]]:
    """Return a row with absolute paths, and the faults of files that do not exist."""
    values, faults = dict(row), []
    for name in (*FILE_COLUMNS, "init"):
        if name not in row or (name == "init" and _is_initializer(row[name])):
            continue
        # These two never raise, whatever a cell holds.
        path = base.absolute() / os.path.expanduser(row[name])  # noqa: PTH111
        if os.path.exists(path):  # noqa: PTH110
            values[name] = str(path)
        else:
            known = ", and no initializer of this name" if name == "init" else ""
            column = layout.heading(name)
            faults.append(f"line {number}, column {column}: no such file: {path}{known}")
    return values, faults


def _is_initializer(word: str) -> bool:
    return is_initializer(word, default_registry())
