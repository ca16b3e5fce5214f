"""Mutual information of values at sample points, with cubic B-spline Parzen windows.

The fixed side is binned once; a moving value adds to four neighbouring bins, which makes the
measure smooth in the map. Thevenaz and Unser 2000, doi:10.1109/83.887976; normalized:
Studholme et al. 1999, doi:10.1016/S0031-3203(98)00091-0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled
from regkit_instance.metric_constants import MARGIN_BINS, MAX_BIN_WEIGHT, MIN_INFORMATION
from regkit_instance.numba_backend.windows import bin_position, spline_slope, spline_weights


@compiled
def joint_histogram(values: Any, bins: Any, joint: Any) -> int:
    """Fill the joint histogram (fixed bins, moving bins) and return the number of known values.

    Parameters
    ----------
    values
        Moving values in 0..1, shape (N,); NaN does not count.
    bins
        Bin of the fixed value at each point, shape (N,).
    joint
        Filled, float64.
    """
    joint[:] = 0.0
    counted = 0
    for i in range(values.shape[0]):
        if not values[i] == values[i]:
            continue
        counted += 1
        k, t = bin_position(values[i], joint.shape[1])
        first, second, third, fourth = spline_weights(t)
        row = joint[bins[i]]
        row[k - 1] += first
        row[k] += second
        row[k + 1] += third
        row[k + 2] += fourth
    return counted


@compiled
def restore_proportions(joint: Any, fixed_counts: Any, scales: Any) -> float:
    """Scale the rows of a joint histogram to the whole sample, and return the sum of all.

    Where a part of the fixed sample maps outside, the rest has other proportions of tissues and
    so other entropies: a map could gain by what it leaves out. So each fixed bin is scaled to its
    count in the whole sample, by at most `MAX_BIN_WEIGHT`.
    """
    total = 0.0
    for f in range(joint.shape[0]):
        seen = 0.0
        for m in range(joint.shape[1]):
            seen += joint[f, m]
        scales[f] = min(fixed_counts[f] / seen, MAX_BIN_WEIGHT) if seen > 0.0 else 0.0
        for m in range(joint.shape[1]):
            joint[f, m] *= scales[f]
            total += joint[f, m]
    return total


@compiled
def information(joint: Any, counted: float, normalized: bool, by_joint: Any) -> float:
    """Return the information in a joint histogram, and its derivative by the entries.

    Minus infinity if one of the images is constant.

    Parameters
    ----------
    joint
        Counts (fixed bins, moving bins).
    counted
        Sum of the counts.
    normalized
        True for (H(f) + H(m)) / H(f, m), false for H(f) + H(m) - H(f, m) in nats.
    by_joint
        Filled with the derivatives by the counts, without a constant per row, which has no effect
        when a value moves along its row.
    """
    rows, columns = joint.shape
    moving = np.zeros(columns)
    h_fixed = h_joint = h_moving = 0.0
    for f in range(rows):
        total = 0.0
        for m in range(columns):
            p = joint[f, m] / counted
            total += p
            moving[m] += p
            by_joint[f, m] = np.log(p) if p > 0.0 else 0.0
            h_joint -= p * by_joint[f, m]
        if total > 0.0:
            h_fixed -= total * np.log(total)
    for m in range(columns):
        p = moving[m]
        moving[m] = np.log(p) if p > 0.0 else 0.0
        h_moving -= p * moving[m]
    value, of_joint, scale = h_fixed + h_moving - h_joint, 1.0, 1.0 / counted
    if value <= MIN_INFORMATION or h_joint <= MIN_INFORMATION:
        return -np.inf
    if normalized:
        value = (h_fixed + h_moving) / h_joint
        of_joint, scale = value, 1.0 / (counted * h_joint)
    for f in range(rows):
        for m in range(columns):
            by_joint[f, m] = scale * (of_joint * by_joint[f, m] - moving[m])
    return value


@compiled
def value_slopes(values: Any, bins: Any, by_joint: Any, scales: Any, slopes: Any) -> None:
    """Fill in the derivative of the information by each value, shape (N,).

    `by_joint` holds the derivatives by the entries of the joint histogram, `scales` the weight of
    a value by its fixed bin.
    """
    size = by_joint.shape[1]
    for i in range(values.shape[0]):
        if not values[i] == values[i]:
            continue
        k, t = bin_position(values[i], size)
        row = by_joint[bins[i]]
        by_bins = spline_slope(row[k - 1], row[k], row[k + 1], row[k + 2], t)
        slopes[i] = (size - MARGIN_BINS) * scales[bins[i]] * by_bins


@compiled
def mutual_information(
    values: Any,
    bins: Any,
    fixed_counts: Any,
    min_points: int,
    normalized: bool,
    scores: Any,
    slopes: Any,
) -> None:
    """Score rows of moving values against the fixed bins.

    Parameters
    ----------
    values
        Shape (B, N), float32, in 0..1; NaN does not count.
    bins
        Fixed bin at each point, shape (N,), uint8.
    fixed_counts
        Counts of the fixed bins, shape (bins,), float64; there are as many moving bins.
    min_points
        Smallest number of values for a score.
    normalized
        True for normalized mutual information; see `information`.
    scores
        Filled, shape (B,); minus infinity where too few values are known or a side is constant.
    slopes
        Filled with the derivatives by the values, shape (B, N); left alone when it has no rows.
    """
    size = fixed_counts.shape[0]
    joint, by_joint, scales = np.empty((size, size)), np.empty((size, size)), np.empty(size)
    for b in range(values.shape[0]):
        counted = joint_histogram(values[b], bins, joint)
        scores[b] = -np.inf
        if counted >= min_points:
            total = restore_proportions(joint, fixed_counts, scales)
            scores[b] = information(joint, total, normalized, by_joint)
        if slopes.shape[0] == 0:
            continue
        if scores[b] == -np.inf:
            slopes[b] = 0.0
        else:
            value_slopes(values[b], bins, by_joint, scales, slopes[b])
