"""Read and write landmarks: points in a comma-separated file that states its convention.

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
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from regkit.errors import FileFormatError, GeometryError, RegkitError
from regkit.geometry.grid import FloatArray
from regkit.io.atomic_output import atomic_output
from regkit.io.markups import read_fcsv, read_markups_json

CONVENTIONS = {"LPS": np.array([1.0, 1.0, 1.0]), "RAS": np.array([-1.0, -1.0, 1.0])}

_HEADER = "# regkit landmarks, {} mm"


def read_landmarks(path: str | os.PathLike[str]) -> FloatArray:
    """Read points from a landmarks CSV, or a 3D Slicer .fcsv or .mrk.json file.

    Returns
    -------
    FloatArray
        Shape (N, 3): x, y, z in LPS mm, in the order of the file.

    Raises
    ------
    FileFormatError
        The file is missing, states no convention, has no points, or has a line that is not a
        point; the message names the line.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
        convention, points = _parse(file.name.lower(), text)
        if not points:
            raise FileFormatError("holds no points")
    except RegkitError as error:
        raise type(error)(f"{file}: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise FileFormatError(f"{file}: cannot be read ({reason})") from error
    return np.asarray(np.multiply(points, CONVENTIONS[convention]), dtype=np.float64)


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


def _parse(name: str, text: str) -> tuple[str, list[list[float]]]:
    if name.endswith(".fcsv"):
        return read_fcsv(text)
    if name.endswith(".json"):
        return read_markups_json(text)
    return _convention(text), _points(text)


def _convention(text: str) -> str:
    comments = " ".join(line for line in text.splitlines() if line.lstrip().startswith("#"))
    stated = set(re.findall(r"\b(LPS|RAS)\b", comments))
    if len(stated) != 1:
        raise FileFormatError(
            "states neither LPS nor RAS for its points; add the first line "
            f"'{_HEADER.format('LPS')}' (or RAS)"
        )
    return str(stated.pop())


def _points(text: str) -> list[list[float]]:
    columns = (0, 1, 2)
    points: list[list[float]] = []
    header_seen = False
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cells = [cell.strip() for cell in next(csv.reader([line]))]
        names = [cell.lower() for cell in cells]
        if not header_seen and not points and {"x", "y", "z"} <= set(names):
            columns = (names.index("x"), names.index("y"), names.index("z"))
            header_seen = True
            continue
        points.append(_point(cells, columns, number))
    return points


def _point(cells: list[str], columns: tuple[int, int, int], number: int) -> list[float]:
    try:
        point = [float(cells[column]) for column in columns]
    except (IndexError, ValueError):
        point = []
    if not point or not np.isfinite(point).all():
        got = ",".join(cells)
        raise FileFormatError(f"line {number} is not a point x,y,z: '{got[:60]}'")
    return point
