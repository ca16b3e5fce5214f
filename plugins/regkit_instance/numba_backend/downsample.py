"""Block averages of an image with intensities mapped to 0..1, in one pass over it."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled

CHUNK = 1024  # voxels whose intensities fit the nearest cache
# Voxels of a slice whose sums are formed at a time, in rows of whole blocks, so that they fit the
# second cache. 4,096 to 32,768 take up to a tenth less time than all at once (512 x 512 x 800).
BAND = 8192
ZERO, ONE, NAN = np.float32(0.0), np.float32(1.0), np.float32(np.nan)


@compiled
def downsample(array: Any, known: Any, factors: Any, first: Any, curve: Any, out: Any) -> None:
    """Average blocks of voxels, their intensities first mapped to 0..1 by a curve.

    Parameters
    ----------
    array
        Intensities, whole blocks along z, shape (z, y, x), float32; NaN is unknown and left out
        of the average.
    known
        Mask, shape (z, y, x), uint8; where it is 0, voxels are unknown. Without voxels, all count.
    factors
        Voxels per block along z, y, x.
    first
        Index z, y, x of the first voxel of the first block; that along z is left out of account.
    curve
        Knots of a piecewise linear curve, shape (2, K): rising intensities and their values from
        0 to 1; clipped beyond. Without knots, intensities are such values already.
    out
        Filled with the averages, shape (z, y, x), float32.
    """
    for z in range(out.shape[0]):
        slices = slice(z * factors[0], (z + 1) * factors[0])
        average_slice(array[slices], known[slices], factors, first, curve, out[z])


@compiled
def average_slice(array: Any, known: Any, factors: Any, first: Any, curve: Any, out: Any) -> None:
    """Average the blocks of one slice, (y, x), from the voxels of its blocks, (z, y, x)."""
    rows, columns = array.shape[1], array.shape[2]
    if factors[0] * factors[1] * factors[2] == 1:
        through_curve(array[0].reshape(rows * columns), curve, out.reshape(out.size))
        forget(flat_rows(known, 0, slice(0, rows)), out.reshape(out.size))
        return
    at_once = max(1, BAND // (factors[1] * columns))
    sums = np.empty((at_once * factors[1], columns), np.float32)
    unknown = np.empty(sums.shape, np.float32)
    for y in range(0, out.shape[0], at_once):
        end = min(y + at_once, out.shape[0])
        band = slice(first[1] + y * factors[1], first[1] + end * factors[1])
        height = (end - y) * factors[1]
        of_band = sums[:height].reshape(height * columns)
        missing = unknown[:height].reshape(height * columns)
        of_band[:] = ZERO
        missing[:] = ZERO
        for k in range(array.shape[0]):
            image = array[k][band].reshape(height * columns)
            add_mapped(image, flat_rows(known, k, band), curve, of_band, missing)
        average_rows(sums, unknown, factors, first[2], out[y:end])


@compiled
def flat_rows(known: Any, k: int, rows: Any) -> Any:
    """Return rows of a slice of a mask as one; none of a mask without voxels."""
    if known.size == 0:
        return known.reshape(0)
    return known[k][rows].reshape((rows.stop - rows.start) * known.shape[2])


@compiled
def forget(known: Any, mapped: Any) -> None:
    """Set values to NaN outside of a mask; one without voxels leaves all as they are."""
    for i in range(known.shape[0]):
        mapped[i] = NAN if known[i] == 0 else mapped[i]


@compiled
def add_mapped(array: Any, known: Any, curve: Any, sums: Any, unknown: Any) -> None:
    """Add intensities mapped to 0..1, and 1 for unknown ones to their number."""
    mapped = np.empty(CHUNK, np.float32)
    for begin in range(0, array.shape[0], CHUNK):
        chunk = slice(begin, min(begin + CHUNK, array.shape[0]))
        map_chunk(array[chunk], curve, mapped)
        forget(known[chunk], mapped)
        add_known(mapped, sums[chunk], unknown[chunk])


@compiled
def through_curve(array: Any, curve: Any, mapped: Any) -> None:
    """Map intensities to 0..1; NaN stays NaN."""
    for begin in range(0, array.shape[0], CHUNK):
        chunk = slice(begin, min(begin + CHUNK, array.shape[0]))
        map_chunk(array[chunk], curve, mapped[chunk])


@compiled
def map_chunk(array: Any, curve: Any, mapped: Any) -> None:
    """Map intensities to 0..1, by two pieces of the curve at a time; NaN stays NaN."""
    if curve.shape[1] == 0:
        mapped[: array.shape[0]] = array
        return
    for i in range(array.shape[0]):
        mapped[i] = ZERO if array[i] == array[i] else NAN
    for k in range(0, curve.shape[1] - 1, 2):
        low, width, slope = piece(curve, k)
        next_low, next_width, next_slope = piece(curve, k + 1)
        for i in range(array.shape[0]):
            v, w = array[i] - low, array[i] - next_low
            v, w = v if v > ZERO else ZERO, w if w > ZERO else ZERO
            v, w = v if v < width else width, w if w < next_width else next_width
            mapped[i] += slope * v + next_slope * w
    for i in range(array.shape[0]):
        mapped[i] = ONE if mapped[i] > ONE else mapped[i]


@compiled
def piece(curve: Any, k: int) -> Any:
    """Return start, width and slope of a piece of a curve; there is none beyond the last."""
    if k + 1 >= curve.shape[1]:
        return ZERO, ZERO, ZERO
    width = np.float32(curve[0, k + 1] - curve[0, k])
    return np.float32(curve[0, k]), width, np.float32(curve[1, k + 1] - curve[1, k]) / width


@compiled
def add_known(mapped: Any, sums: Any, unknown: Any) -> None:
    """Add values of 0..1, but for unknown ones, which are counted."""
    for i in range(sums.shape[0]):
        known = mapped[i] == mapped[i]
        sums[i] += mapped[i] if known else ZERO
        unknown[i] += ZERO if known else ONE


@compiled
def average_rows(sums: Any, unknown: Any, factors: Any, first: int, out: Any) -> None:
    """Fill in the averages of rows of blocks from sums along z; NaN where no voxel is known."""
    size = factors[2]
    row, known = np.empty(sums.shape[1], np.float32), np.empty(sums.shape[1], np.float32)
    for y in range(out.shape[0]):
        row[:] = ZERO
        known[:] = np.float32(factors[0] * factors[1])
        for j in range(y * factors[1], (y + 1) * factors[1]):
            for x in range(row.shape[0]):
                row[x] += sums[j, x]
                known[x] -= unknown[j, x]
        for i in range(first + 1, first + size):
            for x in range(out.shape[1]):
                row[first + x * size] += row[i + x * size]
                known[first + x * size] += known[i + x * size]
        for x in range(out.shape[1]):
            out[y, x] = row[first + x * size] / known[first + x * size]
