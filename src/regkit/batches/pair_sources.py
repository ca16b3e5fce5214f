"""The pairs of a batch, wherever they stand: tables, folders, datasets, rows in memory."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from regkit.batches.batch_kind import REGISTRATION, REORIENTATION, BatchKind
from regkit.batches.batch_pair import BatchPair
from regkit.batches.found_image import image_of_file
from regkit.batches.pair_table import pairs_of, read_pair_table
from regkit.batches.patient_folders import find_pairs, pair_of_image
from regkit.datasets.folder import INDEX, read_dataset
from regkit.datasets.pair_rows import FILE_COLUMNS, WORD_COLUMNS, TableLayout, id_key
from regkit.errors import FileFormatError, ParameterError, one_line

# A table, a folder, or several of them; or rows: mappings of the columns of a table to texts and
# paths.
PairSource: TypeAlias = (
    str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | Iterable[Mapping[str, Any]]
)


def read_pairs(
    source: PairSource, names: str | None = None, kind: BatchKind = REGISTRATION
) -> list[BatchPair]:
    """Return the pairs, or the images, of tables and folders, or of rows in memory.

    Parameters
    ----------
    source
        CSV or TSV table; folder of patients, BIDS dataset or dataset folder; several of them; or
        rows.
    names
        Names of the images of folders of patients, like ``pet,ct``; None for others.
    kind
        Kind of the batch.

    Raises
    ------
    FileFormatError
        No pairs, files that are missing, or an id in two sources.
    ParameterError
        Names of images where every source says which are meant, or none where one does not.
    """
    if isinstance(source, Mapping):
        raise ParameterError("got one row; a batch takes a list of rows, like [{'id': 'p1', ...}]")
    wanted = kind.image_names(names)
    given = [source] if isinstance(source, str | os.PathLike) else list(source)
    files = [one for one in given if isinstance(one, str | os.PathLike)]
    paths = [Path(os.path.expanduser(one)) for one in files]  # noqa: PTH111 - it never raises
    if not paths:
        _refuse_names(wanted, kind, "rows say")
        rows = [_row(number, row, kind.layout) for number, row in enumerate(given, 1)]
        return pairs_of(rows, Path(), "the rows", kind.layout)
    if len(paths) < len(given):
        raise ParameterError("pairs are tables and folders, or rows; not both at once")
    for path in paths:
        if not path.exists():
            raise FileFormatError(f"there is no table or folder {path}")
    if not any(_takes_names(path, kind) for path in paths):
        _refuse_names(wanted, kind, "tables and datasets say")
    found = {path: _pairs_in(path, wanted, kind) for path in paths}
    _refuse_same_ids(found)
    return [pair for pairs in found.values() for pair in pairs]


def _pairs_in(path: Path, names: Mapping[str, str], kind: BatchKind) -> list[BatchPair]:
    """Return the pairs of a table or folder."""
    if _holds_patients(path):
        return find_pairs(path, names, kind)
    if _is_dataset(path):
        return _of_dataset(path, names, kind)
    image = image_of_file(path)
    if image is None:
        return read_pair_table(path, kind.layout)
    if kind is REGISTRATION:
        raise FileFormatError(
            f"{path} is an image; a batch takes tables and folders of pairs (register takes two "
            "images, and batch --to FRAME reorients single ones)"
        )
    return [pair_of_image(image)]


def _holds_patients(path: Path) -> bool:
    """Return whether a source is a folder of patients, which does not say the roles of images."""
    return path.is_dir() and not (path / INDEX).is_file()


def _takes_names(path: Path, kind: BatchKind) -> bool:
    """Return whether names of images choose among those of a source."""
    return _holds_patients(path) or (kind is REORIENTATION and _is_dataset(path))


def _is_dataset(path: Path) -> bool:
    return path.suffix.lower() == ".json" or (path / INDEX).is_file()


def _refuse_names(names: Mapping[str, str], kind: BatchKind, sources: str) -> None:
    if names:
        raise ParameterError(
            f"{kind.option} is for folders of patients; {sources} themselves which image is which"
        )


def _refuse_same_ids(found: Mapping[Path, Sequence[BatchPair]]) -> None:
    """Refuse an id that stands in two sources, or twice in one."""
    sources: dict[str, Path] = {}
    for path, pairs in found.items():
        for pair in pairs:
            other = sources.setdefault(id_key(pair.id), path)
            if other != path:
                raise FileFormatError(
                    f"the id '{one_line(pair.id)}' stands in {other} and in {path}; list "
                    "each as a table with --list, and rename one"
                )
        counts = Counter(id_key(pair.id) for pair in pairs)
        if twice := [pair.id for pair in pairs if counts[id_key(pair.id)] > 1]:
            raise FileFormatError(
                f"{path}: the id '{one_line(twice[0])}' stands there twice (upper and lower "
                "case do not tell folders apart everywhere); rename one"
            )


def _row(number: int, row: object, layout: TableLayout) -> tuple[int, dict[str, str]]:
    if not isinstance(row, Mapping):
        paths = (layout.heading(name) for name in layout.required if name != "id")
        example = ", ".join(f"'{name}': PATH" for name in paths)
        raise ParameterError(
            f"row {number}: got a {type(row).__name__}; a row is a mapping of the columns of a "
            f"table, like {{'id': 'p1', {example}}}"
        )
    names = [layout.named(name) for name in row]
    if len({*names}) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        both = " and ".join(f"'{given}'" for given in row if layout.named(given) == twice)
        raise ParameterError(f"row {number}: {both} are one column; give one of them")
    named = dict(zip(names, row.values(), strict=True))
    unknown = [name for name in named if name not in layout.columns]
    if unknown:
        raise ParameterError(
            f"row {number}: '{unknown[0]}' is no column; known are {layout.known}"
        )
    for name, value in named.items():
        if not isinstance(value, str | int | os.PathLike | None):
            raise ParameterError(
                f"row {number}, column {layout.heading(name)}: got a {type(value).__name__}; a "
                "batch reads its images from files, so give their paths (regkit.register_many "
                "takes images in memory)"
            )
    return number, {name: str(value) for name, value in named.items() if value not in (None, "")}


def _of_dataset(path: Path, names: Mapping[str, str], kind: BatchKind) -> list[BatchPair]:
    """Return the pairs of a dataset folder, or its moving images, or those of a modality."""
    dataset, layout = read_dataset(path), kind.layout
    pairs = []
    for stored in dataset.entries:
        entry = stored
        if kind is REORIENTATION and names:
            entry = _image_of_entry(stored, names["moving"], path)
        values = {
            layout.named(name): str((dataset.folder / entry[name]).absolute())
            for name in (*FILE_COLUMNS, "initial")
            if layout.named(name) in layout.columns and entry.get(name)
        }
        words = (name for name in WORD_COLUMNS if name in layout.columns)
        values |= {name: entry[name] for name in words if entry.get(name)}
        pairs.append(BatchPair(entry["id"], values))
    return pairs


def _image_of_entry(entry: dict[str, Any], modality: str, path: Path) -> dict[str, Any]:
    """Return a case with the image of a modality as its moving image."""
    told = {role: str(entry.get(f"{role}_modality", "")) for role in ("fixed", "moving")}
    roles = [role for role, known in told.items() if known == modality.casefold()]
    if len(roles) != 1:
        listed = " and ".join(f"{role} {known or '(not stated)'}" for role, known in told.items())
        raise FileFormatError(
            f"{path}: {entry['id']} has {len(roles)} images of the modality '{modality}': {listed}"
        )
    if roles == ["moving"]:
        return entry
    # The true transform is about the pair.
    kept = {name: entry[name] for name in ("id", "group") if name in entry}
    image = ("", "_modality", "_series", "_labels")
    return kept | {f"moving{part}": entry.get(f"fixed{part}") for part in image}
