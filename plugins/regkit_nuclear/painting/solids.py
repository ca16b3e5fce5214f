"""Solids with set operations, each with a bounding box.

Voxels outside the box need not be painted. Distances are those of `shapes`: mm, negative inside,
accurate to first order near the surface.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regkit.geometry.grid import FloatArray
from regkit_nuclear.painting.loops import inside_box
from regkit_nuclear.painting.shapes import (
    Capsule,
    Coordinates,
    Ellipsoid,
    Field,
    Profile,
    Shape,
    as_field,
    smooth_union,
    tube,
    vector,
)

FAR_MM = 1e4
EVERYWHERE = (np.full(3, -FAR_MM), np.full(3, FAR_MM))

# Estimated distances may be too small by this factor: the boxes around a grown solid are wider by
# it. Chosen by hand; the largest is 1.7, of a trunk of 100 by 166 mm.
UNDERESTIMATE = 2.0
# Points are gathered when at most this fraction of them is needed; chosen by hand.
WORTH_GATHERING = 0.6


class Band(NamedTuple):
    """Distances that must be exact, mm; of others only the side of the band must be right."""

    low: float = -np.inf
    high: float = np.inf

    def shifted(self, mm: float) -> Band:
        """Return the band of distances that are larger by `mm`."""
        return Band(self.low + mm, self.high + mm)

    @property
    def negative(self) -> Band:
        """The band of the distances with the opposite sign."""
        return Band(-self.high, -self.low)


EXACT = Band()
Bounds: TypeAlias = tuple[FloatArray, FloatArray]
Near: TypeAlias = Callable[[Coordinates, Band], Field]


@dataclass(frozen=True, eq=False)
class Solid:
    """A signed distance and a bounding box, in mm.

    ``a | b`` is the union, ``a & b`` the intersection, ``a - b`` the difference. The second solid
    is evaluated only where the first one does not decide, so the smaller or simpler one is best
    written first.

    Parameters
    ----------
    near
        Distance in mm, negative inside, of points and a band in which it must be exact.
    bounds
        Lowest and highest x, y, z of the points inside.
    simple
        Whether evaluating it costs no more than finding the points near its bounds.
    """

    near: Near
    bounds: Bounds
    simple: bool = False

    def distance(self, points: Coordinates) -> Field:
        """Signed distance in mm, shape of the points."""
        return self.near(points, EXACT)

    def close(self, points: Coordinates, band: Band) -> NDArray[np.intp]:
        """Return the positions of the points whose distance may be in a band or below it."""
        margin = UNDERESTIMATE * max(band.high, 1.0)
        box = (self.bounds[0] - margin, self.bounds[1] + margin)
        corners = (corner.astype(np.float32) for corner in box)
        return np.asarray(inside_box(*map(np.ravel, points), *corners))

    def in_bounds(self, points: Coordinates, band: Band) -> Field:
        """Return the distance in a band; far beyond the bounds the solid is not evaluated."""
        if self.simple or band.high == np.inf:
            return self.near(points, band)
        far = np.full(points.x.shape, max(FAR_MM, band.high), np.float32)
        return _refined(far, self.close(points, band), points, lambda _, p: self.near(p, band))

    def __or__(self, other: Solid) -> Solid:
        """Unite two solids."""

        def near(points: Coordinates, band: Band) -> Field:
            first = self.near(points, band)
            return _refined(
                first,
                np.flatnonzero(first > band.low),
                points,
                lambda d, p: np.minimum(d, other.in_bounds(p, band)),
            )

        return Solid(near, self._hull(other, 0.0))

    def __and__(self, other: Solid) -> Solid:
        """Intersect two solids."""

        def near(points: Coordinates, band: Band) -> Field:
            first = self.near(points, band)
            return _refined(
                first,
                np.flatnonzero(first < band.high),
                points,
                lambda d, p: np.maximum(d, other.near(p, band)),
            )

        lower = np.maximum(self.bounds[0], other.bounds[0])
        upper = np.maximum(np.minimum(self.bounds[1], other.bounds[1]), lower)
        return Solid(near, (lower, upper))

    def __sub__(self, other: Solid) -> Solid:
        """Subtract another solid from this one."""
        outside = Solid(lambda p, band: -other.in_bounds(p, band.negative), EVERYWHERE)
        return self & outside

    def grown(self, mm: float) -> Solid:
        """Move the surface outwards, or inwards by a negative distance."""
        return Solid(
            lambda p, band: self.near(p, band.shifted(mm)) - np.float32(mm),
            self._hull(self, max(mm, 0.0)),
        )

    def shell(self, inner_mm: float, outer_mm: float) -> Solid:
        """Return the layer between two distances from the surface."""

        def near(points: Coordinates, band: Band) -> Field:
            d = self.near(points, Band(inner_mm - band.high, outer_mm + band.high))
            return as_field(np.maximum(d - np.float32(outer_mm), -(d - np.float32(inner_mm))))

        return Solid(near, self._hull(self, max(outer_mm, 0.0)))

    def blended(self, other: Solid, rounding_mm: float) -> Solid:
        """Unite two solids and round the seam over `rounding_mm`."""

        def near(points: Coordinates, band: Band) -> Field:
            # The seam is lower than both by up to a quarter, where they differ by up to the whole.
            wide = Band(band.low, band.high + 1.25 * rounding_mm)
            first = self.near(points, wide)
            return _refined(
                first,
                np.flatnonzero(first > band.low),
                points,
                lambda d, p: smooth_union(d, other.in_bounds(p, wide), rounding_mm),
            )

        return Solid(near, self._hull(other, rounding_mm / 4))

    def _hull(self, other: Solid, reach_mm: float) -> Bounds:
        lower = np.minimum(self.bounds[0], other.bounds[0])
        upper = np.maximum(self.bounds[1], other.bounds[1])
        return lower - UNDERESTIMATE * reach_mm, upper + UNDERESTIMATE * reach_mm


def _refined(
    first: Field,
    open_at: NDArray[np.intp],
    points: Coordinates,
    combine: Callable[[Field, Coordinates], Field],
) -> Field:
    """Return distances that are combined with others where they alone do not decide."""
    if open_at.size > WORTH_GATHERING * first.size:
        return combine(first, points)
    if open_at.size:
        first = first.copy()
        first.put(open_at, combine(first.take(open_at), points.take(open_at)))
    return first


def solid(shape: Shape) -> Solid:
    """Make a solid of a shape."""
    return Solid(lambda p, _: shape.distance(p), shape.bounds, simple=True)


def free_form(distance: Callable[[Coordinates], Any], bounds: Bounds = EVERYWHERE) -> Solid:
    """Make a solid of any signed distance, which need be accurate only near the surface."""
    return Solid(lambda p, _: np.asarray(distance(p), dtype=np.float32), bounds)


def ellipsoid(
    centre: ArrayLike, half_axes: ArrayLike, rotation: NDArray[np.float64] | None = None
) -> Solid:
    """Build an ellipsoid; the columns of `rotation` (3 x 3) are the directions of its axes."""
    turn = np.eye(3) if rotation is None else rotation
    return solid(Ellipsoid(vector(centre), vector(half_axes), tuple(turn.ravel().tolist())))


def ball(centre: ArrayLike, radius: float) -> Solid:
    """Build a ball."""
    return ellipsoid(centre, (radius, radius, radius))


def capsule(
    start: ArrayLike, end: ArrayLike, radius: float, end_radius: float | None = None
) -> Solid:
    """Build a cylinder with round ends; its radius may taper towards the end."""
    return solid(Capsule(vector(start), vector(end), radius, end_radius))


def path(points: Sequence[ArrayLike], radii: float | Sequence[float]) -> Solid:
    """Build a tube through points, each with its radius in mm (or one for all)."""
    each = [radii] * len(points) if isinstance(radii, (int, float)) else list(radii)
    return union_solid(
        [capsule(points[i], points[i + 1], each[i], each[i + 1]) for i in range(len(points) - 1)]
    )


def union_solid(solids: Sequence[Solid]) -> Solid:
    """Unite solids, at least one."""
    whole = solids[0]
    for piece in solids[1:]:
        whole |= piece
    return whole


def half_space(normal: ArrayLike, offset_mm: float) -> Solid:
    """Build the half-space of points p with ``normal . p < offset``; `normal` is a unit vector."""
    nx, ny, nz = np.asarray(normal, dtype=np.float32)
    offset = np.float32(offset_mm)
    return free_form(lambda p: nx * p.x + ny * p.y + nz * p.z - offset)


def slab(axis: int, low: float, high: float) -> Solid:
    """Build the slab between two planes perpendicular to axis 0 (x), 1 (y) or 2 (z)."""
    middle, half = np.float32((low + high) / 2), np.float32((high - low) / 2)
    lower, upper = EVERYWHERE[0].copy(), EVERYWHERE[1].copy()
    lower[axis], upper[axis] = low, high
    return Solid(lambda p, _: np.abs(p[axis] - middle) - half, (lower, upper))


def column(
    half_width: Profile, half_depth: Profile, middle_y: Profile, exponent: float = 2.3
) -> Solid:
    """Build an upright superelliptic column whose section changes with height z.

    It ends at the first and last knot of `half_width`. Exponent 2 gives ellipses, a larger one
    fuller corners.
    """
    heights = half_width.knots
    low, high = float(heights[0]), float(heights[-1])
    middle, half = np.float32((low + high) / 2), np.float32((high - low) / 2)

    def distance(p: Coordinates) -> Any:
        y = p.y - middle_y(p.z)
        round_about = tube(p.x, y, half_width(p.z), half_depth(p.z), exponent)
        return np.maximum(round_about, np.abs(p.z - middle) - half)

    wide = float(half_width.values.max())
    depths, middles = (np.interp(heights, q.knots, q.values) for q in (half_depth, middle_y))
    lower = np.array([-wide, (middles - depths).min(), low])
    return free_form(distance, (lower, np.array([wide, (middles + depths).max(), high])))
