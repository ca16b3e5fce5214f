"""Read and write landmarks: points in a file of commas or tabs that states its convention.

The first line is a comment with LPS or RAS; a header and one point per line follow::

    # regkit landmarks, LPS mm
    x,y,z,label
    12.5,-30.25,101,apex
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regkit.arguments import checked
from regkit.errors import FileFormatError, GeometryError, RegkitError
from regkit.geometry.grid import FloatArray
from regkit.io.atomic_output import atomic_output
from regkit.io.markups import read_fcsv, read_markups_json
from regkit.io.point_table import UNDEFINED, PointTable
from regkit.regular_file import regular_file

CONVENTIONS = {"LPS": np.array([1.0, 1.0, 1.0]), "RAS": np.array([-1.0, -1.0, 1.0])}

# Names of the column of labels, the first that is there.
_LABEL_COLUMNS = ("label", "name")
_HEADER = "# regkit landmarks, {} mm"


@dataclass(frozen=True, eq=False)
class Landmarks:
    """The landmarks of a file.

    Parameters
    ----------
    points
        Shape (N, 3): x, y, z in LPS mm, in the order of the file; NaN for a point that the file
        marks as undefined or missing.
    labels
        Name of every point; empty for one without a name.
    """

    points: FloatArray
    labels: tuple[str, ...]

    @property
    def defined(self) -> NDArray[np.bool_]:
        """A mask of the points that have a position, shape (N,)."""
        return np.asarray(np.isfinite(self.points).all(axis=1))


@checked
def read_landmarks(path: str | os.PathLike[str]) -> FloatArray:
    """Read points from a landmarks CSV or TSV, or a 3D Slicer .fcsv or .mrk.json file.

    Returns
    -------
    FloatArray
        Shape (N, 3): x, y, z in LPS mm, in the order of the file. Points that the file marks as
        undefined or missing are left out.

    Raises
    ------
    FileFormatError
        The file is missing, states no convention, has no points, or has a line that is not a
        point; the message names the line.
    """
    landmarks = read_labeled_landmarks(path)
    return landmarks.points[landmarks.defined]


def read_labeled_landmarks(path: str | os.PathLike[str]) -> Landmarks:
    """Read points with their labels, undefined ones included; see `read_landmarks`."""
    file = Path(path)
    try:
        text = regular_file(file).read_text(encoding="utf-8-sig")
        table = _parse(file.name.lower(), text)
        if not table.points:
            raise FileFormatError("holds no points")
        points = np.multiply(table.points, CONVENTIONS[table.convention]).astype(np.float64)
        landmarks = Landmarks(points, table.labels)
        if not landmarks.defined.any():
            raise FileFormatError("all its points are marked as undefined or missing")
    except RegkitError as error:
        raise type(error)(f"{file}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise FileFormatError(f"{file}: cannot be read ({reason})") from error
    return landmarks


@checked
def write_landmarks(
    points: ArrayLike,
    path: str | os.PathLike[str],
    convention: str = "LPS",
    labels: Sequence[str] | None = None,
) -> None:
    """Write points as a landmarks CSV.

    Parameters
    ----------
    points
        Shape (N, 3): x, y, z in LPS mm.
    path
        The file; it appears whole or not at all.
    convention
        ``LPS`` or ``RAS``, of the numbers in the file; its first line states it.
    labels
        Name of every point, if they have names.

    Raises
    ------
    GeometryError
        The points are not (N, 3) finite numbers, or the labels are not as many.
    FileFormatError
        The convention is unknown.
    """
    array = np.asarray(points, dtype=np.float64)
    if array.ndim != 2 or array.shape[1] != 3 or not np.isfinite(array).all():
        raise GeometryError(f"landmarks must be (N, 3) finite numbers, got shape {array.shape}")
    if labels is not None and len(labels) != len(array):
        raise GeometryError(f"{len(array)} landmarks need as many labels, got {len(labels)}")
    if convention not in CONVENTIONS:
        raise FileFormatError(f"unknown landmark convention '{convention}'; use LPS or RAS")
    target = Path(path)
    with atomic_output(target.parent) as stage:
        text = _text(array * CONVENTIONS[convention], convention, labels)
        stage.path(target.name).write_text(text, encoding="utf-8", newline="")


def _text(array: FloatArray, convention: str, labels: Sequence[str] | None) -> str:
    lines = io.StringIO()
    lines.write(_HEADER.format(convention) + "\n")
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(["x", "y", "z"] + (["label"] if labels is not None else []))
    for number, point in enumerate(array.tolist()):
        # Adding zero turns -0.0 into 0.0.
        row = [repr(value + 0.0) for value in point]
        writer.writerow(row + ([labels[number]] if labels is not None else []))
    return lines.getvalue()


def _parse(name: str, text: str) -> PointTable:
    if name.endswith(".fcsv"):
        return read_fcsv(text)
    if name.endswith(".json"):
        return read_markups_json(text)
    rows = _rows(text)
    points, labels = tuple(point for point, _ in rows), tuple(label for _, label in rows)
    return PointTable(_convention(text), points, labels)


def _convention(text: str) -> str:
    comments = " ".join(line for line in text.splitlines() if line.lstrip().startswith("#"))
    stated = set(re.findall(r"\b(LPS|RAS)\b", comments))
    if len(stated) != 1:
        raise FileFormatError(
            "states neither LPS nor RAS for its points; add the first line "
            f"'{_HEADER.format('LPS')}' (or RAS)"
        )
    return str(stated.pop())


def _rows(text: str) -> list[tuple[tuple[float, ...], str]]:
    """Return the position and the label of each point."""
    columns = {"x": 0, "y": 1, "z": 2}
    rows: list[tuple[tuple[float, ...], str]] = []
    header_seen = False
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        delimiter = "\t" if "\t" in line else ","
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]
        names = [cell.lower() for cell in cells]
        if not header_seen and not rows and {"x", "y", "z"} <= set(names):
            columns = {name: column for column, name in reversed(list(enumerate(names)))}
            header_seen = True
            continue
        rows.append((_point(cells, columns, number), _label(cells, columns)))
    return rows


def _label(cells: list[str], columns: Mapping[str, int]) -> str:
    column = next((columns[name] for name in _LABEL_COLUMNS if name in columns), len(cells))
    return cells[column] if column < len(cells) else ""


def _point(cells: list[str], columns: Mapping[str, int], number: int) -> tuple[float, ...]:
    """Return a position; `UNDEFINED` where x, y and z are all empty or NaN."""
    position = [cells[columns[axis]] if columns[axis] < len(cells) else None for axis in "xyz"]
    if all(cell is not None and cell.lower() in {"", "nan"} for cell in position):
        return UNDEFINED
    try:
        point = tuple(float(cell) for cell in position if cell is not None)
    except ValueError:
        point = ()
    if len(point) != 3 or not np.isfinite(point).all():
        got = ",".join(cells)
        raise FileFormatError(f"line {number} is not a point x,y,z: '{got[:60]}'")
    return point
