"""Metrics within patches of sample points, averaged with the number of known points as weight."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled
from regkit_instance.numba_backend.cr import correlation_ratios


@compiled
def local_correlation_ratio(
    values: Any, fixed: Any, bins: Any, sizes: Any, noise: float, scores: Any, slopes: Any
) -> None:
    """Score rows of moving values by the correlation ratio, in both directions, of every patch.

    Parameters
    ----------
    values
        Shape (B, N), float32, in 0..1, one patch after the other; NaN does not count.
    fixed, bins
        Fixed value and its bin at each point, shape (N,); NaN does not count either.
    sizes
        Number of points of a patch, number of bins, smallest number of known points for a score.
    noise
        Variance of either image that counts as unexplained.
    scores
        Filled, shape (B,), from 0 to 1; minus infinity where too few are known or constant.
    slopes
        Filled with the derivatives by the values, shape (B, N); left alone when it has no rows.
    """
    patch_size, with_slopes = sizes[0], slopes.shape[0] > 0
    of_fixed, of_moving = np.empty((2, sizes[1])), np.empty((2, sizes[1]))
    seen, rest = (
        np.empty(patch_size, np.float32),
        np.empty(patch_size if with_slopes else 0, np.float32),
    )
    for b in range(values.shape[0]):
        counted = total = 0.0
        for first in range(0, values.shape[1], patch_size):
            for i in range(patch_size):
                f = fixed[first + i]
                seen[i] = values[b, first + i] if f == f else np.float32(np.nan)
            patch = slice(first, first + patch_size)
            known, score = correlation_ratios(
                seen, fixed[patch], bins[patch], noise, of_fixed, of_moving, rest
            )
            counted += known
            total += known * max(score, 0.0)
            if with_slopes:
                for i in range(patch_size):
                    slopes[b, first + i] = known * rest[i]
        finish(b, counted, total, sizes[2], scores, slopes)


@compiled
def local_correlation(
    values: Any, fixed: Any, sizes: Any, noise: float, scores: Any, slopes: Any
) -> None:
    """Score rows of moving values by the squared correlation coefficient of every patch.

    Parameters as for `local_correlation_ratio`, without the bins.
    """
    patch_size = sizes[0]
    for b in range(values.shape[0]):
        counted = total = 0.0
        for first in range(0, values.shape[1], patch_size):
            n, m_mean, f_mean = means(values[b], fixed, first, patch_size)
            mm = ff = mf = 0.0
            for i in range(first, first + patch_size):
                v, f = values[b, i], fixed[i]
                if v == v and f == f:
                    mm += (v - m_mean) * (v - m_mean)
                    ff += (f - f_mean) * (f - f_mean)
                    mf += (v - m_mean) * (f - f_mean)
            counted += n
            n = max(n, 1.0)
            slope = mf / n / ((mm / n + noise) * (ff / n + noise))
            alike = mf / n * slope
            total += n * alike
            if slopes.shape[0] > 0:
                by_spread = alike / (mm / n + noise)
                for i in range(first, first + patch_size):
                    v, f = values[b, i], fixed[i]
                    known = v == v and f == f
                    derivative = 2.0 * (slope * (f - f_mean) - by_spread * (v - m_mean))
                    slopes[b, i] = derivative if known else 0.0
        finish(b, counted, total, sizes[2], scores, slopes)


@compiled
def means(row: Any, fixed: Any, first: int, patch_size: int) -> tuple[float, float, float]:
    """Return the number of known points of a patch, and the means of both images there."""
    n = moving_sum = fixed_sum = 0.0
    for i in range(first, first + patch_size):
        v, f = row[i], fixed[i]
        if v == v and f == f:
            n += 1.0
            moving_sum += v
            fixed_sum += f
    return n, moving_sum / max(n, 1.0), fixed_sum / max(n, 1.0)


@compiled
def finish(
    b: int, counted: float, total: float, min_points: int, scores: Any, slopes: Any
) -> None:
    """Turn the sums of a row into a mean, and scale its slopes."""
    known = counted >= min_points and total > 0.0
    scores[b] = total / counted if known else -np.inf
    if slopes.shape[0] > 0:
        factor = np.float32(1.0 / counted) if known else np.float32(0.0)
        for i in range(slopes.shape[1]):
            slopes[b, i] *= factor
