"""BFGS on transform parameters, for many starts at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit_instance.measures import Measure, SampledMetric
from regkit_instance.motion import Motion
from regkit_instance.numba_backend.bfgs import Searches, restart_all, take_steps

LONGEST = 4.0  # longest step in first steps, unless it is told; chosen by hand


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
    longest_step_mm: float = 0.0,
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
        Length of the first step.
    min_step_mm
        Length of a step at which a search ends.
    max_evaluations
        Largest number of evaluations of a search.
    longest_step_mm
        Length of the longest steps; 0 means four times the first one.
    """
    limits_mm = (first_step_mm, longest_step_mm or LONGEST * first_step_mm, min_step_mm)
    searches = _searches(maps, motion.size)
    if motion.model == "rigid" and isinstance(measure, SampledMetric):
        evaluations = measure.ascend(searches, motion.radius_mm, limits_mm, max_evaluations)
        if evaluations > 0:
            return Maxima(searches.maps, searches.values, evaluations)
    searches.values[:], by_maps = measure.values_and_gradients(maps)
    searches.slopes[:] = motion.tangent(maps, by_maps)
    searches.active[:] = np.isfinite(searches.values)
    restart_all(searches, limits_mm)
    evaluations = len(maps)
    for _ in range(max_evaluations - 1):
        at = np.flatnonzero(searches.active)
        if len(at) == 0:
            break
        steps = searches.length[at, None] * searches.direction[at]
        tried = motion.step(searches.maps[at], steps)
        values, by_maps = measure.values_and_gradients(tried)
        slopes = motion.tangent(tried, by_maps)
        take_steps(searches, at, steps, tried, values, slopes, limits_mm)
        evaluations += len(at)
    return Maxima(searches.maps, searches.values, evaluations)


def _searches(maps: FloatArray, size: int) -> Searches:
    """Return searches from maps, not begun yet, for so many parameters."""
    values, slopes = np.empty(len(maps)), np.empty((len(maps), size))
    fresh, active = np.empty(len(maps), bool), np.empty(len(maps), bool)
    inverse = np.empty((len(maps), size, size))
    length, direction = np.empty_like(values), np.empty_like(slopes)
    return Searches(maps.copy(), values, slopes, inverse, fresh, length, direction, active)
