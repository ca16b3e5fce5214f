"""Read control points of 3D Slicer's markups, .fcsv and .mrk.json files."""

from __future__ import annotations

import json
import math
import re

from regkit.errors import FileFormatError

# Older files number their coordinate systems (Slicer's MRML documentation).
_NUMBERED = {"0": "RAS", "1": "LPS"}


def read_fcsv(text: str) -> tuple[str, list[list[float]]]:
    """Return the convention (LPS or RAS) and the points of a .fcsv file's text, in mm."""
    stated = re.search(r"^#\s*CoordinateSystem\s*=\s*(\w+)", text, re.MULTILINE)
    convention = _known(stated.group(1) if stated else "")
    points = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:  # id, x, y, z, ...
            points.append(_finite(line.split(",")[1:4]))
        except ValueError as error:
            raise FileFormatError(f"line {number} is not a point: '{line[:60]}'") from error
    return convention, points


def read_markups_json(text: str) -> tuple[str, list[list[float]]]:
    """Return the convention (LPS or RAS) and the points of a .mrk.json file's text, in mm."""
    try:
        lists = json.loads(text)["markups"]
        points = [point for markup in lists for point in markup["controlPoints"]]
        systems = {str(markup.get("coordinateSystem", "")) for markup in lists}
        units = {str(markup.get("coordinateUnits", "mm")) for markup in lists}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileFormatError("is not a 3D Slicer markups file (.mrk.json)") from error
    if units - {"mm"}:
        raise FileFormatError(f"its points are in {', '.join(sorted(units))}; mm are needed")
    convention = _known(systems.pop() if len(systems) == 1 else "")
    return convention, [_position(point, number) for number, point in enumerate(points, start=1)]


def _position(point: object, number: int) -> list[float]:
    try:
        return _finite(point["position"])  # type: ignore[index]
    except (KeyError, TypeError, ValueError) as error:
        raise FileFormatError(f"control point {number} has no position x, y, z") from error


def _finite(values: list[str] | list[float]) -> list[float]:
    numbers = [float(value) for value in values]
    if len(numbers) != 3 or not all(math.isfinite(number) for number in numbers):
        raise ValueError("not three finite numbers")
    return numbers


def _known(stated: str) -> str:
    convention = _NUMBERED.get(stated, stated.upper())
    if convention not in ("LPS", "RAS"):
        raise FileFormatError(
            f"its coordinate system is '{stated or 'not stated'}'; LPS or RAS is needed"
        )
    return convention
