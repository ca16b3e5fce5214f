"""Block averages of an image with intensities mapped to 0..1, in one pass over it."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled


@compiled
def downsample(
    array: Any, factors: Any, first: Any, curve: Any, square_root: bool, out: Any
) -> None:
    """Average blocks of voxels, their intensities first mapped to 0..1 by a curve.

    Parameters
    ----------
    array
        Intensities, shape (z, y, x), float32; NaN is unknown and left out of the average.
    factors
        Voxels per block along z, y, x.
    first
        Index of the first voxel of the first block.
    curve
        Knots of a piecewise linear curve, shape (2, K): rising intensities and their values from
        0 to 1; clipped beyond.
    square_root
        True to take the square root of intensities (negative ones are zero) first.
    out
        Filled with the averages, shape (z, y, x), float32.
    """
    nz, ny, nx = out.shape
    row, known = np.empty(array.shape[2], np.float32), np.empty(array.shape[2], np.float32)
    sums, counts = np.empty(nx, np.float32), np.empty(nx, np.float32)
    for z in range(nz):
        for y in range(ny):
            sums[:] = 0.0
            counts[:] = 0.0
            for k in range(first[0] + z * factors[0], first[0] + (z + 1) * factors[0]):
                for j in range(first[1] + y * factors[1], first[1] + (y + 1) * factors[1]):
                    unknown = through_curve(array[k, j], curve, square_root, row, known)
                    add_blocks(row, first[2], factors[2], sums)
                    if unknown:
                        add_blocks(known, first[2], factors[2], counts)
                    else:
                        counts += np.float32(factors[2])
            for x in range(nx):
                out[z, y, x] = sums[x] / counts[x]  # none known: 0 / 0 is NaN


@compiled
def through_curve(array: Any, curve: Any, square_root: bool, row: Any, known: Any) -> bool:
    """Map a row of intensities to 0..1, unknown ones to 0; return True if there are such."""
    zero, one = np.float32(0.0), np.float32(1.0)
    unknown = 0
    for i in range(array.shape[0]):
        unknown += array[i] != array[i]
        known[i] = one if array[i] == array[i] else zero
        row[i] = zero
    for k in range(curve.shape[1] - 1):
        low, width = np.float32(curve[0, k]), np.float32(curve[0, k + 1] - curve[0, k])
        slope = np.float32(curve[1, k + 1] - curve[1, k]) / width
        for i in range(array.shape[0]):
            v = array[i]
            if square_root:
                v = np.sqrt(v if v > zero else zero)
            v = v - low
            v = v if v > zero else zero
            row[i] += slope * (v if v < width else width)
    for i in range(array.shape[0]):
        row[i] = row[i] if row[i] < one else one
    return unknown > 0


@compiled
def add_blocks(row: Any, first: int, size: int, sums: Any) -> None:
    """Add the sums of neighbouring entries of a row."""
    if size == 1:
        for x in range(sums.shape[0]):
            sums[x] += row[first + x]
        return
    for x in range(sums.shape[0]):
        for i in range(first + x * size, first + (x + 1) * size):
            sums[x] += row[i]
