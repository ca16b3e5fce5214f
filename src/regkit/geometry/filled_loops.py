"""Compiled interpolation of a volume that has one value outside of a mask."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled
from regkit.geometry.interpolation_loops import CHUNK, interpolate_values, locate


@compiled
def fill_and_interpolate(  # noqa: PLR0917 - each has its own meaning
    volume: Any, known: Any, value: Any, maps: Any, points: Any, values: Any
) -> None:
    """Interpolate as the loop for whole volumes does, with its parameters and two more.

    Parameters
    ----------
    volume, maps, points, values
        See `regkit.geometry.interpolation_loops.interpolate`.
    known
        Mask, shape (z, y, x), uint8.
    value
        The value where the mask is 0, float32.
    """
    flat, marked, count = volume.reshape(volume.size), known.reshape(known.size), points.shape[1]
    at, weights = np.empty((4, CHUNK), np.uint32), np.empty((4, CHUNK), np.float32)
    corners = np.empty(8 * CHUNK, np.float32)
    for b in range(maps.shape[0]):
        for first in range(0, count, CHUNK):
            c = slice(first, min(first + CHUNK, count))
            px, py, pz = points[0, c], points[1, c], points[2, c]
            locate(volume.shape, maps[b], px, py, pz, at, weights)
            collect(flat, marked, value, at[:, : px.shape[0]], corners)
            interpolate_values(corners, at, weights, values[b, c])


@compiled
def collect(flat: Any, known: Any, value: Any, at: Any, corners: Any) -> None:
    """Fill in the eight neighbors of each point, and let `at` point to them."""
    for i in range(at.shape[1]):
        for n in range(8):
            near = at[0, i] + (n >> 2) * at[1, i] + (n >> 1 & 1) * at[2, i] + (n & 1) * at[3, i]
            corners[8 * i + n] = flat[near] if known[near] != 0 else value
        at[0, i], at[1, i], at[2, i], at[3, i] = 8 * i, 4, 2, 1
