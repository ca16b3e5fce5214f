"""Cubic B-spline Parzen windows: a value adds to four bins, smoothly in the value."""

from __future__ import annotations

from typing import Any

from regkit.compiled import compiled
from regkit_instance.metric_constants import MARGIN_BINS


@compiled
def bin_position(value: Any, bins: int) -> tuple[int, float]:
    """Return the second of the four bins that a value in 0..1 adds to, and the fraction beyond."""
    at = 1.0 + (bins - MARGIN_BINS) * value
    k = int(at)
    return k, at - k


@compiled
def spline_weights(t: float) -> tuple[float, float, float, float]:
    """Return the weights of four bins, summing to one, for a value `t` bins beyond the second."""
    rest = 1.0 - t
    return (
        rest * rest * rest / 6.0,
        (3.0 * t - 6.0) * t * t / 6.0 + 2.0 / 3.0,
        (3.0 * rest - 6.0) * rest * rest / 6.0 + 2.0 / 3.0,
        t * t * t / 6.0,
    )


@compiled
def spline_slope(a: float, b: float, c: float, d: float, t: float) -> float:
    """Return the derivative by `t` of the sum of four numbers weighted by `spline_weights`."""
    rest = 1.0 - t
    return 0.5 * ((d - c) * t * t + (c - b) * (2.0 * t * rest + 1.0) + (b - a) * rest * rest)
