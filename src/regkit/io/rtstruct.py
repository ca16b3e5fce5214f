"""Read the contours of DICOM RT Structure Sets."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from regkit.errors import FileFormatError, RegkitError
from regkit.geometry.grid import FloatArray, Grid
from regkit.io.contour_raster import rasterize
from regkit.io.native_output import suppress_native_output
from regkit.io.region import Region

logger = logging.getLogger(__name__)

# Contour Geometric Types that enclose an area (DICOM PS3.3, C.8.8.6.1).
_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_MIN_POINTS = 3


@dataclass(frozen=True)
class Structure:
    """A region of interest of a structure set.

    Parameters
    ----------
    number, name
        ROI Number and ROI Name.
    frame_of_reference
        UID of its patient coordinate system; empty where the file has none.
    contours
        Closed planar contours: points in LPS mm, shape (N, 3) each.
    skipped
        Number of other contours, by Contour Geometric Type.
    """

    number: int
    name: str
    frame_of_reference: str
    contours: tuple[FloatArray, ...]
    skipped: Counter[str]

    def region(self, grid: Grid) -> Region:
        """Return the structure as a region of a grid, rasterized when its mask is asked for."""
        return Region(self.number, self.name, partial(self._mask, grid))

    def _mask(self, grid: Grid) -> NDArray[np.bool_]:
        notes: dict[str, None] = {}
        try:
            mask = rasterize(self.contours, grid, notes.setdefault)
        except RegkitError as error:
            raise type(error)(f"ROI {self.number} '{self.name}': {error}") from error
        for text in notes:
            logger.warning("ROI %d '%s' %s", self.number, self.name, text)
        return mask


def read_structures(path: Path) -> list[Structure]:
    """Read the regions of interest of an RT Structure Set that have closed planar contours.

    The log tells which regions and contours are left out: points, open curves, no contours.

    Raises
    ------
    FileFormatError
        No region has a closed contour, or coordinates are damaged.
    """
    with suppress_native_output():
        found = _structures(pydicom.dcmread(path, force=True))
    _tell_skipped(found)
    closed = [structure for structure in found if structure.contours]
    if not closed:
        raise FileFormatError("is an RT Structure Set without a closed planar contour")
    return closed


def _structures(dataset: Any) -> list[Structure]:
    contours = {
        int(item.ReferencedROINumber): list(item.get("ContourSequence") or [])
        for item in dataset.get("ROIContourSequence") or []
    }
    frame = str(dataset.get("FrameOfReferenceUID") or "")
    return [
        _structure(roi, contours.get(int(roi.ROINumber), []), frame)
        for roi in dataset.get("StructureSetROISequence") or []
    ]


def _structure(roi: Any, items: list[Any], default_frame: str) -> Structure:
    name = str(roi.get("ROIName") or "").strip()
    kinds = [str(item.get("ContourGeometricType") or "of unknown type") for item in items]
    points = [_points(item, name) for item in items]
    closed = [
        kind in _CLOSED and len(contour) >= _MIN_POINTS
        for kind, contour in zip(kinds, points, strict=True)
    ]
    return Structure(
        int(roi.ROINumber),
        name,
        str(roi.get("ReferencedFrameOfReferenceUID") or default_frame),
        tuple(contour for contour, fits in zip(points, closed, strict=True) if fits),
        Counter(kind for kind, fits in zip(kinds, closed, strict=True) if not fits),
    )


def _points(item: Any, name: str) -> FloatArray:
    """Return the points of a contour in LPS mm, shape (N, 3)."""
    try:
        numbers = np.array([float(value) for value in item.get("ContourData") or []])
        points = numbers.reshape(-1, 3)
    except ValueError as error:
        raise FileFormatError(
            f"ROI '{name}' has a contour whose coordinates are not triples of numbers: damaged"
        ) from error
    if not np.isfinite(points).all():
        raise FileFormatError(f"ROI '{name}' has a contour with numbers that are not finite")
    return points


def _tell_skipped(structures: list[Structure]) -> None:
    for structure in structures:
        label = f"ROI {structure.number} '{structure.name}'"
        if structure.skipped:
            listed = ", ".join(f"{count} {kind}" for kind, count in structure.skipped.items())
            logger.warning("%s: contours left out that enclose no area: %s", label, listed)
        elif not structure.contours:
            logger.warning("%s has no contours: left out", label)
