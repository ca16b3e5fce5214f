"""The compiled measure of self-similarity descriptors (MIND-SSC), and its joint with another.

Heinrich et al. 2013, doi:10.1007/978-3-642-40811-3_24. A descriptor says how alike the patches
around a voxel are, whatever the intensities of its modality. It depends on the directions of the
axes: the moving image is resampled to those of the fixed image before it is described.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from regkit.errors import RegistrationError
from regkit.geometry.derived import derived
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.interpolation import interpolate_mapped
from regkit.geometry.transform import AffineTransform, linear_part
from regkit_instance.measures import Measure
from regkit_instance.metric_constants import MIN_OVERLAP, MIN_POINTS
from regkit_instance.neighborhood_points import in_mask, spread_points
from regkit_instance.numba_backend.self_similarity import (
    CHANNELS,
    DISTANCE,
    PAIRS,
    SUPPORT,
    describe_neighborhoods,
    look_up_descriptors,
    squared_differences,
)
from regkit_instance.points import distances_to_nearest
from regkit_instance.prepared_pair import PreparedPair
from regkit_instance.pyramid import Level

# Distance from the body in mm up to which its surroundings are sampled, so that its edge counts.
MARGIN_MM = 6.0
# Candidates drawn for each sample point, for those far from the body are dropped; mean distances
# between neighboring probe points of the body within which everything is body.
CANDIDATES, PROBE_GAPS = 2, 2.0
# Voxels of a level by which a point may move before the moving image must be described anew.
MOTION_VOXELS = 4
# Fraction of the points known where the moving image was described that must stay so: leaving
# the field of view must not pay. Chosen by hand, as are the three above.
MIN_KNOWN_FRACTION = 0.5
# Mean squared difference of descriptors that counts as none: rounding. Chosen by hand.
MIN_DIFFERENCE = 1e-4


@dataclass(frozen=True, eq=False)
class DescriptorMeasure:
    """Minus the mean squared difference of descriptors; a `regkit_instance.measures.Measure`.

    Parameters
    ----------
    positions
        Fixed points, mm about the body's centre, shape (3, N), float32.
    wanted
        Descriptors of the fixed image there, shape (N, C), float32.
    volume
        Descriptors of the moving image, shape (z, y, x, C), float32.
    to_index
        Map from moving points, mm about the body's centre, to its indices, shape (3, 4).
    min_points
        Number of points that must map to known descriptors.
    """

    positions: NDArray[np.float32]
    wanted: NDArray[np.float32]
    volume: NDArray[np.float32]
    to_index: FloatArray
    min_points: int

    def values(self, maps: FloatArray) -> FloatArray:
        """Return the similarity (B,) under each map."""
        return self.values_and_gradients(maps)[0]

    def values_and_gradients(self, maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the similarity (B,) and its derivatives by the entries of the maps (B, 3, 4)."""
        scores, by_index = np.empty(len(maps)), np.empty((len(maps), 3, 4))
        to_index = _followed(self.to_index, maps)
        squared_differences(
            self.volume, to_index, self.positions, self.wanted, self.min_points, scores, by_index
        )
        return scores, np.asarray(np.einsum("ji,bjk->bik", self.to_index[:, :3], by_index))

    def agreement(self, placed: FloatArray) -> float:
        """Return how alike the descriptors are under a map (3, 4): 1 for equal, 0 for by chance.

        By chance is the mean difference of every point to any other, not to its own.
        """
        found = _looked_up(self.volume, _followed(self.to_index, placed), self.positions)
        known = ~np.isnan(found[:, 0])
        if not known.any():
            return 0.0
        one, other = found[known].astype(np.float64), self.wanted[known].astype(np.float64)
        apart = np.square(one - other).sum(axis=1).mean()
        squares = np.square(one).sum(axis=1).mean() + np.square(other).sum(axis=1).mean()
        chance = squares - 2 * one.mean(axis=0) @ other.mean(axis=0)
        return float(1 - apart / max(chance, MIN_DIFFERENCE))


@dataclass(frozen=True, eq=False)
class LogRatio:
    """A `Measure`: log of a positive measure, less the log of minus a negative one.

    Both change in proportion to what is left of them, so that neither needs a weight.

    Parameters
    ----------
    positive, negative
        Measures of the same pair, about the same centre.
    """

    positive: Measure
    negative: Measure

    def values(self, maps: FloatArray) -> FloatArray:
        """Return the similarity (B,) under each map."""
        return _log_ratio(self.positive.values(maps), self.negative.values(maps))

    def values_and_gradients(self, maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the similarity (B,) and its derivatives by the entries of the maps (B, 3, 4)."""
        one, by_one = self.positive.values_and_gradients(maps)
        other, by_other = self.negative.values_and_gradients(maps)
        scores = _log_ratio(one, other)
        known = np.isfinite(scores)
        one, other = np.where(known, one, 1.0), np.where(known, other, 0.0)
        slopes = by_one / one[:, None, None] + by_other / (MIN_DIFFERENCE - other)[:, None, None]
        return scores, np.where(known[:, None, None], slopes, 0.0)


def _log_ratio(positive: FloatArray, negative: FloatArray) -> FloatArray:
    known = (positive > 0) & np.isfinite(negative)
    top, bottom = np.where(known, positive, 1.0), np.where(known, negative, 0.0)
    return np.where(known, np.log(top) - np.log(MIN_DIFFERENCE - bottom), -np.inf)


@dataclass(frozen=True, eq=False)
class DescribedPair:
    """A pair at one level: the fixed image described, the moving one to be described.

    Parameters
    ----------
    positions
        Fixed points, mm about the body's centre, shape (3, N), float32.
    wanted
        Descriptors of the fixed image there, shape (N, C), float32.
    axes
        Linear part of the initial transform, which turns the axes of the fixed image.
    level
        The moving image.
    origin
        The body's centre, LPS mm of the moving image.
    spacing_mm
        Spacing of the descriptors.
    """

    positions: NDArray[np.float32]
    wanted: NDArray[np.float32]
    axes: AffineTransform
    level: Level
    origin: FloatArray
    spacing_mm: float

    @classmethod
    def of(cls, images: PreparedPair, level: int, samples: int) -> Self:
        """Describe the fixed image at a level, at about `samples` points in and near the body."""
        pair, centre, spacing = images.pair, images.body.centre, images.spacings[level]
        # The same for every initial transform.
        key = ("described", pair.fixed_mask, images.spacings, level, samples, images.seed)
        points, wanted = derived(pair.fixed, key, partial(_of_fixed, images, level, samples))
        middle = points.mean(axis=0)
        moved = pair.start.map_points(points) - centre
        positions = np.ascontiguousarray(moved.T, dtype=np.float32)
        x, y, z = middle.tolist()
        axes = AffineTransform.about(linear_part(pair.start, (x, y, z)), (0, 0, 0), (0, 0, 0))
        return cls(positions, wanted, axes, images.moving[level], centre, spacing)

    def measure(self, reference: FloatArray, starts: FloatArray) -> DescriptorMeasure:
        """Describe the moving image under a map, and return the measure of maps near it.

        Parameters
        ----------
        reference
            Map (3, 4) whose rotation and stretches the neighborhoods follow.
        starts
            Maps (B, 3, 4) from which the measure will be maximized.
        """
        frame = AffineTransform(np.vstack([reference, (0, 0, 0, 1)])) @ self.axes
        away = starts - reference
        moved = away[:, :, :3] @ self.positions + away[:, :, 3:]
        reach = np.linalg.norm(moved, axis=1).max() + MOTION_VOXELS * self.spacing_mm
        placed = self.axes.inverse().map_points(self.positions.T).T
        grid = _grid_around(placed, self.spacing_mm, reach)
        volume = _described(self.level, grid, frame.matrix, self.origin)
        to_index = (grid.inverse_affine @ frame.inverse().matrix)[:3]
        known = np.isfinite(_looked_up(volume, _followed(to_index, reference), self.positions))
        least = max(
            MIN_POINTS,
            int(MIN_OVERLAP * len(self.wanted)),
            int(MIN_KNOWN_FRACTION * known[:, 0].sum()),
        )
        return DescriptorMeasure(self.positions, self.wanted, volume, to_index, least)


def _of_fixed(
    images: PreparedPair, level: int, samples: int
) -> tuple[FloatArray, NDArray[np.float32]]:
    """Return at most so many points in and near the body, LPS mm, and their descriptors."""
    points = _points_near_body(images, samples)
    middle = points.mean(axis=0)
    centred = np.ascontiguousarray((points - middle).T, dtype=np.float32)
    grid = _grid_around(centred, images.spacings[level], 0.0)
    volume = _described(images.fixed[level], grid, np.eye(4), middle)
    wanted = _looked_up(volume, grid.inverse_affine[:3], centred)
    known = ~np.isnan(wanted[:, 0])
    if known.sum() < MIN_POINTS:
        raise RegistrationError(
            f"self-similarity needs {MIN_POINTS} points whose surroundings both images show, "
            f"got {known.sum()}; use another measure, or larger images"
        )
    return points[known], wanted[known]


def _points_near_body(images: PreparedPair, count: int) -> FloatArray:
    """Return at most `count` points spread evenly in the body and its surroundings, LPS mm."""
    pair, body = images.pair, images.body
    points = spread_points(pair, body, MARGIN_MM, CANDIDATES * count, images.seed)
    points = points[in_mask(pair, points)]
    reach = max(MARGIN_MM, PROBE_GAPS * body.gap_mm)
    middle = body.in_fixed.mean(axis=0)  # small numbers are exact in single precision
    distances = distances_to_nearest(points - middle, body.in_fixed - middle)
    near: FloatArray = points[distances <= reach][:count]
    return near


def _grid_around(points: NDArray[Any], spacing_mm: float, margin_mm: float) -> Grid:
    """Return a grid, along x, y and z, that holds points (3, N) and a margin."""
    low, high = points.min(axis=1) - margin_mm, points.max(axis=1) + margin_mm
    nx, ny, nz = (2 + np.ceil((high - low) / spacing_mm)).astype(int).tolist()
    x, y, z = low.astype(float).tolist()
    return Grid((nz, ny, nx), (spacing_mm,) * 3, (x, y, z))


def _described(
    level: Level, grid: Grid, frame: FloatArray, origin: FloatArray
) -> NDArray[np.float32]:
    """Return the descriptors, at the voxels of a grid, of an image seen through a 4 x 4 map.

    The map takes mm of the grid to mm of the image about `origin`.
    """
    shape = [n + 2 * SUPPORT for n in grid.shape_zyx]
    ticks = [np.arange(n, dtype=np.float32) - SUPPORT for n in shape]
    index = np.stack(np.meshgrid(*ticks, indexing="ij")).reshape(3, -1)
    to_index = _followed(level.to_index(origin), (frame @ grid.affine)[:3])
    values = interpolate_mapped(level.array, to_index[None], index)
    descriptors = np.empty((*grid.shape_zyx, CHANNELS), np.float32)
    describe_neighborhoods(values.reshape(shape), DISTANCE * PAIRS, descriptors)
    return descriptors


def _looked_up(
    volume: NDArray[np.float32], to_index: FloatArray, points: NDArray[np.float32]
) -> NDArray[np.float32]:
    found = np.empty((points.shape[1], CHANNELS), np.float32)
    look_up_descriptors(volume, to_index, points, found)
    return found


def _followed(then: FloatArray, first: FloatArray) -> FloatArray:
    """Return the map (..., 3, 4) that is `first` (..., 3, 4), followed by `then` (3, 4)."""
    both = np.einsum("ij,...jk->...ik", then[:, :3], first)
    both[..., 3] += then[:, 3]
    return np.asarray(both)
