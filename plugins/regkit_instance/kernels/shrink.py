"""Windowed, averaged and padded copies of an image in one pass over it."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit_instance.kernels.compiled import compiled


@compiled
def shrink(array: Any, factors: Any, first: Any, curve: Any, square_root: bool, out: Any) -> None:
    """Average blocks of voxels, their intensities first brought to 0..1.

    Parameters
    ----------
    array
        Intensities, shape (z, y, x), float32; NaN is unknown, and left out of the average.
    factors
        Voxels per block along z, y, x.
    first
        Index of the first voxel of the first block.
    curve
        Rising intensities and what they become, from 0 to 1, shape (2, K); straight between
        them, clipped beyond.
    square_root
        Take the root of intensities (negative ones are zero) first.
    out
        Filled, float32, one voxel larger than the blocks on every side; edges are repeated.
    """
    nz, ny, nx = out.shape[0] - 2, out.shape[1] - 2, out.shape[2] - 2
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
                out[z + 1, y + 1, x + 1] = sums[x] / counts[x]  # none known: 0 / 0 is NaN
    repeat_edges(out)


@compiled
def through_curve(array: Any, curve: Any, square_root: bool, row: Any, known: Any) -> bool:
    """Bring a row of intensities to 0..1, unknown ones to 0, and tell whether there are any."""
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


@compiled
def smooth(array: Any, axis_weights: Any, out: Any) -> None:
    """Smooth a padded volume by (w, 1 - 2 w, w) along each axis, leaving unknown voxels out.

    Parameters
    ----------
    array
        Padded, float32; used as scratch.
    axis_weights
        w along z, y, x, from 0 to 1/3.
    out
        Filled, of the same shape.
    """
    for axis in range(3):
        w = np.float32(axis_weights[axis])
        dz, dy, dx = int(axis == 0), int(axis == 1), int(axis == 2)
        for z in range(1, array.shape[0] - 1):
            for y in range(1, array.shape[1] - 1):
                for x in range(1, array.shape[2] - 1):
                    here = array[z, y, x]
                    a, b = array[z - dz, y - dy, x - dx], array[z + dz, y + dy, x + dx]
                    a, b = a if a == a else here, b if b == b else here
                    out[z, y, x] = here + w * (a - here + b - here)
        repeat_edges(out)
        if axis < 2:
            array[:] = out


@compiled
def repeat_edges(out: Any) -> None:
    """Repeat the voxels next to the padding in it."""
    out[0], out[-1] = out[1], out[-2]
    out[:, 0], out[:, -1] = out[:, 1], out[:, -2]
    out[:, :, 0], out[:, :, -1] = out[:, :, 1], out[:, :, -2]
