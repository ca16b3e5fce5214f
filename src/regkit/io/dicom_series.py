"""The image series among DICOM files: what each holds, their table, and the choice of one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from regkit.errors import RegkitError, SelectionError, one_line
from regkit.io.dicom_frames import DicomFrame, frame_count
from regkit.io.dicom_headers import frames_of
from regkit.io.dicom_volumes import split_volumes, stack_frames

Headers: TypeAlias = dict[Path, Any]

# The modality of a volume by that of DICOM; users may choose a series by either.
MODALITIES = {"CT": "ct", "PT": "pet", "MR": "mr", "US": "us", "NM": "spect"}
# Series that a table lists; chosen by hand.
_LISTED = 60


@dataclass(frozen=True, eq=False)
class DicomSeries:
    """The image files of one series.

    Parameters
    ----------
    headers
        Header of each file, in the order of the files' names.
    """

    headers: Headers

    @cached_property
    def first(self) -> Any:
        """Header of the first file."""
        return next(iter(self.headers.values()))

    @property
    def uid(self) -> str:
        """SeriesInstanceUID."""
        return str(self.first.get("SeriesInstanceUID", ""))

    @property
    def modality(self) -> str:
        """Modality, as DICOM writes it: CT, PT, MR, NM."""
        return str(self.first.get("Modality") or "unknown")

    @property
    def description(self) -> str:
        """SeriesDescription."""
        return one_line(str(self.first.get("SeriesDescription") or ""))

    @property
    def number(self) -> int:
        """SeriesNumber; 0 where it is missing or no number."""
        try:
            return int(self.first.get("SeriesNumber") or 0)
        except (TypeError, ValueError):
            return 0

    @property
    def images(self) -> int:
        """Number of images: single slices, or frames."""
        return sum(map(frame_count, self.headers.values()))

    @property
    def spacing(self) -> str:
        """Spacing of the voxels in x, y and z, mm, or "-" where the series is no volume."""
        try:
            volume = split_volumes(self.frames())[0]
            _, affine = stack_frames(volume.frames)
        except RegkitError:
            return "-"
        steps = np.linalg.norm(affine[:3, :3], axis=0)[::-1]
        return " x ".join(f"{step:.3g}" for step in steps)

    @property
    def folders(self) -> set[Path]:
        """Folders that the files are in."""
        return {path.parent for path in self.headers}

    def frames(self) -> list[DicomFrame]:
        """Return the slices of all files."""
        return [
            frame for path, header in self.headers.items() for frame in frames_of(header, path)
        ]


def select_series(
    series: Sequence[DicomSeries], candidates: Sequence[DicomSeries], chosen: str
) -> DicomSeries:
    """Return the chosen series, or the only candidate.

    Parameters
    ----------
    series
        All series, in the order of the table.
    candidates
        Series that are meant where none is chosen.
    chosen
        Number in the table, SeriesInstanceUID, or words of modality and description; empty for
        the only candidate.

    Raises
    ------
    SelectionError
        Not exactly one series is meant; a table lists them.
    """
    found = _matching(series, chosen) if chosen else list(candidates)
    if len(found) == 1:
        return found[0]
    if not found:
        fault, listed = f"no series is called '{chosen}'", list(series)
    elif chosen:
        fault, listed = f"{len(found)} series are called '{chosen}'", found
    else:
        fault, listed = f"holds {len(series)} series", list(series)
    error = SelectionError(
        f"{fault}; choose one with --series: its number in the table, its SeriesInstanceUID or "
        "words of its description (--fixed-series, --moving-series for one of two images)"
    )
    error.add_note(series_table(series, listed))
    raise error


def series_table(series: Sequence[DicomSeries], listed: Sequence[DicomSeries]) -> str:
    """Return a table of some series, one a line, with their numbers among all."""
    rows = [("#", "modality", "images", "spacing mm", "description")]
    rows += [
        (str(number), one.modality, str(one.images), one.spacing, one.description)
        for number, one in enumerate(series, 1)
        if one in listed
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows[: _LISTED + 1]
    ]
    return "\n".join([*lines, *(["..."] if len(rows) > _LISTED + 1 else [])])


def _matching(series: Sequence[DicomSeries], chosen: str) -> list[DicomSeries]:
    """Return the series that a choice means, by the strictest rule that any fits."""
    if chosen.isdecimal() and 1 <= int(chosen) <= len(series):
        return [series[int(chosen) - 1]]
    words = _words(chosen)
    rules: tuple[Callable[[DicomSeries], bool], ...] = (
        lambda one: one.uid == chosen,
        lambda one: one.description.casefold() == chosen.casefold(),
        lambda one: bool(words) and set(words) <= set(_words(_text(one))),
        lambda one: bool(words) and all(word in _text(one) for word in words),
    )
    for rule in rules:
        if found := [one for one in series if rule(one)]:
            return found
    return []


def _text(series: DicomSeries) -> str:
    modality = f"{series.modality} {MODALITIES.get(series.modality, '')}"
    return f"{modality} {series.description}".casefold()


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())
