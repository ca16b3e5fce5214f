"""Correlation ratio of values at sample points, in both directions.

The fraction of the variance of one image explained by the intensities of the other, averaged over
both directions. Roche et al. 1998, doi:10.1007/BFb0056301. The fixed side is binned once; the
moving side falls into cubic B-spline windows, which makes the measure smooth in the map.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled
from regkit_instance.metric_constants import MARGIN_BINS, MIN_VARIANCE
from regkit_instance.numba_backend.windows import bin_position, spline_slope, spline_weights


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
        means[k] /= max(counts[k], MIN_VARIANCE)
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
    for i in range(values.shape[0]):
        if not values[i] == values[i]:
            continue
        f = fixed[i]
        known += 1.0
        total += f
        squares += f * f
        k, t = bin_position(values[i], counts.shape[0])
        first, second, third, fourth = spline_weights(t)
        counts[k - 1] += first
        counts[k] += second
        counts[k + 1] += third
        counts[k + 2] += fourth
        means[k - 1] += first * f
        means[k] += second * f
        means[k + 1] += third * f
        means[k + 2] += fourth * f
    for k in range(counts.shape[0]):
        means[k] /= max(counts[k], MIN_VARIANCE)
    mean = total / max(known, 1.0)
    return known, mean, squares / max(known, 1.0) - mean * mean


@compiled
def correlation_ratios(
    values: Any, fixed: Any, bins: Any, noise: float, of_fixed: Any, of_moving: Any, slopes: Any
) -> tuple[float, float]:
    """Return the correlation ratios of values and fixed values, and the slopes.

    Parameters
    ----------
    values, fixed, bins
        Moving values in 0..1 (NaN does not count), fixed ones and their bins, shape (N,).
    noise
        Variance of either side that counts as unexplained.
    of_fixed, of_moving
        Scratch of shape (2, bins) for each side.
    slopes
        Filled with the derivatives by the values, shape (N,), unless it is empty.

    Returns
    -------
    tuple of float
        The number of known values; the mean of both ratios, -1 if a side is constant.
    """
    counts_f, means_f, counts_m, means_m = of_fixed[0], of_fixed[1], of_moving[0], of_moving[1]
    v_mean, v_variance = explained_by_fixed(values, bins, counts_f, means_f)
    known, f_mean, f_variance = explained_by_moving(values, fixed, counts_m, means_m)
    slopes[:] = 0.0
    if v_variance < MIN_VARIANCE or f_variance < MIN_VARIANCE:
        return known, -1.0
    v_variance += noise
    f_variance += noise
    forth = back = 0.0
    for k in range(counts_f.shape[0]):
        forth += counts_f[k] * (means_f[k] - v_mean) ** 2
    for k in range(counts_m.shape[0]):
        means_m[k] -= f_mean
        back += counts_m[k] * means_m[k] ** 2
    forth /= known * v_variance
    back /= known * f_variance
    if slopes.shape[0] == 0:
        return known, 0.5 * (forth + back)
    size = counts_m.shape[0]
    by_value = 1.0 / (known * v_variance)
    by_window = 0.5 * (size - MARGIN_BINS) / (known * f_variance)
    for i in range(values.shape[0]):
        v = values[i]
        if v != v:
            continue
        # A value changes the mean of its fixed bin and the variance of all values.
        forward = by_value * (means_f[bins[i]] - v_mean - forth * (v - v_mean))
        k, t = bin_position(v, size)
        twice = 2.0 * (fixed[i] - f_mean)
        a, b, c, d = means_m[k - 1], means_m[k], means_m[k + 1], means_m[k + 2]
        a, b, c, d = a * (twice - a), b * (twice - b), c * (twice - c), d * (twice - d)
        slopes[i] = forward + by_window * spline_slope(a, b, c, d, t)
    return known, 0.5 * (forth + back)


@compiled
def correlation_ratio(
    values: Any, fixed: Any, bins: Any, sizes: Any, min_points: int, scores: Any, slopes: Any
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
    min_points
        Smallest number of values for a score.
    scores
        Filled, shape (B,), from 0 to 1; minus infinity where too few are known or constant.
    slopes
        Filled with the derivatives by the values, shape (B, N); left alone when it has no rows.
    """
    of_fixed, of_moving = np.empty((2, sizes[0])), np.empty((2, sizes[1]))
    nowhere = np.empty(0, np.float32)
    for b in range(values.shape[0]):
        row = slopes[b] if slopes.shape[0] > 0 else nowhere
        known, score = correlation_ratios(values[b], fixed, bins, 0.0, of_fixed, of_moving, row)
        scores[b] = score
        if known < min_points or score < 0.0:
            scores[b] = -np.inf
            row[:] = 0.0
