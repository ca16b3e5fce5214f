"""Compiled resampling of a volume through an affine map, row by row.

Along a row of the result the position in the volume is linear: the part of the row inside the
field of view is known beforehand, so that the loops over it have no branches. Positions are in
double precision: whole steps of the grid meet voxel centers, where the value is that of the voxel
alone, whatever its neighbors hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled

CHUNK = 512  # voxels whose neighbors and weights fit the nearest cache
# Voxels by which rounding may put the edge of the field of view outside it.
EDGE_ROUNDING = 1e-6
NONE, ONE, ZERO, HALF = np.int64(0), np.int64(1), np.float64(0.0), 0.5 + EDGE_ROUNDING


@compiled
def warp(volume: Any, to_index: Any, outside: Any, first_slice: Any, out: Any) -> None:
    """Resample a volume linearly; from the outermost centers to the edge, values stay constant.

    Parameters
    ----------
    volume
        Shape (z, y, x), float32.
    to_index
        Affine map from indices (z, y, x) of the result to those of the volume, shape (3, 4),
        float64.
    outside
        Fill value outside the field of view, float32.
    first_slice
        Index z, in the result, of the first slice to fill.
    out
        Filled: slices of the result, shape (z, y, x), float32.
    """
    flat, m, count = volume.reshape(volume.size), to_index, out.shape[2]
    strides = (np.int64(volume.shape[1] * volume.shape[2]), np.int64(volume.shape[2]), ONE)
    at, weights = np.empty((4, CHUNK), np.int64), np.empty((3, CHUNK), np.float64)
    begin = np.empty(3, np.float64)
    for k in range(out.shape[0]):
        for y in range(out.shape[1]):
            row, start, stop = out[k, y], 0, count
            for axis in range(3):
                begin[axis] = m[axis, 0] * (first_slice + k) + m[axis, 1] * y + m[axis, 3]
                start, stop = within(begin[axis], m[axis, 2], volume.shape[axis], start, stop)
            row[:start] = outside
            row[max(start, stop) :] = outside
            for x in range(start, stop, CHUNK):
                n = min(CHUNK, stop - x)
                at[0, :n] = NONE
                for axis in range(3):
                    last = np.float64(volume.shape[axis] - 1)
                    next_at, weight = at[1 + axis, :n], weights[axis, :n]
                    locate_in_row(
                        begin[axis], m[axis, 2], x, last, strides[axis], at[0], next_at, weight
                    )
                blend_row(flat, at, weights, row[x : x + n])


@compiled
def within(begin: Any, step: Any, size: Any, start: Any, stop: Any) -> Any:
    """Return the part of a range of voxels whose positions along an axis are in the volume."""
    low, high = -HALF - begin, size - 1 + HALF - begin
    if step == ZERO:
        return (start, stop) if low <= ZERO <= high else (start, start)
    near, far = min(low / step, high / step), max(low / step, high / step)
    # Clipped before the conversion, since a whole number cannot hold every position.
    near, far = max(near, np.float64(start)), min(far, np.float64(stop - 1))
    if not near <= far:
        return start, start
    return np.int64(np.ceil(near)), np.int64(np.floor(far)) + 1


@compiled
def locate_in_row(  # noqa: PLR0917 - each has its own meaning
    begin: Any, step: Any, x: Any, last: Any, stride: Any, first: Any, next_at: Any, weight: Any
) -> None:
    """Find the neighbors of voxels along an axis, and their weights.

    Parameters
    ----------
    begin, step
        Position of the row's first voxel, and the distance of its voxels, in voxels of the volume.
    x
        Index of the first voxel to locate.
    last
        Position of the outermost center.
    stride
        Distance of neighbors along the axis in the flat volume.
    first
        Increased by the flat index of the nearer neighbor.
    next_at
        Filled with the step from there to the next neighbor; zero at a center.
    weight
        Filled with the weight of the next neighbor.
    """
    for i in range(weight.shape[0]):
        position = min(max(begin + np.float64(x + i) * step, ZERO), last)
        index = np.int64(position)
        weight[i] = position - np.float64(index)
        next_at[i] = stride if weight[i] > ZERO else NONE
        first[i] += index * stride


@compiled
def blend_row(flat: Any, at: Any, weights: Any, row: Any) -> None:
    """Fill in the weighted sums of the neighbors that `locate_in_row` found."""
    first, next_z, next_y, next_x = at[0], at[1], at[2], at[3]
    wz, wy, wx = weights[0], weights[1], weights[2]
    for i in range(row.shape[0]):
        near, far = first[i], first[i] + next_z[i]
        dy, dx, w = next_y[i], next_x[i], wx[i]
        v00 = blended(flat[near], flat[near + dx], w)
        v01 = blended(flat[near + dy], flat[near + dy + dx], w)
        v10 = blended(flat[far], flat[far + dx], w)
        v11 = blended(flat[far + dy], flat[far + dy + dx], w)
        row[i] = blended(blended(v00, v01, wy[i]), blended(v10, v11, wy[i]), wz[i])


@compiled
def blended(a: Any, b: Any, weight: Any) -> Any:
    """Return the value at a fraction of the way from one value to another, finite or not."""
    return a + weight * (np.float64(b) - np.float64(a)) if weight > ZERO else np.float64(a)
