"""Nearest voxels of a mask at those of another grid, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled_as_written
from regkit.geometry.warp_loops import within

HALF = 0.5


@compiled_as_written
def nearest_in_rows(mask: Any, to_index: Any, first_slice: Any, out: Any) -> None:
    """Look up the nearest voxels of a mask; what lies between two is the one of higher index.

    Parameters
    ----------
    mask
        Shape (z, y, x), uint8.
    to_index
        Affine map from indices (z, y, x) of the result to those of the mask, shape (3, 4).
    first_slice
        Index z, in the result, of the first slice to fill.
    out
        Filled: slices of the result, shape (z, y, x), uint8; 0 outside of the mask's grid.
    """
    flat, m, count = mask.reshape(mask.size), to_index, out.shape[2]
    begin = np.empty(3, np.float64)
    for k in range(out.shape[0]):
        for y in range(out.shape[1]):
            start, stop = 0, count
            for axis in range(3):
                begin[axis] = m[axis, 0] * (first_slice + k) + m[axis, 1] * y + m[axis, 3]
                start, stop = within(begin[axis], m[axis, 2], mask.shape[axis], start, stop)
            row = out[k, y]
            row[:start] = 0
            row[max(start, stop) :] = 0
            for x in range(start, stop):
                i = nearest_index(begin[0] + x * m[0, 2], mask.shape[0])
                j = nearest_index(begin[1] + x * m[1, 2], mask.shape[1])
                n = nearest_index(begin[2] + x * m[2, 2], mask.shape[2])
                row[x] = flat[(i * mask.shape[1] + j) * mask.shape[2] + n]


@compiled_as_written
def nearest_index(position: Any, size: Any) -> Any:
    """Return the index of the voxel nearest to a position that is not beyond the edges."""
    index = np.int64(max(position + HALF, 0.0))
    return min(index, size - 1)
