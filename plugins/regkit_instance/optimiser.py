"""BFGS on motions, for many starts side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit_instance.measures import Measure
from regkit_instance.motion import Motion

# A step must gain this share of what the slope promises.
ARMIJO = 1e-4
SHORTEN, MOST_SHORTENED = 0.5, 0.1
CURVED = 1e-10


@dataclass(frozen=True, eq=False)
class Peaks:
    """Where searches ended.

    Parameters
    ----------
    maps
        Shape (B, 3, 4).
    values
        Similarity there, shape (B,).
    evaluations
        Values and gradients computed, of all starts together.
    """

    maps: FloatArray
    values: FloatArray
    evaluations: int


def climb(  # noqa: PLR0917 - each says something else
    measure: Measure,
    motion: Motion,
    maps: FloatArray,
    first_mm: float,
    until_mm: float,
    most: int,
) -> Peaks:
    """Climb from each map to a peak of a measure.

    Starts go on side by side, each with its own line search, so that a measure sees them in
    batches. A step is halved (or put at a parabola's peak) until it gains enough.

    Parameters
    ----------
    measure
        What to climb.
    motion
        Steps allowed.
    maps
        Where to start, shape (B, 3, 4).
    first_mm
        Length of the first step; later ones are at most four times as long.
    until_mm
        Length of a step at which a start is done.
    most
        Most evaluations of a start.
    """
    search = _Search(measure, motion, maps, first_mm)
    for _ in range(most - 1):
        if not search.active.any():
            break
        search.advance(until_mm)
    return Peaks(search.maps, search.values, search.evaluations)


class _Search:
    """Where each start is, and the step it tries next."""

    def __init__(
        self, measure: Measure, motion: Motion, maps: FloatArray, first_mm: float
    ) -> None:
        self.measure, self.motion, self.first_mm = measure, motion, first_mm
        self.maps = maps.copy()
        self.values, by_maps = measure.values_and_gradients(maps)
        self.slopes = motion.tangent(maps, by_maps)
        self.evaluations = len(maps)
        self.active: NDArray[np.bool_] = np.isfinite(self.values)
        self.inverse = np.tile(np.eye(motion.size), (len(maps), 1, 1))
        self.fresh = np.ones(len(maps), dtype=bool)
        self.length = np.ones(len(maps))
        self.direction = self._towards(np.arange(len(maps)))

    def advance(self, until_mm: float) -> None:
        """Try a step of every active start."""
        at = np.flatnonzero(self.active)
        step = self.length[at, None] * self.direction[at]
        maps = self.motion.step(self.maps[at], step)
        values, by_maps = self.measure.values_and_gradients(maps)
        self.evaluations += len(at)
        promised = (self.slopes[at] * step).sum(axis=1)
        good = values >= self.values[at] + ARMIJO * promised
        slopes = self.motion.tangent(maps, by_maps)
        self._shorten(at[~good], values[~good], promised[~good])
        took = at[good]
        self._learn(took, step[good], self.slopes[took] - slopes[good])
        self.maps[took], self.values[took] = maps[good], values[good]
        self.slopes[took], self.length[took] = slopes[good], 1.0
        self.direction[took] = self._towards(took)
        self._settle(at, np.linalg.norm(step, axis=1), good, until_mm)

    def _towards(self, at: NDArray[np.int64]) -> FloatArray:
        """Return the step that the curvature known so far suggests, no longer than allowed."""
        direction = np.einsum("bij,bj->bi", self.inverse[at], self.slopes[at])
        length = np.linalg.norm(direction, axis=1)
        limit = np.where(self.fresh[at], self.first_mm, 4 * self.first_mm)
        wanted = np.where(self.fresh[at], limit, np.minimum(length, limit))
        return np.asarray(direction * (wanted / np.maximum(length, 1e-300))[:, None])

    def _shorten(self, at: NDArray[np.int64], values: FloatArray, promised: FloatArray) -> None:
        """Shorten a step that gained too little: to the peak of a parabola, at most to a tenth."""
        lost = self.values[at] - values + promised
        with np.errstate(invalid="ignore"):
            share = np.where(np.isfinite(lost), promised / np.maximum(2 * lost, 1e-300), SHORTEN)
        self.length[at] *= np.clip(share, MOST_SHORTENED, SHORTEN)

    def _learn(self, at: NDArray[np.int64], step: FloatArray, change: FloatArray) -> None:
        """Update the inverse of minus the Hessian (BFGS) where the measure curves down."""
        curve = (step * change).sum(axis=1)
        use = curve > CURVED * np.linalg.norm(step, axis=1) * np.linalg.norm(change, axis=1)
        at, step, change, curve = at[use], step[use], change[use], curve[use]
        if len(at) == 0:
            return
        first = self.fresh[at]
        scale = curve / (change**2).sum(axis=1)
        self.inverse[at[first]] *= scale[first, None, None]
        self.fresh[at] = False
        h = self.inverse[at]
        hy = np.einsum("bij,bj->bi", h, change)
        grow = (1 + (change * hy).sum(axis=1) / curve) / curve
        outer = step[:, :, None] * step[:, None, :] * grow[:, None, None]
        cross = hy[:, :, None] * step[:, None, :] / curve[:, None, None]
        self.inverse[at] = h + outer - cross - cross.transpose(0, 2, 1)

    def _settle(
        self, at: NDArray[np.int64], length: FloatArray, good: NDArray[np.bool_], until_mm: float
    ) -> None:
        """Stop the starts whose steps have become small; give a stuck one a fresh direction."""
        small = length < until_mm
        stuck = at[small & ~good & ~self.fresh[at]]
        self.active[at[small]] = False
        self.active[stuck] = True
        self.inverse[stuck] = np.eye(self.motion.size)
        self.fresh[stuck], self.length[stuck] = True, 1.0
        self.direction[stuck] = self._towards(stuck)
