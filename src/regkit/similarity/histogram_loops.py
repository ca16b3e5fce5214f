"""Compiled comparison of the intensities of images by bins of equal population."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled


@compiled
def normalized_information(  # noqa: PLR0917 - each has its own meaning
    first: Any, order: Any, second: Any, ordered: Any, counts: Any, fewest: int, found: Any
) -> None:
    """Compare one image with others, each at the points where both are known.

    Parameters
    ----------
    first
        Intensities of the one image, shape (N,), float32; NaN is unknown.
    order
        Indices that sort them, NaN last, shape (N,).
    second
        Intensities of the others, shape (B, N), float32.
    ordered
        The same, each row sorted, NaN last.
    counts
        Scratch for a joint histogram, shape (K, K), int64.
    fewest
        Number of points below which the value is 1.
    found
        Filled with the normalized mutual information, shape (B,).
    """
    points, bins = first.shape[0], counts.shape[0]
    i, j = np.empty(points, np.int32), np.empty(points, np.int32)
    both, edges = np.empty(points, np.float32), np.empty(bins - 1, np.float32)
    for b in range(second.shape[0]):
        known = select_known(first, order, second[b], both)
        set_edges(both, known, edges)
        find_bins(first, edges, i)
        set_edges(ordered[b], count_known(ordered[b]), edges)
        find_bins(second[b], edges, j)
        counts[:] = 0
        for n in range(points):
            if not np.isnan(first[n] + second[b, n]):
                counts[i[n], j[n]] += 1
        found[b] = ratio_of_entropies(counts, known) if known >= fewest else 1.0


@compiled
def select_known(first: Any, order: Any, second: Any, both: Any) -> int:
    """Fill in the values of `first`, sorted, where both are known, and return their number."""
    known = 0
    for n in order:
        both[known] = first[n]
        known += int(not np.isnan(first[n] + second[n]))
        if known == both.shape[0]:
            break
    return known


@compiled
def count_known(ordered: Any) -> int:
    """Return the number of values that are not NaN."""
    known = 0
    for value in ordered:
        known += int(not np.isnan(value))
    return known


@compiled
def set_edges(ordered: Any, known: int, edges: Any) -> None:
    """Fill in the quantiles that part the first, sorted values into equal bins."""
    last = max(known - 1, 0)
    for k in range(edges.shape[0]):
        at = last * ((k + 1) / (edges.shape[0] + 1))
        low = int(at)
        below, above = np.float64(ordered[low]), np.float64(ordered[min(low + 1, last)])
        edges[k] = below + (above - below) * (at - low)


@compiled
def find_bins(values: Any, edges: Any, bins: Any) -> None:
    """Count the edges below each value: edge by edge, which is compiled to packed instructions."""
    bins[:] = 0
    for edge in edges:
        for n in range(values.shape[0]):
            bins[n] += np.int32(values[n] > edge)


@compiled
def ratio_of_entropies(counts: Any, total: int) -> float:
    """Return (H(f) + H(m)) / H(f, m) of a joint histogram; 1 where H(f, m) is zero."""
    joint = fixed = moving = 0.0
    for k in range(counts.shape[0]):
        row = column = 0
        for n in range(counts.shape[1]):
            joint += surprise(counts[k, n], total)
            row += counts[k, n]
            column += counts[n, k]
        fixed += surprise(row, total)
        moving += surprise(column, total)
    return (fixed + moving) / joint if joint > 0.0 else 1.0


@compiled
def surprise(count: int, total: int) -> float:
    """Return the part of an entropy in nats that a count has."""
    share = count / total
    return float(-share * np.log(share)) if count > 0 else 0.0
