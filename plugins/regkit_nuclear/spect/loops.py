"""Compiled loops on the CPU: rotation, attenuation and counts of a simulated camera."""

from __future__ import annotations

from math import factorial, log
from typing import Any

import numpy as np

from regkit.compiled import compiled, compiled_as_written

# e^x = 2^k e^r with |r| <= log(2) / 2, where the Taylor series up to this order leaves less than
# the rounding of float64.
TAYLOR = tuple(1.0 / factorial(order) for order in range(14))
LOG_2 = log(2)
# Smaller exponents give numbers that this exponential function cannot make.
LOWEST_EXPONENT = -700.0
# Means of at most this are summed term by term, the first of which must not be 0; chosen by hand.
LARGEST_SUMMED_MEAN = 500.0


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

    Where nothing is emitted no attenuation is computed.

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
    filled = filled_rows(source) | filled_rows(tissue)
    row, path = np.empty_like(source[0]), np.empty_like(source[0])
    following = np.empty_like(source[0])
    sums = np.zeros((filters, size, source.shape[1]), source.dtype)
    for bin_ in range(size):
        following[:] = 0
        for depth in range(size - 1, -1, -1):
            sample = depth * size + bin_
            p, q, r, s = pixels[sample]
            if not (filled[p] or filled[q] or filled[r] or filled[s]):
                continue
            a, b, c, d = weights[sample]
            emitted = 0.0
            for i in range(row.size):
                mu = a * tissue[p, i] + b * tissue[q, i] + c * tissue[r, i] + d * tissue[s, i]
                row[i] = a * source[p, i] + b * source[q, i] + c * source[r, i] + d * source[s, i]
                path[i] = following[i] + mu / 2
                following[i] += mu
                emitted += abs(row[i])
            if emitted == 0.0:
                continue
            for i in range(row.size):
                row[i] *= exponential(-step_cm * path[i])
            for number in range(filters):
                weight = mixing[number, depth]
                for i in range(row.size):
                    sums[number, bin_, i] += weight * row[i]
    return sums


@compiled
def filled_rows(rows: Any) -> Any:
    """Rows that have any number but 0."""
    filled = np.empty(len(rows), np.bool_)
    for n in range(len(rows)):
        total = 0.0
        for i in range(rows.shape[1]):
            total += abs(rows[n, i])
        filled[n] = total != 0
    return filled


@compiled
def exponential(x: float) -> float:
    """Return e^x to a relative error of 1e-13, for x below -700 that of -700.

    Unlike that of the C library it is computed for several numbers at a time.
    """
    x = max(x, LOWEST_EXPONENT)
    k = np.floor(x / LOG_2 + 0.5)
    r = x - k * LOG_2
    power = TAYLOR[-1]
    for order in range(len(TAYLOR) - 2, -1, -1):
        power = power * r + TAYLOR[order]
    # 2^k: the exponent of a float64 is stored above its 52 digits, 1023 too high.
    return power * np.int64((np.int64(k) + 1023) << 52).view(np.float64)


@compiled_as_written
def poisson_quantiles(probabilities: Any, means: Any, counts: Any) -> None:
    """Fill in the smallest counts whose cumulative probabilities reach the given ones.

    Parameters
    ----------
    probabilities
        Numbers from 0 to 1, without 1, shape (N,).
    means
        Means of the Poisson distributions, at most `LARGEST_SUMMED_MEAN`, shape (N,).
    counts
        Filled with the counts, shape (N,).
    """
    for i in range(counts.shape[0]):
        count, term = 0.0, np.exp(-means[i])
        total = term
        # Where rounding keeps the total below the probability, terms become 0.
        while total < probabilities[i] and term > 0.0:
            count += 1.0
            term *= means[i] / count
            total += term
        counts[i] = count
