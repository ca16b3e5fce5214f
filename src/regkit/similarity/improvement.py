"""Comparison of two maps of a pair: improvement in units of the noise of the similarity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regkit.geometry.grid import FloatArray
from regkit.geometry.inverse_points import invert_points
from regkit.geometry.transform import Transform, linear_part
from regkit.geometry.volume import Volume
from regkit.registrar import Pair
from regkit.similarity.mutual_information import BINS, FEWEST_POINTS
from regkit.similarity.point_sample import (
    PointSample,
    in_field_of_view,
    sample_points_in_mask,
    values_at,
)

# Points that are compared, and blocks of the body along each axis that are left out in turn. Both
# chosen by hand.
SAMPLES, BLOCKS_PER_AXIS = 10_000, 4
# Least distance in mm over which edges are measured: finer ones are mostly noise. Chosen by hand.
EDGE_MM = 3.0
# Least fraction of the points seen under the new map that the old one must show, to be compared.
LEAST_IN_COMMON = 0.1
# Points of an image count if both maps show this fraction of how many they show of the other's.
# Chosen by hand: under right maps, halves of thighs and masks of halves show 0.45 and more.
LEAST_SHARE = 0.25
# Standard errors for a map whose rival leaves the images apart, and the limit of any other.
MAX_STANDARD_ERRORS = 100.0
# Modalities in which a similarity is no proof: on real MR and ultrasound of 15 prostates a wrong
# place had more than 3 standard errors in 8.
NO_PROOF = frozenset({"us"})
TINY = 1e-12  # keeps divisions from zero


def improvement(pair: Pair, new: Transform, old: Transform) -> float:
    """Return by how many standard errors a map aligns a pair better than another.

    Normalized mutual information and normalized gradient fields are each compared at the points
    that both maps show. Neighboring points are alike, and a mismatch is local (breath, the filling
    of the bladder), so the standard error of each difference is that of a jackknife over blocks
    of the body (Kunsch 1989, doi:10.1214/aos/1176347265). The two are combined with equal weights
    (Stouffer's method). So it is at points of either image, as many in each, and the larger of
    both answers counts: which image is fixed decides nothing. Points of which few lie in the
    other image or its mask do not count.

    Parameters
    ----------
    pair
        The images and masks; the initial transform is ignored.
    new, old
        Maps from fixed to moving points, LPS mm.

    Returns
    -------
    float
        Positive if `new` is better. `MAX_STANDARD_ERRORS` where `old` leaves the images apart.
    """
    back = Pair(pair.moving, pair.fixed, pair.moving_mask, pair.fixed_mask)
    ways = _at_fixed_points(pair, new, old), _at_fixed_points(back, _Backward(new), _Backward(old))
    found, shown = np.transpose(ways)
    telling = found[shown >= LEAST_SHARE * shown.max()]
    return float(telling[np.argmax(np.abs(telling))])


@dataclass(frozen=True, eq=False)
class _Backward(Transform):
    """The inverse of a map, found only at the points that are asked for."""

    forward: Transform

    def map_points(self, points: ArrayLike) -> FloatArray:
        return invert_points(self.forward, np.asarray(points, dtype=np.float64))

    def inverse(self) -> Transform:
        return self.forward


def _at_fixed_points(pair: Pair, new: Transform, old: Transform) -> tuple[float, int]:
    """Compare two maps at points of the fixed image; return also how many both maps show."""
    sample = sample_points_in_mask(pair.fixed, pair.fixed_mask, SAMPLES)
    mapped = new.map_points(sample.points), old.map_points(sample.points)
    seen = [in_field_of_view(pair.moving, pair.moving_mask, points) for points in mapped]
    both = seen[0] & seen[1]
    if both.sum() < max(FEWEST_POINTS, LEAST_IN_COMMON * max(s.sum() for s in seen)):
        more = int(seen[0].sum()) - int(seen[1].sum())
        return MAX_STANDARD_ERRORS * float(np.sign(more)), int(both.sum())
    blocks = _blocks(sample)[both]
    fixed = sample.values[both]
    moving = [values_at(pair.moving, points[both]) for points in mapped]
    by_information = _by_information(fixed, moving, blocks)
    by_edges = _by_edges(pair, (new, old), sample.points[both], blocks)
    return float((by_information + by_edges) / np.sqrt(2)), int(both.sum())


def _blocks(sample: PointSample) -> NDArray[np.int64]:
    """Return the block of the body that each point lies in or next to, (N,)."""
    points = sample.points
    body = points[sample.foreground] if sample.foreground.any() else points
    block = np.zeros(len(points), np.int64)
    for axis in range(3):
        cuts = np.quantile(body[:, axis], np.arange(1, BLOCKS_PER_AXIS) / BLOCKS_PER_AXIS)
        block = block * BLOCKS_PER_AXIS + np.searchsorted(cuts, points[:, axis])
    return block


def _by_information(
    fixed: FloatArray, moving: list[FloatArray], blocks: NDArray[np.int64]
) -> float:
    """Compare the normalized mutual information of two sets of moving values."""
    rows = _bins(fixed)
    joint = [
        np.bincount(
            (blocks * BINS + rows) * BINS + _bins(values),
            minlength=BLOCKS_PER_AXIS**3 * BINS * BINS,
        ).reshape(-1, BINS, BINS)
        for values in moving
    ]
    shown = np.flatnonzero(joint[0].sum(axis=(1, 2)))
    whole = [_information(counts.sum(axis=0)) for counts in joint]
    without = [_information(counts.sum(axis=0) - counts[shown]) for counts in joint]
    return jackknife_standard_errors(float(whole[0] - whole[1]), without[0] - without[1])


def _bins(values: FloatArray) -> NDArray[np.intp]:
    """Return the bin of each value; bins hold about equal numbers."""
    # Single precision: the rounding of interpolated air depends on the position between voxels.
    single = values.astype(np.float32)
    edges = np.quantile(single, np.arange(1, BINS) / BINS).astype(np.float32)
    return np.searchsorted(edges, single)


def _information(counts: NDArray[np.int64]) -> FloatArray:
    """Return the normalized mutual information of joint histograms (..., BINS, BINS)."""
    p = counts / np.maximum(counts.sum(axis=(-1, -2), keepdims=True), 1)
    marginal = _entropy(p.sum(axis=-1), 1) + _entropy(p.sum(axis=-2), 1)
    return np.asarray(marginal / np.maximum(_entropy(p, 2), TINY))


def _entropy(p: FloatArray, axes: int) -> FloatArray:
    terms = p * np.log(np.where(p > 0, p, 1.0))
    return np.asarray(-terms.sum(axis=tuple(range(-axes, 0))))


def _by_edges(
    pair: Pair, maps: tuple[Transform, Transform], points: FloatArray, blocks: NDArray[np.int64]
) -> float:
    """Compare the squared cosines between the edges of both images under two maps."""
    step = max(EDGE_MM, *pair.fixed.grid.spacing, *pair.moving.grid.spacing)
    fixed = _gradients(pair.fixed, points, step)
    warped = [
        _gradients(pair.moving, t.map_points(points), step) @ linear_part(t, _middle(points))
        for t in maps
    ]
    known = np.isfinite(np.concatenate([fixed, *warped], axis=1)).all(axis=1)
    direction = _directions(fixed[known])
    one, other = ((_directions(w[known]) * direction).sum(axis=1) ** 2 for w in warped)
    size = BLOCKS_PER_AXIS**3
    sums = np.bincount(blocks[known], weights=one - other, minlength=size)
    counts = np.bincount(blocks[known], minlength=size)
    shown = np.flatnonzero(counts)
    if len(shown) < 2:
        return 0.0
    without = (sums.sum() - sums[shown]) / (counts.sum() - counts[shown])
    return jackknife_standard_errors(float(sums.sum() / counts.sum()), without)


def _middle(points: FloatArray) -> tuple[float, float, float]:
    x, y, z = points.mean(axis=0).tolist()
    return x, y, z


def _gradients(volume: Volume, points: FloatArray, step_mm: float) -> FloatArray:
    """Return the differences of a volume over two steps along x, y, z at points, (N, 3)."""
    shifts = np.eye(3) * step_mm
    ahead = [values_at(volume, points + shift) for shift in shifts]
    behind = [values_at(volume, points - shift) for shift in shifts]
    return np.stack(ahead, axis=1) - np.stack(behind, axis=1)


def _directions(gradients: FloatArray) -> FloatArray:
    """Return directions with lengths up to one: less for edges weaker than the mean."""
    squared = np.square(gradients).sum(axis=1)
    weak = float(np.sqrt(squared).mean()) + TINY if len(squared) else TINY
    return np.asarray(gradients / np.sqrt(squared + weak**2)[:, None])


def jackknife_standard_errors(difference: float, without: FloatArray) -> float:
    """Return a difference in units of its standard error, by a jackknife.

    Parameters
    ----------
    difference
        Difference of the whole sample.
    without
        Differences with each of the blocks left out, shape (K,).
    """
    count = len(without)
    variance = (count - 1) / max(count, 1) * float(np.square(without - without.mean()).sum())
    ratio = difference / max(np.sqrt(variance), TINY)
    return float(np.clip(ratio, -MAX_STANDARD_ERRORS, MAX_STANDARD_ERRORS))
