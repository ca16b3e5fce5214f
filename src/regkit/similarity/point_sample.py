"""Random points of a fixed image, and how much another image tells about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit.geometry.interpolation import nearest, trilinear
from regkit.geometry.transform import Transform
from regkit.geometry.volume import LabelMap, Volume

BINS = 24


@dataclass(frozen=True, eq=False)
class PointSample:
    """Points of an image, drawn once and looked at under many transforms.

    Parameters
    ----------
    points
        LPS mm, shape (N, 3).
    values
        Intensities there, shape (N,).
    foreground
        Which of them show the body rather than its surroundings, shape (N,).
    """

    points: FloatArray
    values: FloatArray
    foreground: NDArray[np.bool_]


def sample_points(
    volume: Volume, mask: LabelMap | None = None, count: int = 40_000
) -> PointSample:
    """Draw points between the voxels of a volume, always the same ones; in the mask if given.

    Off-grid points keep images on equal grids from looking more alike than they are.
    """
    rng = np.random.default_rng(0)
    shape = np.array(volume.grid.shape_zyx)
    index = np.clip(rng.random((count, 3)) * shape - 0.5, 0, shape - 1)
    points = volume.grid.to_physical(index)
    if mask is not None:
        kept = values_at(mask, points) != 0
        index, points = index[kept], points[kept]
    values = values_at(volume, points)
    return PointSample(points, values, _is_foreground(values))


def sample_points_in_mask(
    volume: Volume, mask: LabelMap | None = None, count: int = 40_000
) -> PointSample:
    """Draw points as `sample_points` does, but as many within the mask, however small it is."""
    if mask is None:
        return sample_points(volume, None, count)
    rng = np.random.default_rng(0)
    marked = rng.choice(np.flatnonzero(mask.array), count)
    index = np.stack(np.unravel_index(marked, mask.array.shape), axis=-1)
    points = mask.grid.to_physical(index + rng.random((count, 3)) - 0.5)
    points = points[volume.grid.contains(points)]
    values = values_at(volume, points)
    return PointSample(points, values, _is_foreground(values))


def values_at(volume: Volume, points: FloatArray) -> FloatArray:
    """Return the values of a volume at points (N, 3) in LPS mm; NaN outside (labels: 0)."""
    index = volume.grid.to_index(points)
    outside = ~volume.grid.contains(points)
    if isinstance(volume, LabelMap):
        return np.where(outside, 0.0, nearest(volume.array, index))
    return np.where(outside, np.nan, trilinear(volume.array, index))


def in_field_of_view(
    volume: Volume, mask: LabelMap | None, points: FloatArray
) -> NDArray[np.bool_]:
    """Tell which points (N, 3) in LPS mm lie in a volume's field of view, and in its mask."""
    within = volume.grid.contains(points)
    return within if mask is None else within & (values_at(mask, points) != 0)


def normalized_mutual_information(
    sample: PointSample, moving: Volume, through: Transform, mask: LabelMap | None = None
) -> float:
    """Return the normalised mutual information, (H(f) + H(m)) / H(f, m), of a sample and an image.

    1 means independent, 2 means one follows from the other. Bins hold equal numbers of points, so
    the value does not change with monotone changes of intensity. Points that map outside the
    moving image (or its mask) do not count; with fewer than 100 left the value is 1.
    Studholme et al. 1999, doi:10.1016/S0031-3203(98)00091-0.
    """
    mapped = through.map_points(sample.points)
    counted = in_field_of_view(moving, mask, mapped)
    if counted.sum() < 100:
        return 1.0
    fixed_bins = _equal_bins(sample.values[counted])
    moving_bins = _equal_bins(values_at(moving, mapped[counted]))
    joint = np.bincount(fixed_bins * BINS + moving_bins, minlength=BINS * BINS)
    p = joint.reshape(BINS, BINS) / counted.sum()
    together = _entropy(p)
    return (_entropy(p.sum(0)) + _entropy(p.sum(1))) / together if together > 0 else 1.0


def overlap_weighted_nmi(
    sample: PointSample, moving: Volume, through: Transform, mask: LabelMap | None = None
) -> float:
    """Return how much an image tells about the whole of a sample, 0 to 1.

    `normalized_mutual_information` above that of the same values in random order, times the
    fraction of points that map inside the moving image (and its mask). The first alone favours
    maps that leave little to compare: a few points share much by chance, and a region
    with one border between bright and dark is told well.
    """
    share = in_field_of_view(moving, mask, through.map_points(sample.points)).mean()
    order = np.random.default_rng(0).permutation(len(sample.values))
    chance = PointSample(sample.points, sample.values[order], sample.foreground[order])
    beyond = normalized_mutual_information(
        sample, moving, through, mask
    ) - normalized_mutual_information(chance, moving, through, mask)
    return float(share * beyond)


def _equal_bins(values: FloatArray) -> NDArray[np.intp]:
    # Single precision again: interpolated air is not quite air, but rounded in a way that depends
    # on where a point lies between voxels, and that images on equal grids would share.
    single = values.astype(np.float32)
    edges = np.quantile(single, np.arange(1, BINS) / BINS).astype(np.float32)
    return np.searchsorted(edges, single, side="left")


def _entropy(p: FloatArray) -> float:
    positive = p[p > 0]
    return float(-(positive * np.log(positive)).sum())


def _is_foreground(values: FloatArray) -> NDArray[np.bool_]:
    """Separate a body from its surroundings: Otsu's threshold on compressed intensities."""
    if values.size == 0 or np.ptp(values) == 0:
        return np.ones(values.shape, dtype=bool)
    low, high = np.quantile(values, (0.005, 0.995))
    compressed = np.sqrt(np.clip(values, low, max(high, low + 1e-12)) - low)
    if np.ptp(compressed) == 0:
        return np.asarray(values > values.min())
    otsu = sitk.OtsuThresholdImageFilter()
    otsu.SetNumberOfHistogramBins(256)
    otsu.Execute(sitk.GetImageFromArray(compressed[np.newaxis]))
    return np.asarray(compressed > otsu.GetThreshold())
