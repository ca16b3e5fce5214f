"""Piecewise linear basis functions of uptake, around the long axis of a ventricle and along it."""

from __future__ import annotations

import numpy as np

from regkit.geometry.grid import FloatArray

# Number of nodes around the long axis and along it; chosen by hand.
ANGLES, LEVELS = 6, 4


def uptake_basis(points: FloatArray, levels: FloatArray) -> FloatArray:
    """Return the weights of the nodes at points, (points, nodes); they sum to one.

    The apex is one node; every other level has `ANGLES` nodes.

    Parameters
    ----------
    points
        Points in the short-axis frame of the ventricle, mm, shape (points, 3).
    levels
        Heights of points of the ventricle, mm: the lowest is the apex, the highest the base.
    """
    height = (points[:, 2] - levels.min()) / max(float(np.ptp(levels)), 1e-6)
    turn = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) % 1
    level = _hats(np.clip(height, 0, 1) * (LEVELS - 1), LEVELS)
    # Around the axis the last node is the first one again.
    around = _hats(turn * ANGLES, ANGLES + 1)
    around[:, 0] += around[:, ANGLES]
    both = level[:, 1:, None] * around[:, None, :ANGLES]
    return np.concatenate([level[:, :1], both.reshape(len(points), -1)], axis=1)


def _hats(at: FloatArray, count: int) -> FloatArray:
    """Return the linear hat functions of numbered nodes at positions, (points, count)."""
    return np.asarray(np.clip(1 - np.abs(at[:, None] - np.arange(count)), 0, 1))
