"""Distances between two sets of points: each point to the nearest one of the other set."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled

ZERO = np.float32(0.0)


@compiled
def nearest_squared_distances(points: Any, others: Any, same: bool, squares: Any) -> None:
    """Compare every point with every other: quicker than to import a library with a tree.

    Parameters
    ----------
    points, others
        Positions, shape (3, N) and (3, M), float32.
    same
        True if both are the same points, none of which is its own neighbor.
    squares
        Filled with the squared distances of `points`, shape (N,), float32.
    """
    squares[:] = np.inf
    for other in range(others.shape[1]):
        x, y, z = others[0, other], others[1, other], others[2, other]
        own = squares[other] if same else ZERO
        for point in range(squares.size):
            dx, dy, dz = points[0, point] - x, points[1, point] - y, points[2, point] - z
            square = dx * dx + dy * dy + dz * dz
            squares[point] = min(squares[point], square)
        if same:
            squares[other] = own
