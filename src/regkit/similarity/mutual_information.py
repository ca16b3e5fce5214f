"""Normalized mutual information of a sample of points and an image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.similarity.point_sample import PointSample, in_field_of_view, values_at

# Both chosen by hand: intensity bins of each image, and the points below which 24 x 24 joint bins
# say nothing.
BINS = 24
FEWEST_POINTS = 100


def normalized_mutual_information(
    sample: PointSample, moving: Volume, through: Transform, mask: LabelMap | None = None
) -> float:
    """Return the normalized mutual information, (H(f) + H(m)) / H(f, m), of a sample and an image.

    1 means independent, 2 means that one follows from the other. Bins hold equal numbers of
    points, so the value does not change with monotone changes of intensity. Points that map
    outside the moving image (or its mask) do not count; with fewer than `FEWEST_POINTS` left the
    value is 1. Studholme et al. 1999, doi:10.1016/S0031-3203(98)00091-0.
    """
    mapped = through.map_points(sample.points)
    counted = in_field_of_view(moving, mask, mapped)
    there = np.where(counted, values_at(moving, mapped), np.nan).astype(np.float32)
    return float(nmi_of_values(sample.values, there[np.newaxis])[0])


def nmi_of_values(first: FloatArray, second: NDArray[np.float32]) -> FloatArray:
    """Return the normalized mutual information of images at the same points.

    Parameters
    ----------
    first
        Intensities of one image, shape (N,).
    second
        Intensities of others, each compared with the one, shape (B, N).

    Returns
    -------
    FloatArray
        Shape (B,). Points where one of two intensities is NaN do not count.
    """
    from regkit.similarity.histogram_loops import normalized_information  # noqa: PLC0415 - loads numba

    # Single precision: the rounding of interpolated air depends on the position between voxels,
    # which is the same in images on equal grids and would make them look related.
    single = first.astype(np.float32)
    found, counts = np.empty(len(second)), np.empty((BINS, BINS), np.int64)
    order, ordered = np.argsort(single), np.sort(second, axis=1)  # NaN last
    normalized_information(single, order, second, ordered, counts, FEWEST_POINTS, found)
    return found


def overlap_weighted_nmi(
    sample: PointSample, moving: Volume, through: Transform, mask: LabelMap | None = None
) -> float:
    """Return the normalized mutual information above chance, weighted by the overlap, 0 to 1.

    Chance is the value for the sample's intensities in random order; the overlap is the fraction
    of points that map inside the moving image (and its mask). Without the weight, maps that leave
    little to compare are favoured: few points have a high mutual information by chance, and so has
    a region with a single border between bright and dark.
    """
    overlap = in_field_of_view(moving, mask, through.map_points(sample.points)).mean()
    order = np.random.default_rng(0).permutation(len(sample.values))
    chance = PointSample(sample.points, sample.values[order], sample.foreground[order])
    related = normalized_mutual_information(sample, moving, through, mask)
    by_chance = normalized_mutual_information(chance, moving, through, mask)
    return float(overlap * (related - by_chance))
