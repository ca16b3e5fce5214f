"""Random points, one in each cell of a box, and affine maps of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled

HALF = np.float32(0.5)


@compiled
def spread_over_box(places: Any, cells: Any, sides: Any) -> None:
    """Turn places in cells into places in the box, about its middle.

    Parameters
    ----------
    places
        Places z, y, x in each cell, from 0 to 1, shape (3, cells of the box), float32; changed in
        place. The cells are in the order of voxels.
    cells
        Number of cells along z, y, x.
    sides
        Sides of the box along z, y, x, in the unit of the result, float32.
    """
    rows, columns = cells[0] * cells[1], cells[2]
    by_z, by_y, by_x = places[0], places[1], places[2]
    step_z, step_y = sides[0] / np.float32(cells[0]), sides[1] / np.float32(cells[1])
    step_x = sides[2] / np.float32(columns)
    half_z, half_y, half_x = HALF * sides[0], HALF * sides[1], HALF * sides[2]
    for row in range(rows):
        z, y, first = np.float32(row // cells[1]), np.float32(row % cells[1]), row * columns
        for x in range(columns):
            i = first + x
            by_z[i] = (by_z[i] + z) * step_z - half_z
            by_y[i] = (by_y[i] + y) * step_y - half_y
            by_x[i] = (by_x[i] + np.float32(x)) * step_x - half_x


@compiled
def map_points(matrix: Any, points: Any, mapped: Any) -> None:
    """Fill in mapped points, shape (3, N), by a matrix (3, 4), all in single precision."""
    for row in range(3):
        a, b, c, shift = matrix[row, 0], matrix[row, 1], matrix[row, 2], matrix[row, 3]
        for i in range(points.shape[1]):
            mapped[row, i] = a * points[0, i] + b * points[1, i] + c * points[2, i] + shift
