"""Solids with set operations, each with a bounding box.

Voxels outside the box need not be painted. Distances are those of `shapes`: mm, negative inside,
accurate to first order near the surface.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regkit.geometry.grid import FloatArray
from regkit_nuclear.painting.shapes import (
    Capsule,
    Coordinates,
    Ellipsoid,
    Field,
    Profile,
    Shape,
    smooth_union,
    tube,
    vector,
)

Distance: TypeAlias = Callable[[Coordinates], Field]

FAR_MM = 1e4
EVERYWHERE = (np.full(3, -FAR_MM), np.full(3, FAR_MM))


@dataclass(frozen=True, eq=False)
class Solid:
    """A signed distance, and the lowest and highest x, y, z (mm) of the points inside.

    ``a | b`` is the union, ``a & b`` the intersection, ``a - b`` the difference.
    """

    distance: Distance
    bounds: tuple[FloatArray, FloatArray]

    def __or__(self, other: Solid) -> Solid:
        """Unite two solids."""
        return Solid(
            lambda p: np.minimum(self.distance(p), other.distance(p)), self._hull(other, 0.0)
        )

    def __and__(self, other: Solid) -> Solid:
        """Intersect two solids."""
        lower = np.maximum(self.bounds[0], other.bounds[0])
        upper = np.maximum(np.minimum(self.bounds[1], other.bounds[1]), lower)
        return Solid(lambda p: np.maximum(self.distance(p), other.distance(p)), (lower, upper))

    def __sub__(self, other: Solid) -> Solid:
        """Subtract another solid from this one."""
        return Solid(lambda p: np.maximum(self.distance(p), -other.distance(p)), self.bounds)

    def grown(self, mm: float) -> Solid:
        """Move the surface outwards, or inwards by a negative distance."""
        reach = max(mm, 0.0)
        bounds = (self.bounds[0] - reach, self.bounds[1] + reach)
        return Solid(lambda p: self.distance(p) - np.float32(mm), bounds)

    def blended(self, other: Solid, rounding_mm: float) -> Solid:
        """Unite two solids and round the seam over `rounding_mm`."""
        return Solid(
            lambda p: smooth_union(self.distance(p), other.distance(p), rounding_mm),
            self._hull(other, rounding_mm / 4),
        )

    def _hull(self, other: Solid, reach: float) -> tuple[FloatArray, FloatArray]:
        lower = np.minimum(self.bounds[0], other.bounds[0]) - reach
        return lower, np.maximum(self.bounds[1], other.bounds[1]) + reach


def solid(shape: Shape) -> Solid:
    """Make a solid of a shape."""
    return Solid(shape.distance, shape.bounds)


def free_form(
    distance: Callable[[Coordinates], Any], bounds: tuple[FloatArray, FloatArray] = EVERYWHERE
) -> Solid:
    """Make a solid of any signed distance, which need be accurate only near the surface."""
    return Solid(lambda p: np.asarray(distance(p), dtype=np.float32), bounds)


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
    return Solid(lambda p: np.abs(p[axis] - middle) - half, (lower, upper))


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
