"""Correlation ratio of values at sample points, in both directions.

The share of the variance of one image that the intensity of the other explains, averaged over
both ways. Roche et al. 1998, doi:10.1007/BFb0056301. The fixed side is binned once; the moving
side falls into cubic B-spline windows, which makes the measure smooth in the map.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit_instance.kernels.compiled import compiled

MARGIN = 4
SMALLEST = 1e-9


@compiled
def explained_by_fixed(values: Any, bins: Any, counts: Any, means: Any) -> tuple[float, float]:
    """Return the mean and variance of the values; fill in counts and means of the fixed bins."""
    counts[:] = 0.0
    means[:] = 0.0
    total = squares = known = 0.0
    for i in range(values.shape[0]):
        v = values[i]
        if v == v:
            counts[bins[i]] += 1.0
            means[bins[i]] += v
            total += v
            squares += v * v
            known += 1.0
    for k in range(counts.shape[0]):
        means[k] /= max(counts[k], SMALLEST)
    mean = total / max(known, 1.0)
    return mean, squares / max(known, 1.0) - mean * mean


@compiled
def explained_by_moving(
    values: Any, fixed: Any, counts: Any, means: Any
) -> tuple[float, float, float]:
    """Return number, mean and variance of the fixed values; fill in the moving windows' means."""
    counts[:] = 0.0
    means[:] = 0.0
    total = squares = known = 0.0
    spread = counts.shape[0] - MARGIN
    for i in range(values.shape[0]):
        v = values[i]
        if not v == v:
            continue
        f = fixed[i]
        known += 1.0
        total += f
        squares += f * f
        at = 1.0 + spread * v
        k = int(at)
        t = at - k
        weight = (1.0 - t) ** 3 / 6.0
        counts[k - 1] += weight
        means[k - 1] += weight * f
        weight = (3.0 * t - 6.0) * t * t / 6.0 + 2.0 / 3.0
        counts[k] += weight
        means[k] += weight * f
        weight = ((3.0 - 3.0 * t) * t + 3.0) * t / 6.0 + 1.0 / 6.0
        counts[k + 1] += weight
        means[k + 1] += weight * f
        weight = t * t * t / 6.0
        counts[k + 2] += weight
        means[k + 2] += weight * f
    for k in range(counts.shape[0]):
        means[k] /= max(counts[k], SMALLEST)
    mean = total / max(known, 1.0)
    return known, mean, squares / max(known, 1.0) - mean * mean


@compiled
def correlation_ratio(
    values: Any, fixed: Any, bins: Any, sizes: Any, fewest: int, scores: Any, slopes: Any
) -> None:
    """Score rows of moving values against the fixed ones.

    Parameters
    ----------
    values
        Shape (B, N), float32, in 0..1; NaN does not count.
    fixed, bins
        Fixed value and its bin at each point, shape (N,).
    sizes
        Number of fixed and of moving bins.
    fewest
        Fewest values that must count for a score.
    scores
        Filled, shape (B,), from 0 to 1; minus infinity where too few count or a side is constant.
    slopes
        Filled with the derivatives by the values, shape (B, N); left alone when it has no rows.
    """
    counts_f, means_f = np.empty(sizes[0]), np.empty(sizes[0])
    counts_m, means_m = np.empty(sizes[1]), np.empty(sizes[1])
    pull = np.empty(sizes[1])
    spread = sizes[1] - MARGIN
    for b in range(values.shape[0]):
        v_mean, v_variance = explained_by_fixed(values[b], bins, counts_f, means_f)
        known, f_mean, f_variance = explained_by_moving(values[b], fixed, counts_m, means_m)
        scores[b] = -np.inf
        if slopes.shape[0] > 0:
            slopes[b] = 0.0
        if known < fewest or v_variance < SMALLEST or f_variance < SMALLEST:
            continue
        forth = back = 0.0
        for k in range(sizes[0]):
            forth += counts_f[k] * (means_f[k] - v_mean) ** 2
        for k in range(sizes[1]):
            back += counts_m[k] * (means_m[k] - f_mean) ** 2
        forth /= known * v_variance
        back /= known * f_variance
        scores[b] = 0.5 * (forth + back)
        if slopes.shape[0] == 0:
            continue
        by_value = 1.0 / (known * v_variance)
        by_window = 0.25 * spread / (known * f_variance)
        for i in range(values.shape[1]):
            v = values[b, i]
            if not v == v:
                continue
            # d eta / d v: the mean of its bin moves, and the variance of all.
            slope = by_value * (means_f[bins[i]] - v_mean - forth * (v - v_mean))
            at = 1.0 + spread * v
            k = int(at)
            t = at - k
            rest, f = 1.0 - t, fixed[i]
            for j in range(4):
                pull[k - 1 + j] = means_m[k - 1 + j] - f_mean
                pull[k - 1 + j] *= 2.0 * (f - f_mean) - pull[k - 1 + j]
            slope += by_window * (
                (pull[k + 2] - pull[k + 1]) * t * t
                + (pull[k + 1] - pull[k]) * (2.0 * t * rest + 1.0)
                + (pull[k] - pull[k - 1]) * rest * rest
            )
            slopes[b, i] = slope
