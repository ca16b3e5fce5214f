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
    unknown, missing = np.empty(sums.shape, np.float32), np.empty(out.shape, np.float32)
    voxels = np.float32(factors[0] * factors[1] * factors[2])
    for y in range(0, out.shape[0], at_once):
        end = min(y + at_once, out.shape[0])
        band = slice(first[1] + y * factors[1], first[1] + end * factors[1])
        height, average = (end - y) * factors[1], out[y:end]
        if known.size == 0:
            sum_band(array, known, band, curve, False, sums[:height], unknown[:height])
            sum_rows(sums, factors, first[2], average)
            if divide(average, voxels):
                continue
        sum_band(array, known, band, curve, True, sums[:height], unknown[:height])
        sum_rows(sums, factors, first[2], average)
        sum_rows(unknown, factors, first[2], missing[y:end])
        divide_by_known(average, missing[y:end], voxels)


@compiled
def sum_band(
    array: Any, known: Any, rows: Any, curve: Any, counted: bool, sums: Any, unknown: Any
) -> None:
    """Sum rows of slices, intensities mapped to 0..1: all, or the known ones, counting the others.

    Fills in sums and, if counted, the numbers of unknown voxels; uncounted ones make a sum NaN.
    """
    flat, missing = sums.reshape(sums.size), unknown.reshape(unknown.size)
    flat[:] = ZERO
    if counted:
        missing[:] = ZERO
    for k in range(array.shape[0]):
        image = array[k][rows].reshape(flat.size)
        if counted:
            add_known_mapped(image, flat_rows(known, k, rows), curve, flat, missing)
        else:
            add_mapped(image, curve, flat)


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
def add_mapped(array: Any, curve: Any, sums: Any) -> None:
    """Add intensities mapped to 0..1."""
    mapped = np.empty(CHUNK, np.float32)
    for begin in range(0, array.shape[0], CHUNK):
        chunk = slice(begin, min(begin + CHUNK, array.shape[0]))
        if curve.shape[1] == 0:
            add(array[chunk], sums[chunk])
        else:
            map_chunk(array[chunk], curve, mapped)
            add(mapped, sums[chunk])


@compiled
def add(values: Any, sums: Any) -> None:
    """Add the first values to sums."""
    for i in range(sums.shape[0]):
        sums[i] += values[i]


@compiled
def add_known_mapped(array: Any, known: Any, curve: Any, sums: Any, unknown: Any) -> None:
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
    """Map intensities to 0..1, by four pieces of the curve at a time; NaN stays NaN."""
    if curve.shape[1] == 0:
        mapped[: array.shape[0]] = array
        return
    for k in range(0, curve.shape[1] - 1, 4):
        first, second = piece(curve, k), piece(curve, k + 1)
        third, fourth = piece(curve, k + 2), piece(curve, k + 3)
        for i in range(array.shape[0]):
            before = mapped[i] if k > 0 else ZERO if array[i] == array[i] else NAN
            pair = rise(array[i], first) + rise(array[i], second)
            mapped[i] = before + pair + (rise(array[i], third) + rise(array[i], fourth))
    for i in range(array.shape[0]):
        mapped[i] = ONE if mapped[i] > ONE else mapped[i]


@compiled
def rise(intensity: Any, along: Any) -> Any:
    """Return by how much a piece of a curve has risen at an intensity."""
    start, width, slope = along
    part = intensity - start
    part = part if part > ZERO else ZERO
    return slope * (part if part < width else width)


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
def sum_rows(values: Any, factors: Any, first: int, out: Any) -> None:
    """Fill in the sums of rows of blocks, from the first column on."""
    row, columns = np.empty(values.shape[1], np.float32), out.shape[1]
    for y in range(out.shape[0]):
        row[:] = ZERO
        for j in range(y * factors[1], (y + 1) * factors[1]):
            add(values[j], row)
        if factors[2] == 2:  # as a literal, which is compiled to packed instructions
            sum_columns(row[first : first + 2 * columns], 2, out[y])
        else:
            sum_columns(row[first : first + factors[2] * columns], factors[2], out[y])


@compiled
def sum_columns(row: Any, size: int, out: Any) -> None:
    """Fill in the sums of neighbors, as many as told."""
    for x in range(out.shape[0]):
        out[x] = row[x * size]
    for i in range(1, size):
        for x in range(out.shape[0]):
            out[x] += row[x * size + i]


@compiled
def divide(sums: Any, count: Any) -> bool:
    """Divide sums by a number; return whether all are known."""
    flat, total = sums.reshape(sums.size), ZERO
    for i in range(flat.shape[0]):
        total += flat[i]
        flat[i] /= count
    return bool(total == total)  # false for NaN


@compiled
def divide_by_known(sums: Any, unknown: Any, count: Any) -> None:
    """Divide sums by the number of known voxels; NaN where there is none."""
    for y in range(sums.shape[0]):
        for x in range(sums.shape[1]):
            sums[y, x] /= count - unknown[y, x]
