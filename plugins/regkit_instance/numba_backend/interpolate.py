"""Values and gradients of a moving image at mapped points, and the chain rule for the map.

Every metric of intensities is a function of these values only: its derivatives by the map follow
from its derivatives by the values and the gradients found here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit_instance.numba_backend.compiled import compiled


@compiled
def gather(volume: Any, maps: Any, points: Any, values: Any, gradients: Any) -> None:
    """Interpolate a padded volume linearly at mapped points, and its gradient.

    Parameters
    ----------
    volume
        Padded volume, shape (z + 2, y + 2, x + 2), float32, edges repeated once on every side;
        NaN is unknown.
    maps
        Affine maps from points to indices (z, y, x) of the padded volume, shape (B, 3, 4).
    points
        Points x, y, z in mm, shape (3, N), float32.
    values
        Filled with the values, shape (B, N), float32; NaN outside the field of view.
    gradients
        Filled with the derivatives by the index, shape (B, 3, N), float32; not written where
        the value is NaN.
    """
    top_z, top_y, top_x = volume.shape[0] - 1.5, volume.shape[1] - 1.5, volume.shape[2] - 1.5
    for b in range(maps.shape[0]):
        m = maps[b]
        for i in range(points.shape[1]):
            px, py, pz = points[0, i], points[1, i], points[2, i]
            z = m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3]
            y = m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3]
            x = m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3]
            if not (0.5 <= z <= top_z and 0.5 <= y <= top_y and 0.5 <= x <= top_x):
                values[b, i] = np.nan
                continue
            k, j, l = int(z), int(y), int(x)  # noqa: E741
            wz, wy, wx = np.float32(z - k), np.float32(y - j), np.float32(x - l)
            a, c = volume[k, j, l], volume[k, j, l + 1]
            d000, v00 = c - a, a + wx * (c - a)
            a, c = volume[k, j + 1, l], volume[k, j + 1, l + 1]
            d010, v01 = c - a, a + wx * (c - a)
            a, c = volume[k + 1, j, l], volume[k + 1, j, l + 1]
            d100, v10 = c - a, a + wx * (c - a)
            a, c = volume[k + 1, j + 1, l], volume[k + 1, j + 1, l + 1]
            d110, v11 = c - a, a + wx * (c - a)
            v0, v1 = v00 + wy * (v01 - v00), v10 + wy * (v11 - v10)
            dx0, dx1 = d000 + wy * (d010 - d000), d100 + wy * (d110 - d100)
            dy0, dy1 = v01 - v00, v11 - v10
            values[b, i] = v0 + wz * (v1 - v0)
            gradients[b, 0, i] = v1 - v0
            gradients[b, 1, i] = dy0 + wz * (dy1 - dy0)
            gradients[b, 2, i] = dx0 + wz * (dx1 - dx0)


@compiled
def interpolate(volume: Any, maps: Any, points: Any, values: Any) -> None:
    """Interpolate as `gather` does, without gradients; equal to it to rounding."""
    top_z, top_y, top_x = volume.shape[0] - 1.5, volume.shape[1] - 1.5, volume.shape[2] - 1.5
    for b in range(maps.shape[0]):
        m = maps[b]
        for i in range(points.shape[1]):
            px, py, pz = points[0, i], points[1, i], points[2, i]
            z = m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz + m[0, 3]
            y = m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz + m[1, 3]
            x = m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz + m[2, 3]
            if not (0.5 <= z <= top_z and 0.5 <= y <= top_y and 0.5 <= x <= top_x):
                values[b, i] = np.nan
                continue
            k, j, l = int(z), int(y), int(x)  # noqa: E741
            wz, wy, wx = np.float32(z - k), np.float32(y - j), np.float32(x - l)
            a, c = volume[k, j, l], volume[k, j, l + 1]
            v00 = a + wx * (c - a)
            a, c = volume[k, j + 1, l], volume[k, j + 1, l + 1]
            v01 = a + wx * (c - a)
            a, c = volume[k + 1, j, l], volume[k + 1, j, l + 1]
            v10 = a + wx * (c - a)
            a, c = volume[k + 1, j + 1, l], volume[k + 1, j + 1, l + 1]
            v11 = a + wx * (c - a)
            v0, v1 = v00 + wy * (v01 - v00), v10 + wy * (v11 - v10)
            values[b, i] = v0 + wz * (v1 - v0)


@compiled
def backpropagate(values: Any, slopes: Any, gradients: Any, points: Any, by_maps: Any) -> None:
    """Sum the derivatives by each value into derivatives by the entries of the maps.

    Parameters
    ----------
    values, gradients
        Values and gradients from `gather`.
    slopes
        Derivatives of the metric by the values, shape (B, N), float32.
    points
        Points x, y, z in mm, shape (3, N).
    by_maps
        Filled, shape (B, 3, 4), float64.
    """
    for b in range(values.shape[0]):
        for row in range(3):
            by_x = by_y = by_z = by_1 = np.float64(0.0)
            for i in range(values.shape[1]):
                known = values[b, i] == values[b, i]
                s = slopes[b, i] * gradients[b, row, i] if known else np.float32(0.0)
                by_x += s * points[0, i]
                by_y += s * points[1, i]
                by_z += s * points[2, i]
                by_1 += s
            by_maps[b, row, 0] = by_x
            by_maps[b, row, 1] = by_y
            by_maps[b, row, 2] = by_z
            by_maps[b, row, 3] = by_1
