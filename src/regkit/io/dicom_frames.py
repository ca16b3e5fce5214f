"""One slice of a DICOM image: the place of its pixels and the scaling of its values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from regkit.errors import FileFormatError, GeometryError
from regkit.geometry.grid import FloatArray
from regkit.io.real_world_values import MAPPING, RESCALE, value_scale

_FRAME_ATTRIBUTES = (
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    *RESCALE,
    MAPPING,
)


@dataclass(frozen=True, eq=False)
class DicomFrame:
    """One slice: the geometry of its pixels and the scaling of its stored values.

    Parameters
    ----------
    path, number
        The file, and the frame's number in it, from 0.
    position
        Centre of the first pixel in LPS mm.
    axes
        3 x 2 matrix to LPS mm: its columns are the steps to the next column and the next row.
    slope, intercept
        Rescaling of the stored values: value = slope * stored + intercept.
    size
        Number of rows and columns.
    labels
        Attributes by which the volumes of a series can differ (echo time, gate), by their names.
    mapped
        First and last stored value that the rescaling holds for, where the header says so.
    """

    path: Path
    number: int
    position: FloatArray
    axes: FloatArray
    slope: float = 1.0
    intercept: float = 0.0
    size: tuple[int, int] = (0, 0)
    labels: Mapping[str, str] = field(default_factory=dict)
    mapped: tuple[float, float] | None = None

    @property
    def name(self) -> str:
        """Name of the file, and of the frame in it, for messages."""
        number = f" frame {self.number + 1}" if self.number else ""
        return f"{self.path.name}{number}"

    @cached_property
    def along(self) -> float:
        """Position along the normal of the slice, mm."""
        return float(self.position @ slice_normal(self.axes))


def build_frame(
    header: Any, path: Path, number: int, parts: Iterable[Any], labels: Mapping[str, str]
) -> DicomFrame:
    """Build a frame.

    Parameters
    ----------
    header, path, number
        Header of the file, the file, and the frame's number in it, from 0.
    parts
        Parts of the header that concern the frame; an attribute is taken from the first that
        has it.
    labels
        Attributes by which the volumes of a series can differ.

    Raises
    ------
    FileFormatError, GeometryError
        An attribute of the geometry is missing or impossible.
    """
    attributes = _merged(parts)
    position = _numbers(attributes, "ImagePositionPatient", 3)
    cosines = _numbers(attributes, "ImageOrientationPatient", 6).reshape(2, 3).T
    rows, columns = _numbers(attributes, "PixelSpacing", 2).tolist()
    if min(rows, columns) <= 0:
        raise GeometryError(f"pixel spacing must be positive, got {rows}, {columns} mm")
    scale = value_scale(attributes)
    return DicomFrame(
        path,
        number,
        position,
        cosines * [columns, rows],
        scale.slope,
        scale.intercept,
        (int(header.Rows), int(header.Columns)),
        labels,
        scale.mapped,
    )


def slice_normal(axes: FloatArray) -> FloatArray:
    """Return the unit vector from a slice to the next: row direction x column direction."""
    right, down = (axes / np.maximum(np.linalg.norm(axes, axis=0), 1e-12)).T
    normal = np.cross(right, down)
    length = np.linalg.norm(normal)
    if length < 1e-3:
        raise GeometryError("the slice direction is singular (ImageOrientationPatient)")
    return np.asarray(normal / length)


def frame_count(header: Any) -> int:
    """Return the number of frames that a header states."""
    stated = header.get("NumberOfFrames") or 1
    try:
        return int(stated)
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"NumberOfFrames is no number: '{stated}'") from error


def header_labels(header: Any, keywords: Mapping[str, str]) -> dict[str, str]:
    """Return the attributes that a header has, as text, by the names of their keywords."""
    found = {keywords[keyword]: header.get(keyword) for keyword in keywords}
    return {name: _text(value) for name, value in found.items() if value not in (None, "")}


def _text(value: Any) -> str:
    if isinstance(value, float):  # DS, too, is a float
        return f"{float(value):.6g}"
    if isinstance(value, str | int):
        return str(value)
    return " ".join(_text(item) for item in value)


def _merged(parts: Iterable[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in parts:
        for name in _FRAME_ATTRIBUTES:
            if part.get(name) is not None:
                found.setdefault(name, part.get(name))
    return found


def _numbers(attributes: Mapping[str, Any], name: str, count: int) -> FloatArray:
    values = attributes.get(name)
    if values is None or values == "" or len(values) != count:
        raise FileFormatError(f"lacks the positions of its slices ({name} is missing)")
    numbers = np.array([float(v) for v in values], dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise GeometryError(f"{name} holds numbers that are not finite")
    return numbers
