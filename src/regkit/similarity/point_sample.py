"""Samples of points of an image, with the intensities there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.derived import derived
from regkit.geometry.grid import FloatArray
from regkit.geometry.interpolation import nearest
from regkit.geometry.volume import LabelMap, Volume
from regkit.similarity.otsu import otsu_threshold

POINTS = 40_000  # default size of a sample; chosen by hand
# Fraction of the intensities left out at either end before Otsu's threshold; chosen by hand.
OUTLIERS = 0.005
# Bright parts of at most this fraction of the values are hot organs, if so many times more lie
# above one of the next thresholds. Chosen by emission images of one CT with 1 to 2 % of hot organs
# and by PET of eight thighs: the body is 40 to 90 % of their field, what is hot up to 8 %.
LARGEST_ORGANS, BODY_TO_ORGANS, DARKER_ROUNDS = 0.1, 3.0, 2


@dataclass(frozen=True, eq=False)
class PointSample:
    """Points of an image, drawn once and compared under many transforms.

    Parameters
    ----------
    points
        LPS mm, shape (N, 3).
    values
        Intensities there, shape (N,).
    foreground
        True for points of the body, False for its surroundings, shape (N,).
    """

    points: FloatArray
    values: FloatArray
    foreground: NDArray[np.bool_]


def sample_points(
    volume: Volume, mask: LabelMap | None = None, count: int = POINTS
) -> PointSample:
    """Draw points between the voxels of a volume, always the same ones; in the mask if given.

    Off-grid points keep images on equal grids from looking more alike than they are.
    """
    return derived(volume, ("sample", mask, count), partial(_sample, volume, mask, count))


def _sample(volume: Volume, mask: LabelMap | None, count: int) -> PointSample:
    rng = np.random.default_rng(0)
    shape = np.array(volume.grid.shape_zyx)[:, None]
    index = rng.random((count, 3)).T.copy()  # rows of one axis are quick to compute with
    index = np.clip(index * shape - 0.5, 0, shape - 1)
    points = volume.grid.to_physical(index.T)
    if mask is not None:
        kept = values_at(mask, points) != 0
        index, points = index[:, kept], points[kept]
    if isinstance(volume, LabelMap):
        values = values_at(volume, points)
    else:
        values = volume.interpolated(np.eye(3, 4)[None], index)[0].astype(float)
    return PointSample(points, values, _is_foreground(values))


def sample_points_in_mask(
    volume: Volume, mask: LabelMap | None = None, count: int = POINTS
) -> PointSample:
    """Draw points as `sample_points` does, but as many within the mask, however small it is."""
    if mask is None:
        return sample_points(volume, None, count)
    key = ("sample in mask", mask, count)
    return derived(volume, key, partial(_sample_in_mask, volume, mask, count))


def _sample_in_mask(volume: Volume, mask: LabelMap, count: int) -> PointSample:
    rng = np.random.default_rng(0)
    index = chosen_voxels(mask.array, lambda number: rng.integers(number, size=count))
    points = mask.grid.to_physical(index + rng.random((count, 3)) - 0.5)
    points = points[volume.grid.contains(points)]
    values = values_at(volume, points)
    return PointSample(points, values, _is_foreground(values))


def chosen_voxels(
    mask: NDArray[Any], choose: Callable[[int], NDArray[np.int64]]
) -> NDArray[np.int64]:
    """Return the indices z, y, x, shape (N, 3), of voxels of a mask that are chosen by number.

    Parameters
    ----------
    mask
        Non-zero voxels count, in the order of memory.
    choose
        Function of the number of all that returns N numbers below it.
    """
    from regkit.similarity.mask_loops import (  # noqa: PLC0415 - it loads numba
        count_marked,
        find_marked,
    )

    marked = mask if mask.dtype == np.uint8 else (mask != 0).view(np.uint8)
    rows = marked.reshape(-1, mask.shape[-1])
    counts = np.empty(len(rows), np.int64)
    count_marked(rows, counts)
    ends = np.cumsum(counts)
    chosen = choose(int(ends[-1]))
    row = np.searchsorted(ends, chosen, side="right")
    x = np.empty(len(chosen), np.int64)
    find_marked(rows, row, chosen - (ends - counts)[row], x)
    return np.stack((*np.divmod(row, mask.shape[1]), x), axis=-1)


def values_at(volume: Volume, points: FloatArray) -> FloatArray:
    """Return the values of a volume at points (N, 3) in LPS mm; NaN outside (labels: 0)."""
    index = volume.grid.to_index(points)
    outside = ~volume.grid.contains(points)
    if isinstance(volume, LabelMap):
        return np.where(outside, 0.0, nearest(volume.array, index))
    values = volume.interpolated(np.eye(3, 4)[None], index.T.astype(np.float32))[0]
    return np.where(outside, np.nan, values.astype(float))


def in_field_of_view(
    volume: Volume, mask: LabelMap | None, points: FloatArray
) -> NDArray[np.bool_]:
    """Return whether points (N, 3) in LPS mm lie in a volume's field of view and in its mask."""
    within = volume.grid.contains(points)
    return within if mask is None else within & (values_at(mask, points) != 0)


def _is_foreground(values: FloatArray) -> NDArray[np.bool_]:
    """Separate a body from its surroundings."""
    if values.size == 0 or np.ptp(values) == 0:
        return np.ones(values.shape, dtype=bool)
    return np.asarray(values > body_threshold(values))


def body_threshold(values: FloatArray) -> float:
    """Return the intensity that separates a body from its surroundings, by Otsu's method.

    If only hot organs lie above that, a body many times larger is found by the same method among
    the darker values.

    Parameters
    ----------
    values
        Sample of the intensities, not all the same.
    """
    darkest = threshold = _otsu(values)
    for _ in range(DARKER_ROUNDS):
        organs = np.count_nonzero(values > threshold)
        if organs > LARGEST_ORGANS * values.size:
            break
        darker = np.minimum(values, darkest)
        if np.ptp(darker) == 0:
            break
        darkest = _otsu(darker)
        if np.count_nonzero(values > darkest) > BODY_TO_ORGANS * organs:
            threshold = darkest
    return threshold


def _otsu(values: FloatArray) -> float:
    """Return Otsu's threshold of intensities that are compressed by a square root first."""
    low, high = np.quantile(values, (OUTLIERS, 1 - OUTLIERS))
    compressed = np.sqrt(np.clip(values, low, high) - low)
    if np.ptp(compressed) == 0:
        return float(values.min())
    return float(low + otsu_threshold(compressed) ** 2)
