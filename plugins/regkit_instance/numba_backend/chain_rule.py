"""The chain rule: from derivatives by interpolated values to derivatives by the map.

Every metric of intensities is a function of the values only: its derivatives by the map follow
from its derivatives by the values and the gradients of the image.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled


@compiled
def backpropagate(values: Any, slopes: Any, gradients: Any, points: Any, by_maps: Any) -> None:
    """Sum the derivatives by each value into derivatives by the entries of the maps.

    Parameters
    ----------
    values, gradients
        Values and gradients from `regkit.geometry.interpolation.values_and_gradients`.
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
