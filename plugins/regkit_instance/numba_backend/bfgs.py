"""Steps of many BFGS searches that advance together.

Nocedal and Wright, Numerical Optimization, chapters 3 and 6.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from regkit.compiled import compiled
from regkit.geometry.grid import FloatArray

# Least fraction of the gain predicted by the gradient for a step to be accepted; the value is that
# of the book, chapter 3.
ARMIJO = 1e-4
# Factors by which a rejected step is shortened: at least, at most. Chosen by hand.
SHORTEN, MOST_SHORTENED = 0.5, 0.1
# Cosine of step and change of gradient above which curvature is used: excludes rounding errors.
MIN_CURVATURE_COSINE = 1e-10
TINY = 1e-300  # keeps divisions from zero


class Searches(NamedTuple):
    """Current place, approximate inverse Hessian and next step of B searches with P parameters.

    Parameters
    ----------
    maps
        Maps reached, shape (B, 3, 4).
    values
        Values of the function to maximize there, shape (B,).
    slopes
        Derivatives there by steps, shape (B, P).
    inverse
        Approximate inverse Hessians of minus the function, shape (B, P, P).
    fresh
        True where no curvature is known yet, shape (B,).
    length
        Fraction of the direction that is the next step, shape (B,).
    direction
        Quasi-Newton steps, shape (B, P).
    active
        False where a search has ended, shape (B,).
    """

    maps: FloatArray
    values: FloatArray
    slopes: FloatArray
    inverse: FloatArray
    fresh: NDArray[np.bool_]
    length: FloatArray
    direction: FloatArray
    active: NDArray[np.bool_]


@compiled
def restart(searches: Any, b: int, limits_mm: Any) -> None:
    """Forget the curvature of a search: the next step goes along the gradient."""
    for p in range(searches.slopes.shape[1]):
        for q in range(searches.slopes.shape[1]):
            searches.inverse[b, p, q] = 1.0 if p == q else 0.0
    searches.fresh[b] = True
    set_direction(searches, b, limits_mm)


@compiled
def restart_all(searches: Any, limits_mm: Any) -> None:
    """Begin every search."""
    for b in range(searches.values.shape[0]):
        restart(searches, b, limits_mm)


@compiled
def set_direction(searches: Any, b: int, limits_mm: Any) -> None:
    """Set the quasi-Newton step, shortened to the longest allowed one."""
    direction = searches.direction[b]
    multiply(searches.inverse[b], searches.slopes[b], direction)
    length = max(np.sqrt(product(direction, direction)), TINY)
    factor = (limits_mm[0] if searches.fresh[b] else min(length, limits_mm[1])) / length
    for p in range(direction.shape[0]):
        direction[p] *= factor
    searches.length[b] = 1.0


@compiled
def take_steps(
    searches: Any,
    at: Any,
    steps: Any,
    maps: Any,
    values: Any,
    slopes: Any,
    limits_mm: Any,
) -> None:
    """Accept the steps that gain enough, and shorten the others.

    Parameters
    ----------
    searches
        Changed in place: a `Searches`.
    at
        Indices of the searches that tried a step, shape (N,).
    steps
        Steps tried, shape (N, P).
    maps, values, slopes
        Maps that they led to, and values and slopes there, as in `Searches`, shapes (N, 3, 4),
        (N,) and (N, P).
    limits_mm
        Length of a step along the gradient, of the longest steps, and of those at which a search
        ends: where a short step is good and the next one is short too, or where one along the
        gradient is not good; elsewhere, curvature misled it, and it starts again.
    """
    change = np.empty((2, steps.shape[1]))
    for i in range(at.shape[0]):
        b = at[i]
        predicted = product(searches.slopes[b], steps[i])
        small = np.sqrt(product(steps[i], steps[i])) < limits_mm[2]
        good = values[i] >= searches.values[b] + ARMIJO * predicted
        if good:
            for p in range(steps.shape[1]):
                change[0, p] = searches.slopes[b, p] - slopes[i, p]
            learn_curvature(searches, b, steps[i], change[0], change[1])
            arrive(searches, b, maps[i], values[i], slopes[i])
            set_direction(searches, b, limits_mm)
            further = product(searches.direction[b], searches.direction[b])
            searches.active[b] = not small or further >= limits_mm[2] ** 2
            continue
        searches.length[b] *= shortening(searches.values[b] - values[i], predicted)
        if small and searches.fresh[b]:
            searches.active[b] = False
        elif small:
            restart(searches, b, limits_mm)


@compiled
def arrive(searches: Any, b: int, map_there: Any, value: float, slopes: Any) -> None:
    """Note where a search is."""
    searches.values[b] = value
    for row in range(3):
        for column in range(4):
            searches.maps[b, row, column] = map_there[row, column]
    for p in range(slopes.shape[0]):
        searches.slopes[b, p] = slopes[p]


@compiled
def shortening(lost: float, predicted: float) -> float:
    """Return the factor to the maximum of a parabola, between a tenth and half."""
    lost += predicted
    factor = predicted / max(2 * lost, TINY) if np.isfinite(lost) else SHORTEN
    return min(max(factor, MOST_SHORTENED), SHORTEN)


@compiled
def learn_curvature(searches: Any, b: int, step: Any, change: Any, scratch: Any) -> None:
    """Update the inverse Hessian of a search by a step and the change of minus the gradient."""
    h, curve, size = searches.inverse[b], product(step, change), step.shape[0]
    squared = product(change, change)
    if not curve > MIN_CURVATURE_COSINE * np.sqrt(product(step, step) * squared):
        return
    if searches.fresh[b]:
        for p in range(size):
            for q in range(size):
                h[p, q] *= curve / squared
        searches.fresh[b] = False
    multiply(h, change, scratch)
    grow = (1 + product(change, scratch) / curve) / curve
    for p in range(size):
        for q in range(size):
            cross = scratch[p] * step[q] + step[p] * scratch[q]
            h[p, q] += grow * step[p] * step[q] - cross / curve


@compiled
def multiply(matrix: Any, vector: Any, result: Any) -> None:
    """Fill in the product of a matrix and a vector."""
    for p in range(result.shape[0]):
        result[p] = product(matrix[p], vector)


@compiled
def product(one: Any, other: Any) -> float:
    """Return the inner product of two vectors."""
    total = 0.0
    for p in range(one.shape[0]):
        total += one[p] * other[p]
    return total
