"""Compiled trilinear interpolation: the look-up of searches and verdicts.

Points are treated in chunks. A first loop over a chunk finds their neighbors and weights, without
branches and in single precision, so that it is compiled to packed instructions; a second one loads
the neighbors. Positions are rounded to about 1e-4 voxels in an image of 1000 voxels along an axis,
as long as points are given about an origin that is near them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled
from regkit.geometry.grid import SINGLE_EDGE_TOLERANCE

CHUNK = 256  # points whose neighbors and weights fit the nearest cache
ZERO, ONE, NAN = np.float32(0.0), np.float32(1.0), np.float32(np.nan)
# Of one type, because numba widens what is mixed.
FIRST, STEP, NONE, STEP_X = np.int32(0), np.int32(1), np.uint32(0), np.uint32(1)
BEFORE_FIRST = np.float32(-0.5 - SINGLE_EDGE_TOLERANCE)
BEYOND_LAST = np.float32(0.5 + SINGLE_EDGE_TOLERANCE)


@compiled
def interpolate(volume: Any, maps: Any, points: Any, values: Any) -> None:
    """Interpolate a volume linearly at mapped points.

    From the outermost voxel centers to the edge of the field of view, half a voxel beyond, values
    stay constant.

    Parameters
    ----------
    volume
        Shape (z, y, x), float32; NaN is unknown.
    maps
        Affine maps from points to indices (z, y, x), shape (B, 3, 4), float64.
    points
        Points x, y, z about an origin near them, shape (3, N), float32.
    values
        Filled with the values, shape (B, N), float32; NaN outside the field of view.
    """
    flat, count = volume.reshape(volume.size), points.shape[1]
    at, weights = np.empty((4, CHUNK), np.uint32), np.empty((4, CHUNK), np.float32)
    for b in range(maps.shape[0]):
        for first in range(0, count, CHUNK):
            c = slice(first, min(first + CHUNK, count))
            px, py, pz = points[0, c], points[1, c], points[2, c]
            locate(volume.shape, maps[b], px, py, pz, at, weights)
            interpolate_values(flat, at, weights, values[b, c])


@compiled
def gather(volume: Any, maps: Any, points: Any, values: Any, gradients: Any) -> None:
    """Interpolate as `interpolate` does, to rounding, and the gradient too.

    `gradients` is filled with the derivatives by the index, shape (B, 3, N), float32; they have
    no meaning where the value is NaN.
    """
    flat, count = volume.reshape(volume.size), points.shape[1]
    at, weights = np.empty((4, CHUNK), np.uint32), np.empty((4, CHUNK), np.float32)
    for b in range(maps.shape[0]):
        for first in range(0, count, CHUNK):
            c = slice(first, min(first + CHUNK, count))
            px, py, pz = points[0, c], points[1, c], points[2, c]
            locate(volume.shape, maps[b], px, py, pz, at, weights)
            by_z, by_y, by_x = gradients[b, 0, c], gradients[b, 1, c], gradients[b, 2, c]
            interpolate_gradients(flat, at, weights, values[b, c], by_z, by_y, by_x)


@compiled
def locate(  # noqa: PLR0917 - each has its own meaning
    shape: Any, m: Any, px: Any, py: Any, pz: Any, at: Any, weights: Any
) -> None:
    """Find the neighbors of mapped points, and their weights.

    Parameters
    ----------
    shape
        Number of voxels of the volume along z, y, x.
    m
        Affine map from points to indices (z, y, x), shape (3, 4).
    px, py, pz
        Points, shape (N,).
    at
        Filled: flat index of the first neighbor, and steps from there to the next one along z, y
        and x (zero beyond the outermost centers), shape (4, N or more), uint32.
    weights
        Filled: weights of the next neighbor along z, y and x, and 0 inside the field of view,
        NaN outside, shape (4, N or more), float32.
    """
    zx, zy, zz, z0 = float32s(m[0])
    yx, yy, yz, y0 = float32s(m[1])
    xx, xy, xz, x0 = float32s(m[2])
    lz, ly, lx = np.int32(shape[0] - 1), np.int32(shape[1] - 1), np.int32(shape[2] - 1)
    fz, fy, fx = np.float32(lz), np.float32(ly), np.float32(lx)
    end_z, end_y, end_x = fz + BEYOND_LAST, fy + BEYOND_LAST, fx + BEYOND_LAST
    step_y, step_z = np.uint32(shape[2]), np.uint32(shape[1] * shape[2])
    first, next_z, next_y, next_x = at[0], at[1], at[2], at[3]
    wz, wy, wx, known = weights[0], weights[1], weights[2], weights[3]
    for i in range(px.shape[0]):
        z = zx * px[i] + zy * py[i] + zz * pz[i] + z0
        y = yx * px[i] + yy * py[i] + yz * pz[i] + y0
        x = xx * px[i] + xy * py[i] + xz * pz[i] + x0
        within = (z >= BEFORE_FIRST) & (z <= end_z)
        within &= (y >= BEFORE_FIRST) & (y <= end_y)
        within &= (x >= BEFORE_FIRST) & (x <= end_x)
        known[i] = ZERO if within else NAN
        k, j, l = below(z, fz), below(y, fy), below(x, fx)  # noqa: E741
        wz[i], wy[i], wx[i] = z - np.float32(k), y - np.float32(j), x - np.float32(l)
        k0, j0, l0 = max(k, FIRST), max(j, FIRST), max(l, FIRST)
        next_z[i] = step_z if k0 == k and k < lz else NONE
        next_y[i] = step_y if j0 == j and j < ly else NONE
        next_x[i] = STEP_X if l0 == l and l < lx else NONE
        first[i] = np.uint32(np.uint32(k0 * step_z) + np.uint32(j0 * step_y)) + np.uint32(l0)


@compiled
def float32s(row: Any) -> Any:
    """Return four numbers in single precision."""
    return np.float32(row[0]), np.float32(row[1]), np.float32(row[2]), np.float32(row[3])


@compiled
def below(position: Any, last: Any) -> Any:
    """Return the index at or below a position, from -1 to the last one (-1 for NaN)."""
    at = max(-ONE, position)
    at = min(last, at)
    return np.int32(np.int32(at + ONE) - STEP)


@compiled
def interpolate_values(flat: Any, at: Any, weights: Any, values: Any) -> None:
    """Fill in the values of a flat volume at points from `locate`, float32."""
    first, next_z, next_y, next_x = at[0], at[1], at[2], at[3]
    wz, wy, wx, known = weights[0], weights[1], weights[2], weights[3]
    for i in range(values.shape[0]):
        dx, dy, w = next_x[i], next_y[i], wx[i]
        near, far = first[i], first[i] + next_z[i]
        a, c = flat[near], flat[near + dx]
        v00 = a + w * (c - a)
        a, c = flat[near + dy], flat[near + dy + dx]
        v01 = a + w * (c - a)
        a, c = flat[far], flat[far + dx]
        v10 = a + w * (c - a)
        a, c = flat[far + dy], flat[far + dy + dx]
        v11 = a + w * (c - a)
        v0, v1 = v00 + wy[i] * (v01 - v00), v10 + wy[i] * (v11 - v10)
        values[i] = v0 + wz[i] * (v1 - v0) + known[i]


@compiled
def interpolate_gradients(  # noqa: PLR0917 - each has its own meaning
    flat: Any, at: Any, weights: Any, values: Any, by_z: Any, by_y: Any, by_x: Any
) -> None:
    """Fill in values as `interpolate_values` does, and their derivatives by the index z, y, x."""
    first, next_z, next_y, next_x = at[0], at[1], at[2], at[3]
    wz, wy, wx, known = weights[0], weights[1], weights[2], weights[3]
    for i in range(values.shape[0]):
        dx, dy, w = next_x[i], next_y[i], wx[i]
        near, far = first[i], first[i] + next_z[i]
        a, c = flat[near], flat[near + dx]
        d00, v00 = c - a, a + w * (c - a)
        a, c = flat[near + dy], flat[near + dy + dx]
        d01, v01 = c - a, a + w * (c - a)
        a, c = flat[far], flat[far + dx]
        d10, v10 = c - a, a + w * (c - a)
        a, c = flat[far + dy], flat[far + dy + dx]
        d11, v11 = c - a, a + w * (c - a)
        v0, v1 = v00 + wy[i] * (v01 - v00), v10 + wy[i] * (v11 - v10)
        d0, d1 = d00 + wy[i] * (d01 - d00), d10 + wy[i] * (d11 - d10)
        values[i] = v0 + wz[i] * (v1 - v0) + known[i]
        by_z[i] = v1 - v0
        by_y[i] = v01 - v00 + wz[i] * ((v11 - v10) - (v01 - v00))
        by_x[i] = d0 + wz[i] * (d1 - d0)
