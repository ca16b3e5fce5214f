"""Compiled loops on the CPU: rotation, attenuation and counts of a simulated camera."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled


@compiled
def gather(columns: Any, pixels: Any, weights: Any, out: Any) -> None:
    """Set each row of `out` to the weighted sum of four rows.

    Parameters
    ----------
    columns
        Columns of voxels, shape (pixels, voxels).
    pixels, weights
        Rows that are summed up for each row of the result, and their weights, shape (samples, 4).
    out
        Sums, shape (samples, voxels).
    """
    for sample in range(out.shape[0]):
        first, second = columns[pixels[sample, 0]], columns[pixels[sample, 1]]
        third, fourth = columns[pixels[sample, 2]], columns[pixels[sample, 3]]
        a, b, c, d = weights[sample]
        to = out[sample]
        for i in range(to.shape[0]):
            to[i] = a * first[i] + b * second[i] + c * third[i] + d * fourth[i]


@compiled
def scatter(rows: Any, pixels: Any, weights: Any, columns: Any) -> None:
    """Add each row to four columns with its weights: the exact adjoint of `gather`."""
    for sample in range(rows.shape[0]):
        row = rows[sample]
        for corner in range(4):
            weight = weights[sample, corner]
            if weight == 0.0:
                continue
            to = columns[pixels[sample, corner]]
            for i in range(row.shape[0]):
                to[i] += weight * row[i]


@compiled
def sum_following(planes: Any) -> None:
    """Replace each row (depth, voxels) by the sum of all following ones and half of itself."""
    following = np.zeros_like(planes[0])
    for depth in range(planes.shape[0] - 1, -1, -1):
        row = planes[depth]
        for i in range(row.shape[0]):
            value = row[i]
            row[i] = following[i] + value / 2
            following[i] += value
