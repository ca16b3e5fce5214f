"""Places in a ventricle between which uptakes are linear: around its long axis, and along it."""

from __future__ import annotations

import numpy as np

from regkit.geometry.grid import FloatArray

# So many around the long axis, at so many levels along it.
AROUND, ALONG = 6, 4


def uptake_basis(points: FloatArray, levels: FloatArray) -> FloatArray:
    """Return shares of places in a ventricle's own frame, (points, places), that sum to one.

    The apex is one place; at every other level there are `AROUND`.

    Parameters
    ----------
    points
        In the ventricle's own frame, mm, shape (points, 3).
    levels
        Heights in it, mm: the lowest is the apex, the highest the base.
    """
    height = (points[:, 2] - levels.min()) / max(float(np.ptp(levels)), 1e-6)
    turn = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi) % 1
    level = _hats(np.clip(height, 0, 1) * (ALONG - 1), ALONG)
    # Around, the last place is the first one again.
    around = _hats(turn * AROUND, AROUND + 1)
    around[:, 0] += around[:, AROUND]
    both = level[:, 1:, None] * around[:, None, :AROUND]
    return np.concatenate([level[:, :1], both.reshape(len(points), -1)], axis=1)


def _hats(at: FloatArray, count: int) -> FloatArray:
    """Return the shares of numbered places in points between them, (points, count)."""
    return np.asarray(np.clip(1 - np.abs(at[:, None] - np.arange(count)), 0, 1))
