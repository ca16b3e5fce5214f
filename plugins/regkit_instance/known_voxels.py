"""Masks of the known voxels of an image: all, or those that a mask on any grid marks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import Grid
from regkit.geometry.volume import LabelMap
from regkit_instance.numba_backend.nearest import nearest_in_rows

# Where voxels are known in slices along z: a mask, shape (z, y, x), uint8, or one without voxels.
KnownSlices: TypeAlias = Callable[[slice], NDArray[np.uint8]]

EVERYWHERE = np.empty((0, 0, 0), np.uint8)


def known_everywhere(slices: slice) -> NDArray[np.uint8]:
    """Return a mask without voxels, which leaves nothing out."""
    return EVERYWHERE[slices]


def known_in(mask: LabelMap, grid: Grid) -> KnownSlices:
    """Return the function of slices that tells where a mask marks the voxels of a grid.

    Only these slices of a mask on another grid are resampled, to the nearest voxel.
    """
    marks = mask.array if mask.array.dtype == np.uint8 else (mask.array != 0).view(np.uint8)
    marks = read_only(marks)
    if mask.grid.matches(grid):
        return lambda slices: marks[slices]
    to_mask = np.ascontiguousarray((mask.grid.inverse_affine @ grid.affine)[:3])

    def resampled(slices: slice) -> NDArray[np.uint8]:
        first, end, _ = slices.indices(grid.shape_zyx[0])
        out = np.empty((end - first, *grid.shape_zyx[1:]), np.uint8)
        nearest_in_rows(marks, to_mask, first, out)
        return out

    return resampled


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array as files give theirs: loops are compiled for one kind only."""
    view = np.ascontiguousarray(array).view()
    view.flags.writeable = False
    return view
