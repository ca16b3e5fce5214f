"""Mutual information of values at sample points, with cubic B-spline Parzen windows.

The fixed side is binned once; a moving value adds to four neighbouring bins, which makes the
measure smooth in the map. Thevenaz and Unser 2000, doi:10.1109/83.887976; normalized:
Studholme et al. 1999, doi:10.1016/S0031-3203(98)00091-0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled
from regkit.geometry.interpolation_loops import interpolate_gradients, interpolate_values, locate
from regkit_instance.metric_constants import MARGIN_BINS, MAX_BIN_WEIGHT, MIN_INFORMATION
from regkit_instance.numba_backend.logarithms import logarithms

CHUNK = 256  # that of the look-up
# In single precision, because numba widens what is mixed.
ZERO, HALF, ONE, TWO = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(2.0)
SIXTH, TWO_THIRDS = np.float32(1 / 6), np.float32(2 / 3)


@compiled
def tally(
    volume: Any,
    maps: Any,
    points: Any,
    bins: Any,
    part: Any,
    values: Any,
    gradients: Any,
    joints: Any,
) -> None:
    """Look up moving values and fill joint histograms, for blocks of sample points.

    Parameters
    ----------
    volume, maps, points, values, gradients
        Those of `regkit.geometry.interpolation_loops.gather`; with gradients that have no rows,
        values are not filled in.
    bins
        Bin of the fixed value at each point, shape (N,), uint8.
    part
        First block and the one after the last, the blocks of all maps in one row; number of
        points of a block, a multiple of the chunks.
    joints
        Filled with joint histograms (fixed bins, moving bins), shape (B, blocks, bins + 1, bins),
        float32; the last row holds the number of known values in its first entry.
    """
    flat, count = volume.reshape(volume.size), points.shape[1]
    size, blocks = joints.shape[3], joints.shape[1]
    at, weights = np.empty((4, CHUNK), np.uint32), np.empty((4, CHUNK), np.float32)
    place, shares = np.empty(CHUNK, np.uint32), np.empty((4, CHUNK), np.float32)
    seen = np.empty(CHUNK, np.float32)
    for q in range(part[0], part[1]):
        b, block = q // blocks, q % blocks
        joint = joints[b, block].reshape((size + 1) * size)
        joint[:] = ZERO
        known, end = 0, min((block + 1) * part[2], count)
        for first in range(block * part[2], end, CHUNK):
            c = slice(first, min(first + CHUNK, end))
            row = seen[: c.stop - first]
            locate(volume.shape, maps[b], points[0, c], points[1, c], points[2, c], at, weights)
            if gradients.shape[0] > 0:
                row = values[b, c]
                by_z, by_y, by_x = gradients[b, 0, c], gradients[b, 1, c], gradients[b, 2, c]
                interpolate_gradients(flat, at, weights, row, by_z, by_y, by_x)
            else:
                interpolate_values(flat, at, weights, row)
            known += spline_windows(row, bins[c], size, place, shares)
            add_windows(place, shares, row.shape[0], joint)
        joint[size * size] = known


@compiled
def spline_windows(values: Any, bins: Any, size: int, place: Any, shares: Any) -> int:
    """Find the first of the four entries that each value adds to, and what it adds to them.

    Fills in `place`, the flat index in a joint histogram of `size` moving bins (unknown values
    have the row after the last), and `shares`, shape (4, N). Returns the number of known values.
    """
    before, second, third, last = shares[0], shares[1], shares[2], shares[3]
    scale, columns = np.float32(size - MARGIN_BINS), np.int32(size)
    nowhere = np.uint32(size * size)
    known = 0
    for i in range(values.shape[0]):
        v = values[i] if values[i] > ZERO else ZERO  # rounding may bring 0 below 0
        known += values[i] == values[i]
        at = ONE + scale * v
        k = np.int32(at)
        t = at - np.float32(k)
        rest = ONE - t
        before[i] = rest * rest * rest * SIXTH
        second[i] = TWO_THIRDS + t * t * (HALF * t - ONE)
        third[i] = TWO_THIRDS + rest * rest * (HALF * rest - ONE)
        last[i] = t * t * t * SIXTH
        entry = np.uint32(np.int32(np.int32(bins[i]) * columns) + k) - np.uint32(1)
        place[i] = entry if values[i] == values[i] else nowhere
    return known


@compiled
def add_windows(place: Any, shares: Any, count: int, joint: Any) -> None:
    """Add the shares of values to a flat joint histogram."""
    before, second, third, last = shares[0], shares[1], shares[2], shares[3]
    for i in range(count):
        p = np.uint64(place[i])
        joint[p] += before[i]
        joint[p + np.uint64(1)] += second[i]
        joint[p + np.uint64(2)] += third[i]
        joint[p + np.uint64(3)] += last[i]


@compiled
def restore_proportions(
    joint: Any, fixed_counts: Any, scales: Any, fixed: Any, moving: Any
) -> float:
    """Scale the rows of a joint histogram to the whole sample, and return the sum of all.

    Where a part of the fixed sample maps outside, the rest has other proportions of tissues and
    so other entropies: a map could gain by what it leaves out. So each fixed bin is scaled to its
    count in the whole sample, by at most `MAX_BIN_WEIGHT`. Fills in the scales, and the sums of
    rows and of columns after that.
    """
    total = 0.0
    moving[:] = 0.0
    for f in range(joint.shape[0]):
        seen = 0.0
        for m in range(joint.shape[1]):
            seen += joint[f, m]
        scale = min(fixed_counts[f] / seen, MAX_BIN_WEIGHT) if seen > 0.0 else 0.0
        for m in range(joint.shape[1]):
            joint[f, m] *= scale
            moving[m] += joint[f, m]
        scales[f], fixed[f] = scale, scale * seen
        total += fixed[f]
    return total


@compiled
def information(h_fixed: float, h_moving: float, h_joint: float, normalized: bool) -> float:
    """Return the information that images have in common, from their entropies in nats.

    It is (H(f) + H(m)) / H(f, m) if normalized, else H(f) + H(m) - H(f, m); minus infinity if one
    of the images is constant.
    """
    value = h_fixed + h_moving - h_joint
    if value <= MIN_INFORMATION or h_joint <= MIN_INFORMATION:
        return -np.inf
    if normalized:
        value = (h_fixed + h_moving) / h_joint
    return value


@compiled
def entropy(counts: Any, total: float, logs: Any) -> float:
    """Return the entropy in nats of flat counts with a total; fill in their logarithms."""
    logarithms(counts, logs)
    nats = np.log(total)
    for i in range(counts.shape[0]):
        nats -= counts[i] / total * logs[i]
    return float(nats)


@compiled
def score_joints(
    joints: Any,
    fixed_counts: Any,
    min_points: int,
    normalized: bool,
    part: Any,
    scores: Any,
    known: Any,
    tables: Any,
) -> None:
    """Score maps by the joint histograms of their blocks of points.

    Parameters
    ----------
    joints
        Joint histograms from `tally`.
    fixed_counts
        Counts of the fixed bins, shape (bins,), float64; there are as many moving bins.
    min_points
        Smallest number of values for a score.
    normalized
        True for normalized mutual information; see `information`.
    part
        First map to score, and the one after the last.
    scores
        Filled, shape (B,); minus infinity where too few values are known or a side is constant.
    known
        Filled with the numbers of known values, shape (B,).
    tables
        Filled with what `differentiate` needs, shape (B, bins, bins), float32, unless it has no
        rows.
    """
    size = fixed_counts.shape[0]
    joint, logs = np.empty(size * size), np.empty(size * size)
    scales, (fixed, moving) = np.empty(size), np.empty((2, size))
    of_fixed, of_moving = np.empty((2, size))
    for b in range(part[0], part[1]):
        joint[:] = 0.0
        known[b], scores[b] = 0.0, -np.inf
        for block in range(joints.shape[1]):
            known[b] += joints[b, block, size, 0]
            add_counts(joints[b, block].reshape((size + 1) * size), joint)
        h_joint, total = 0.0, 0.0
        if known[b] >= min_points:
            counts = joint.reshape(size, size)
            total = restore_proportions(counts, fixed_counts, scales, fixed, moving)
            h_joint = entropy(joint, total, logs)
            h_fixed, h_moving = entropy(fixed, total, of_fixed), entropy(moving, total, of_moving)
            scores[b] = information(h_fixed, h_moving, h_joint, normalized)
        if tables.shape[0] > 0:
            tables[b] = ZERO
            if scores[b] > -np.inf:
                by_moving = 1.0 / (total * h_joint if normalized else total)
                by_joint = scores[b] * by_moving if normalized else by_moving
                steps = logs.reshape(size, size)
                differences(steps, of_moving, by_joint, by_moving, scales, tables[b])


@compiled
def add_counts(counts: Any, joint: Any) -> None:
    """Add the first entries of a flat joint histogram to another one."""
    for i in range(joint.shape[0]):
        joint[i] += counts[i]


@compiled
def differences(
    logs: Any, of_moving: Any, by_joint: float, by_moving: float, scales: Any, table: Any
) -> None:
    """Fill in half the steps between neighboring derivatives, by the value in 0..1.

    The derivative of the information by an entry of the joint histogram is `by_joint` times the
    logarithm of the entry minus `by_moving` times that of the column's sum (`of_moving`), without
    a constant per row, which has no effect when a value moves along its row. `scales` is the
    weight of a value by its fixed bin.
    """
    size = table.shape[1]
    for f in range(size):
        half = 0.5 * (size - MARGIN_BINS) * scales[f]
        for m in range(size - 1):
            step = by_joint * (logs[f, m + 1] - logs[f, m])
            table[f, m] = half * (step - by_moving * (of_moving[m + 1] - of_moving[m]))


@compiled
def differentiate(
    values: Any, gradients: Any, points: Any, bins: Any, tables: Any, part: Any, by_blocks: Any
) -> None:
    """Sum the derivatives by the entries of the maps, for blocks of sample points.

    Parameters
    ----------
    values, gradients, points, bins, part
        Those of `tally`.
    tables
        Tables from `score_joints`.
    by_blocks
        Filled with the derivatives, shape (B, blocks, 3, 4), float64.
    """
    size, blocks, count = tables.shape[1], by_blocks.shape[1], points.shape[1]
    slopes = np.empty(CHUNK, np.float32)
    place, shares = np.empty(CHUNK, np.uint32), np.empty((3, CHUNK), np.float32)
    for q in range(part[0], part[1]):
        b, block = q // blocks, q % blocks
        table, sums = tables[b].reshape(size * size), by_blocks[b, block]
        sums[:] = 0.0
        end = min((block + 1) * part[2], count)
        for first in range(block * part[2], end, CHUNK):
            c = slice(first, min(first + CHUNK, end))
            value_slopes(values[b, c], bins[c], table, size, place, shares, slopes)
            x, y, z = points[0, c], points[1, c], points[2, c]
            for row in range(3):
                add_products(values[b, c], slopes, gradients[b, row, c], x, y, z, sums[row])


@compiled
def value_slopes(
    values: Any, bins: Any, table: Any, size: int, place: Any, shares: Any, slopes: Any
) -> None:
    """Fill in the derivative of the information by each value; of no meaning for unknown ones.

    `table` is a flat one of `score_joints`; `place` and `shares` are scratch.
    """
    before, between, after = shares[0], shares[1], shares[2]
    scale, columns = np.float32(size - MARGIN_BINS), np.int32(size)
    for i in range(values.shape[0]):
        v = values[i] if values[i] > ZERO else ZERO  # rounding may bring 0 below 0
        at = ONE + scale * v
        k = np.int32(at)
        t = at - np.float32(k)
        rest = ONE - t
        before[i], between[i], after[i] = rest * rest, ONE + TWO * t * rest, t * t
        place[i] = np.uint32(np.int32(np.int32(bins[i]) * columns) + k) - np.uint32(1)
    for i in range(values.shape[0]):
        p = np.uint64(place[i])
        near, far = table[p + np.uint64(1)], table[p + np.uint64(2)]
        slopes[i] = before[i] * table[p] + between[i] * near + after[i] * far


@compiled
def add_products(
    values: Any, slopes: Any, gradient: Any, x: Any, y: Any, z: Any, sums: Any
) -> None:
    """Add the derivatives by one row of a map, where values are known."""
    by_x = by_y = by_z = by_1 = ZERO
    for i in range(values.shape[0]):
        s = slopes[i] * gradient[i] if values[i] == values[i] else ZERO
        by_x += s * x[i]
        by_y += s * y[i]
        by_z += s * z[i]
        by_1 += s
    sums[0] += by_x
    sums[1] += by_y
    sums[2] += by_z
    sums[3] += by_1
