"""Read DICOM segmentation objects (SEG)."""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.geometry.grid import Grid
from regkit.geometry.volume import LabelMap
from regkit.io.native_output import suppress_native_output
from regkit.io.region import Region

logger = logging.getLogger(__name__)

# Fraction of a voxel, or probability, from which a fractional segment is taken for present.
PRESENT = 0.5


def read_segments(path: Path) -> tuple[list[Region], Grid]:
    """Return the segments of a SEG, decoded when their masks are asked for, and their grid.

    Segments are BINARY, FRACTIONAL (present from 0.5 on) or LABELMAP. The grid goes from the first
    to the last slice that the file has.

    Raises
    ------
    FileFormatError
        The object holds surfaces, or its frames are no stack of evenly spaced, parallel slices.
    """
    from highdicom.seg import Segmentation  # noqa: PLC0415 - takes half a second

    with suppress_native_output():
        dataset = pydicom.dcmread(path, force=True)
        if not dataset.get("Rows"):
            raise FileFormatError("is a segmentation without voxels (surfaces): export voxels")
        seg = Segmentation.from_dataset(dataset, copy=False)
        geometry = seg.get_volume_geometry()
        regions = _regions(seg)
    if geometry is None or geometry.coordinate_system.value != "PATIENT":
        raise FileFormatError(
            "is a segmentation whose frames are no stack of evenly spaced, parallel slices in "
            "patient space"
        )
    if seg.segmentation_type.value == "FRACTIONAL":
        kind = str(dataset.get("SegmentationFractionalType") or "fraction").lower()
        logger.warning("%s holds fractional segments (%s): present from %g", path, kind, PRESENT)
    z, y, x = geometry.spatial_shape
    return regions, Grid.from_affine((z, y, x), geometry.affine)


def put_back_empty_slices(labels: LabelMap, image: Grid) -> LabelMap:
    """Return labels whose slices go as far as an image and in its direction.

    A SEG leaves out slices without a label. Where its voxels are those of the image, the result is
    on the image's grid.
    """
    upright = _in_slice_direction(labels, image)
    across = upright.grid.to_index(image.corners())[:, 0]
    # Half a voxel lies beyond the center of the outer slices; the thousandth is rounding.
    before = max(0, math.ceil(-0.5 - across.min() - 1e-3))
    after = max(0, math.ceil(across.max() + 0.5 - upright.grid.shape_zyx[0] - 1e-3))
    array = np.pad(upright.array, ((before, after), (0, 0), (0, 0)))
    grid = _cut_from(upright.grid, -before, len(array))
    return upright.with_array(array, image if image.matches(grid) else grid)


def _in_slice_direction(labels: LabelMap, image: Grid) -> LabelMap:
    if labels.grid.affine[:3, 0] @ image.affine[:3, 0] >= 0:
        return labels
    affine = labels.grid.affine.copy()
    affine[:3, 3] += (len(labels.array) - 1) * affine[:3, 0]
    affine[:3, 0] *= -1
    return labels.with_array(labels.array[::-1], Grid.from_affine(labels.grid.shape_zyx, affine))


def _cut_from(grid: Grid, first: int, count: int) -> Grid:
    x, y, z = grid.to_physical([first, 0, 0]).tolist()
    return replace(grid, origin=(x, y, z), shape_zyx=(count, *grid.shape_zyx[1:]))


def _regions(seg: Any) -> list[Region]:
    numbers = [int(number) for number in seg.segment_numbers if number > 0]  # 0 is background
    if seg.segmentation_type.value == "LABELMAP":
        labels = seg.get_volume(combine_segments=True).array
        masks = [partial(np.equal, labels, number) for number in numbers]
    else:
        masks = [partial(_mask, seg, number) for number in numbers]
    names = [str(seg.get_segment_description(number).segment_label) for number in numbers]
    return [Region(*parts) for parts in zip(numbers, names, masks, strict=True)]


def _mask(seg: Any, number: int) -> NDArray[np.bool_]:
    with suppress_native_output():
        values = seg.get_volume(segment_numbers=[number]).array[..., 0]
    return np.asarray(values >= PRESENT)
