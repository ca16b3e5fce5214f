"""Compiled joint histograms of the intensities of two images."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled


@compiled
def count_pairs(first: Any, second: Any, first_edges: Any, second_edges: Any, counts: Any) -> None:
    """Count pairs of intensities; those with a NaN do not count.

    Parameters
    ----------
    first, second
        Intensities, shape (B, N), float32.
    first_edges, second_edges
        Upper edges of all bins but the last, which belong to the bin, shape (B, K - 1), float32.
    counts
        Filled with the counts of pairs, shape (B, K, K), int64.
    """
    points, bins = first.shape[1], counts.shape[1]
    i, j = np.empty(points, np.int32), np.empty(points, np.int32)
    for b in range(first.shape[0]):
        find_bins(first[b], first_edges[b], i)
        find_bins(second[b], second_edges[b], j)
        flat = counts[b].reshape(bins * bins)
        flat[:] = 0
        for n in range(points):
            if not np.isnan(first[b, n] + second[b, n]):
                flat[i[n] * bins + j[n]] += 1


@compiled
def find_bins(values: Any, edges: Any, bins: Any) -> None:
    """Count the edges below each value: edge by edge, which is compiled to packed instructions."""
    bins[:] = 0
    for edge in edges:
        for n in range(values.shape[0]):
            bins[n] += np.int32(values[n] > edge)
