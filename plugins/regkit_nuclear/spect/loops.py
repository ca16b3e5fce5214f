"""Compiled loops on the CPU: rotation, attenuation and counts of a simulated camera."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled


@compiled
def gather_rows(columns: Any, pixels: Any, weights: Any, out: Any) -> None:
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
def scatter_rows(rows: Any, pixels: Any, weights: Any, columns: Any) -> None:
    """Add each row to four columns with its weights: the exact adjoint of `gather_rows`."""
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


@compiled
def attenuated_sums(
    source: Any, tissue: Any, pixels: Any, weights: Any, mixing: Any, step_cm: float
) -> Any:
    """Rotate and attenuate a source, and mix its planes: all of a view that needs the volume.

    Where nothing is emitted no attenuation is computed, and no plane is written.

    Parameters
    ----------
    source, tissue
        Activity and attenuation in 1/cm, shape (pixels, voxels).
    pixels, weights
        Parameters of `gather_rows`; samples are depths times bins.
    mixing
        Weights of the planes, shape (filters, depths).
    step_cm
        Distance between planes.

    Returns
    -------
    numpy.ndarray
        Mixed planes, shape (filters, bins, voxels).
    """
    filters, size = mixing.shape
    row, path = np.empty_like(source[0]), np.empty_like(source[0])
    following = np.empty_like(source[0])
    sums = np.zeros((filters, size, source.shape[1]), source.dtype)
    for bin_ in range(size):
        following[:] = 0
        for depth in range(size - 1, -1, -1):
            sample = depth * size + bin_
            near, shares = pixels[sample : sample + 1], weights[sample : sample + 1]
            gather_rows(tissue, near, shares, path.reshape(1, -1))
            gather_rows(source, near, shares, row.reshape(1, -1))
            emits = False
            for i in range(row.shape[0]):
                mu = path[i]
                path[i] = following[i] + mu / 2
                following[i] += mu
                emits |= row[i] != 0
            if emits:
                for i in range(row.shape[0]):
                    if row[i] != 0:
                        row[i] *= np.exp(-step_cm * path[i])
                for number in range(filters):
                    to, weight = sums[number, bin_], mixing[number, depth]
                    for i in range(row.shape[0]):
                        to[i] += weight * row[i]
    return sums
