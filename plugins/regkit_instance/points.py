"""The body in the fixed image, and sample points spread evenly around it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.interpolation import interpolate_mapped
from regkit.geometry.transform import AffineTransform, Transform
from regkit.registrar import Pair
from regkit.similarity.point_sample import PointSample, values_at
from regkit_instance.numba_backend.cells import map_points, spread_over_box
from regkit_instance.numba_backend.distances import nearest_squared_distances
from regkit_instance.pyramid import Level

# Voxels of a level around the body that are sampled too: the surroundings show where it ends.
# Chosen by hand, as is the smallest number of probe points from which a body can be found.
MARGIN_VOXELS = 6
MIN_BODY_POINTS = 50


@dataclass(frozen=True, eq=False)
class BodyRegion:
    """The region of the fixed image to align.

    Parameters
    ----------
    points
        Points of the body after the initial transform, LPS mm about `centre`, shape (N, 3).
    centre
        Centre of the body after the initial transform, LPS mm of the moving image.
    radius_mm
        Distance of the edge of the body from its centre in mm.
    box
        Lowest and highest index (z, y, x) of the body in the fixed image, shape (2, 3).
    in_fixed
        The points before the initial transform, LPS mm of the fixed image, shape (N, 3).
    """

    points: FloatArray
    centre: FloatArray
    radius_mm: float
    box: FloatArray
    in_fixed: FloatArray

    @cached_property
    def scatter(self) -> FloatArray:
        """Mean products of the coordinates of the points, mm^2, shape (3, 3)."""
        return np.asarray(np.einsum("ni,nj->ij", self.points, self.points) / len(self.points))

    @cached_property
    def gap_mm(self) -> float:
        """Mean distance of a point to its nearest neighbor in the fixed image, mm."""
        points = self.in_fixed - self.in_fixed.mean(axis=0)
        return float(distances_to_nearest(points, points, same=True).mean())


@dataclass(frozen=True, eq=False)
class MetricPoints:
    """Sample points of the fixed image at one resolution.

    Parameters
    ----------
    positions
        Positions after the initial transform, mm about the body's centre (x, y, z), shape (3, N),
        float32.
    values
        Intensities from 0 to 1, shape (N,), float32.
    """

    positions: NDArray[np.float32]
    values: NDArray[np.float32]


def find_body(pair: Pair, sample: PointSample) -> BodyRegion:
    """Find the body in a sample of the fixed image (in its mask).

    Raises
    ------
    RegistrationError
        The mask marks almost nothing.
    """
    if len(sample.points) < MIN_BODY_POINTS:
        raise RegistrationError("the mask marks almost nothing of the image; draw a larger one")
    body = sample.points[sample.foreground]
    if len(body) < MIN_BODY_POINTS:
        body = sample.points
    mapped = pair.start.map_points(body)
    centre = mapped.mean(axis=0)
    points = mapped - centre
    distances = np.linalg.norm(points, axis=1)
    radius = float(np.quantile(distances, 0.95)) or 1.0
    within = pair.fixed.grid.to_index(sample.points if pair.fixed_mask is not None else body)
    box = np.quantile(within, (0.002, 0.998), axis=0)
    return BodyRegion(points, centre, radius, box, body)


def distances_to_nearest(
    points: FloatArray, others: FloatArray, same: bool = False
) -> NDArray[np.float32]:
    """Return the distance of each point (N, 3) to the nearest of others (M, 3).

    With `same`, both are the same points, none of which is its own neighbor.
    """
    order = np.argsort(others[:, 0])
    own = np.full(len(points), -1)
    if same:
        own[order] = np.arange(len(order))
    one, other = (np.array(p.T, np.float32, order="C") for p in (points, others[order]))
    squares = np.empty(len(points), np.float32)
    nearest_squared_distances(one, other, np.searchsorted(other[0], one[0]), own, squares)
    return np.sqrt(squares)


def _with_surroundings(box: FloatArray, grid: Grid, spacing_mm: float) -> FloatArray:
    margin = MARGIN_VOXELS * spacing_mm / np.array(grid.spacing[::-1])
    top = np.subtract(grid.shape_zyx, 0.5)
    return np.stack([np.maximum(box[0] - margin, -0.5), np.minimum(box[1] + margin, top)])


def stratified_points(  # noqa: PLR0917 - each has its own meaning
    pair: Pair,
    body: BodyRegion,
    level: Level,
    spacing_mm: float,
    count: int,
    seed: int,
) -> MetricPoints:
    """Return stratified random points: one in each of equal cells of a box around the body.

    Parameters
    ----------
    pair
        The images; the points lie in the fixed mask.
    body
        The body in the fixed image.
    level
        The fixed image at one resolution.
    spacing_mm
        Spacing of the level in mm.
    count
        Approximate number of points, before those outside the mask are dropped.
    seed
        Seed of the positions within the cells.
    """
    grid = pair.fixed.grid
    low, high = _with_surroundings(body.box, grid, spacing_mm)
    middle = (low + high) / 2
    cells = _cells(np.maximum((high - low) * grid.spacing[::-1], 1e-3), count)
    index = _in_cells(cells, high - low, seed)  # about the middle
    if pair.fixed_mask is not None:
        points = grid.to_physical(index.T + middle)
        index = index.take(np.flatnonzero(values_at(pair.fixed_mask, points)), axis=1)
    to_fixed = grid.affine.copy()
    to_fixed[:3, 3] = grid.to_physical(middle)
    to_level = level.grid.inverse_affine @ to_fixed
    to_moving = pair.start @ AffineTransform(to_fixed)
    values = interpolate_mapped(level.array, to_level[None, :3], index)[0]
    mapped = _mapped_about(body.centre, to_moving, index)
    unknown = np.isnan(values)
    if not unknown.any():
        return MetricPoints(mapped, values)
    known = np.flatnonzero(~unknown)
    return MetricPoints(mapped.take(known, axis=1), values.take(known))


def _mapped_about(
    centre: FloatArray, transform: Transform, points: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return mapped points (3, N) about a centre near them; of a matrix in single precision."""
    if not isinstance(transform, AffineTransform):
        return np.asarray((transform.map_points(points.T) - centre).T, np.float32, order="C")
    matrix, mapped = transform.matrix[:3].copy(), np.empty_like(points)
    matrix[:, 3] -= centre
    map_points(matrix.astype(np.float32), points, mapped)
    return mapped


def _in_cells(cells: NDArray[np.int64], sides: FloatArray, seed: int) -> NDArray[np.float32]:
    """Return a random place in each cell of a box, about its middle, shape (3, N)."""
    places = np.random.default_rng(seed).random((3, int(np.prod(cells))), np.float32)
    spread_over_box(places, cells, sides.astype(np.float32))
    return places


def _cells(sides: FloatArray, count: int) -> NDArray[np.int64]:
    """Divide a box into about `count` cells that are nearly cubes."""
    cells = np.ones(3)
    order = np.argsort(sides)  # a thin box has one layer
    for rank, axis in enumerate(order):
        rest = sides[order[rank:]]
        per_mm = (count / np.prod(cells) / np.prod(rest)) ** (1 / len(rest))
        cells[axis] = max(1, round(sides[axis] * per_mm))
    return cells.astype(np.int64)
