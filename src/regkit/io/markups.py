"""Read control points of 3D Slicer's markups, .fcsv and .mrk.json files."""

from __future__ import annotations

import csv
import math
import re
from typing import Any

from regkit.errors import FileFormatError
from regkit.io.length_units import mm_per_unit
from regkit.io.point_table import UNDEFINED, PointTable
from regkit.structured_text import parse_json

# Older files number their coordinate systems (Slicer's MRML documentation).
_NUMBERED = {"0": "RAS", "1": "LPS"}
# The columns of a .fcsv file that does not list them, and Slicer's code of a defined position in
# the column after the last listed one, `associatedNodeID` (vtkMRMLMarkupsNode, PositionStatus).
_COLUMNS = "id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID"
_DEFINED = {"", "2", "defined"}


def read_fcsv(text: str) -> PointTable:
    """Return the control points of a .fcsv file's text, in its own convention and mm."""
    stated = re.search(r"^#\s*CoordinateSystem\s*=\s*(\w+)", text, re.MULTILINE)
    listed = re.search(r"^#\s*columns\s*=\s*(.+?)\s*$", text, re.MULTILINE)
    columns = [name.strip() for name in (listed.group(1) if listed else _COLUMNS).split(",")]
    if not {"x", "y", "z"} <= set(columns):
        raise FileFormatError("its columns are not those of 3D Slicer: x, y and z are needed")
    convention = _known(stated.group(1) if stated else "")
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), start=1)
        if line.strip() and not line.startswith("#")
    ]
    rows = [_fcsv_row(line, columns, number) for number, line in lines]
    return PointTable(convention, tuple(p for p, _ in rows), tuple(label for _, label in rows))


def _fcsv_row(line: str, columns: list[str], number: int) -> tuple[tuple[float, ...], str]:
    cells = [cell.strip() for cell in next(csv.reader([line]))]
    further = [] if "positionStatus" in columns else ["positionStatus"]
    found = dict(zip(columns + further, cells, strict=False))
    label = found.get("label", "")
    if found.get("positionStatus", "").lower() not in _DEFINED:
        return UNDEFINED, label
    try:
        return _point([found[axis] for axis in "xyz"]), label
    except (KeyError, ValueError) as error:
        raise FileFormatError(f"line {number} is not a point: '{line[:60]}'") from error


def read_markups_json(text: str) -> PointTable:
    """Return the control points of a .mrk.json file's text, in its own convention and mm."""
    try:
        lists = parse_json(text)["markups"]
        units = [_unit(markup) for markup in lists]
        points = [
            (point, unit)
            for markup, unit in zip(lists, units, strict=True)
            for point in markup["controlPoints"]
        ]
        systems = {str(markup.get("coordinateSystem", "")) for markup in lists}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileFormatError("is not a 3D Slicer markups file (.mrk.json)") from error
    convention = _known(systems.pop() if len(systems) == 1 else "")
    rows = [_position(p, unit, number) for number, (p, unit) in enumerate(points, start=1)]
    labels = tuple(str(point.get("label", "")).strip() for point, _ in points)
    return PointTable(convention, tuple(rows), labels)


def _unit(markup: dict[str, Any]) -> float:
    name = markup.get("coordinateUnits", "mm")
    names = {str(one) for one in (name if isinstance(name, list) else [name])}
    known = mm_per_unit(names.pop()) if len(names) == 1 else None
    if known is None:
        raise FileFormatError(f"its points are in {name}, which is no known unit of length")
    return known


def _position(point: Any, unit: float, number: int) -> tuple[float, ...]:
    try:
        if str(point.get("positionStatus", "defined")).lower() not in _DEFINED:
            return UNDEFINED
        return tuple(unit * value for value in _point(point["position"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(f"control point {number} has no position x, y, z") from error


def _point(values: list[Any]) -> tuple[float, ...]:
    """Return three finite numbers, or `UNDEFINED` for three that are NaN."""
    numbers = [float(value) for value in values]
    if len(numbers) == 3 and all(math.isnan(number) for number in numbers):
        return UNDEFINED
    if len(numbers) != 3 or not all(math.isfinite(number) for number in numbers):
        raise ValueError("not three finite numbers")
    return tuple(numbers)


def _known(stated: str) -> str:
    convention = _NUMBERED.get(stated, stated.upper())
    if convention not in ("LPS", "RAS"):
        raise FileFormatError(
            f"its coordinate system is '{stated or 'not stated'}'; LPS or RAS is needed"
        )
    return convention
