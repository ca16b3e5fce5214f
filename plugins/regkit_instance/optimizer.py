"""BFGS on transform parameters, for many starts at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit_instance.measures import Measure
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
    values, by_maps = measure.values_and_gradients(maps)
    slopes = motion.tangent(maps, by_maps)
    count, active = len(maps), np.isfinite(values)
    searches = Searches(
        *(maps.copy(), values, slopes, np.empty((count, motion.size, motion.size))),
        *(np.empty(count, bool), np.empty(count), np.empty_like(slopes), active),
    )
    restart_all(searches, limits_mm)
    evaluations = count
    for _ in range(max_evaluations - 1):
        at = np.flatnonzero(active)
        if len(at) == 0:
            break
        steps = searches.length[at, None] * searches.direction[at]
        tried = motion.step(searches.maps[at], steps)
        values, by_maps = measure.values_and_gradients(tried)
        slopes = motion.tangent(tried, by_maps)
        take_steps(searches, at, steps, tried, values, slopes, limits_mm)
        evaluations += len(at)
    return Maxima(searches.maps, searches.values, evaluations)
