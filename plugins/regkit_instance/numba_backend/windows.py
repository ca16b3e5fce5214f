"""Cubic B-spline windows over bins: a value adds to four neighbours, smoothly in the value."""

from __future__ import annotations

from typing import Any

from regkit_instance.limits import MARGIN
from regkit_instance.numba_backend.compiled import compiled


@compiled
def place(value: Any, bins: int) -> tuple[int, float]:
    """Return the second of the four bins that a value in 0..1 reaches, and how far beyond it."""
    at = 1.0 + (bins - MARGIN) * value
    k = int(at)
    return k, at - k


@compiled
def windows(t: float) -> tuple[float, float, float, float]:
    """Return the weights, which sum to one, of a value `t` bins beyond the second of four."""
    rest = 1.0 - t
    return (
        rest * rest * rest / 6.0,
        (3.0 * t - 6.0) * t * t / 6.0 + 2.0 / 3.0,
        (3.0 * rest - 6.0) * rest * rest / 6.0 + 2.0 / 3.0,
        t * t * t / 6.0,
    )


@compiled
def slope(a: float, b: float, c: float, d: float, t: float) -> float:
    """Return the derivative by `t` of the sum of four numbers weighed by `windows`."""
    rest = 1.0 - t
    return 0.5 * ((d - c) * t * t + (c - b) * (2.0 * t * rest + 1.0) + (b - a) * rest * rest)
