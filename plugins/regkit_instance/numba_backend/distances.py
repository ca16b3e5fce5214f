"""Distances between two sets of points: each point to the nearest one of the other set."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled


@compiled
def nearest_squared_distances(
    points: Any, others: Any, places: Any, own: Any, squares: Any
) -> None:
    """Compare every point with others in rising distance along x, up to the nearest one.

    This is quicker than to import a library with a tree.

    Parameters
    ----------
    points
        Positions, shape (3, N), float32.
    others
        Positions in the order of their x, shape (3, M), float32.
    places
        Number of `others` with a smaller x than each point, shape (N,).
    own
        Index of each point among `others`, shape (N,), or -1: none is its own neighbor.
    squares
        Filled with the squared distances of `points`, shape (N,), float32.
    """
    count = others.shape[1]
    for i in range(squares.size):
        nearest = np.float32(np.inf)
        for side in range(2):
            step = 1 if side == 1 else -1
            other = places[i] if side == 1 else places[i] - 1
            while 0 <= other < count:
                dx = points[0, i] - others[0, other]
                if dx * dx >= nearest:
                    break
                dy, dz = points[1, i] - others[1, other], points[2, i] - others[2, other]
                square = dx * dx + dy * dy + dz * dz
                if square < nearest and other != own[i]:
                    nearest = square
                other += step
        squares[i] = nearest
