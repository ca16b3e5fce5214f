"""BFGS on transform parameters, for many starts at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit_instance.measures import Measure
from regkit_instance.motion import Motion

# Least fraction of the gain predicted by the gradient for a step to be accepted; the value is that
# of Nocedal and Wright, Numerical Optimization, chapter 3.
ARMIJO = 1e-4
# Factors by which a rejected step is shortened: at least, at most. Chosen by hand.
SHORTEN, MOST_SHORTENED = 0.5, 0.1
# Cosine of step and change of gradient above which curvature is used: excludes rounding errors.
MIN_CURVATURE_COSINE = 1e-10


@dataclass(frozen=True, eq=False)
class Maxima:
    """Ends of searches.

    Parameters
    ----------
    maps
        Final maps, shape (B, 3, 4).
    values
        Values of the measure there, shape (B,).
    evaluations
        Number of values and gradients computed, of all starts together.
    """

    maps: FloatArray
    values: FloatArray
    evaluations: int


def maximize(  # noqa: PLR0917 - each has its own meaning
    measure: Measure,
    motion: Motion,
    maps: FloatArray,
    first_step_mm: float,
    min_step_mm: float,
    max_evaluations: int,
) -> Maxima:
    """Maximize a measure from each of the start maps.

    The searches advance together, each with its own line search, so that the measure is evaluated
    in batches. A step is shortened to the maximum of a parabola until it gains enough.

    Parameters
    ----------
    measure
        Function to maximize.
    motion
        Transform model.
    maps
        Initial maps, shape (B, 3, 4).
    first_step_mm
        Length of the first step; later ones are at most four times as long.
    min_step_mm
        Length of a step at which a search ends.
    max_evaluations
        Largest number of evaluations of a search.
    """
    search = _Bfgs(measure, motion, maps, first_step_mm)
    for _ in range(max_evaluations - 1):
        if not search.active.any():
            break
        search.advance(min_step_mm)
    return Maxima(search.maps, search.values, search.evaluations)


class _Bfgs:
    """Current map, approximate inverse Hessian and next step of each search."""

    def __init__(
        self, measure: Measure, motion: Motion, maps: FloatArray, first_step_mm: float
    ) -> None:
        self.measure, self.motion, self.first_step_mm = measure, motion, first_step_mm
        self.maps = maps.copy()
        self.values, by_maps = measure.values_and_gradients(maps)
        self.slopes = motion.tangent(maps, by_maps)
        self.evaluations = len(maps)
        self.active: NDArray[np.bool_] = np.isfinite(self.values)
        self.inverse = np.tile(np.eye(motion.size), (len(maps), 1, 1))
        self.fresh = np.ones(len(maps), dtype=bool)
        self.length = np.ones(len(maps))
        self.direction = self._search_direction(np.arange(len(maps)))

    def advance(self, min_step_mm: float) -> None:
        """Try a step of every active search."""
        at = np.flatnonzero(self.active)
        step = self.length[at, None] * self.direction[at]
        maps = self.motion.step(self.maps[at], step)
        values, by_maps = self.measure.values_and_gradients(maps)
        self.evaluations += len(at)
        predicted = (self.slopes[at] * step).sum(axis=1)
        good = values >= self.values[at] + ARMIJO * predicted
        slopes = self.motion.tangent(maps, by_maps)
        self._shorten(at[~good], values[~good], predicted[~good])
        accepted = at[good]
        self._update_inverse(accepted, step[good], self.slopes[accepted] - slopes[good])
        self.maps[accepted], self.values[accepted] = maps[good], values[good]
        self.slopes[accepted], self.length[accepted] = slopes[good], 1.0
        self.direction[accepted] = self._search_direction(accepted)
        self._stop_or_restart(at, _lengths(step), good, min_step_mm)

    def _search_direction(self, at: NDArray[np.int64]) -> FloatArray:
        """Return the quasi-Newton step, shortened to the longest allowed one."""
        direction = np.einsum("bij,bj->bi", self.inverse[at], self.slopes[at])
        length = _lengths(direction)
        limit = np.where(self.fresh[at], self.first_step_mm, 4 * self.first_step_mm)
        wanted = np.where(self.fresh[at], limit, np.minimum(length, limit))
        return np.asarray(direction * (wanted / np.maximum(length, 1e-300))[:, None])

    def _shorten(self, at: NDArray[np.int64], values: FloatArray, predicted: FloatArray) -> None:
        """Shorten rejected steps to the maximum of a parabola, between a tenth and half."""
        if len(at) == 0:
            return
        lost = self.values[at] - values + predicted
        with np.errstate(invalid="ignore"):
            factor = np.where(np.isfinite(lost), predicted / np.maximum(2 * lost, 1e-300), SHORTEN)
        self.length[at] *= np.clip(factor, MOST_SHORTENED, SHORTEN)

    def _update_inverse(self, at: NDArray[np.int64], step: FloatArray, change: FloatArray) -> None:
        """Update the inverse of the negative Hessian (BFGS) where the curvature is negative."""
        curve = (step * change).sum(axis=1)
        use = curve > MIN_CURVATURE_COSINE * _lengths(step) * _lengths(change)
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

    def _stop_or_restart(
        self,
        at: NDArray[np.int64],
        length: FloatArray,
        good: NDArray[np.bool_],
        min_step_mm: float,
    ) -> None:
        """Stop searches with small steps; restart rejected ones along the gradient first."""
        small = length < min_step_mm
        stuck = at[small & ~good & ~self.fresh[at]]
        self.active[at[small]] = False
        if len(stuck) == 0:
            return
        self.active[stuck] = True
        self.inverse[stuck] = np.eye(self.motion.size)
        self.fresh[stuck], self.length[stuck] = True, 1.0
        self.direction[stuck] = self._search_direction(stuck)


def _lengths(vectors: FloatArray) -> FloatArray:
    """Return the lengths (B,) of vectors (B, N)."""
    return np.asarray(np.sqrt((vectors**2).sum(axis=1)))
