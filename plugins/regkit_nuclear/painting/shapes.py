"""Signed distances of simple shapes, the partial-volume ramp, and smooth random fields.

Distances are in mm, negative inside. All arrays are float32 in (z, y, x) order; points are LPS mm
or any other Cartesian frame in mm. Distances of ellipsoids and tubes are first-order estimates:
exact on the surface and accurate to first order near it, which is all that the ramp needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit_nuclear.painting.loops import (
    capsule_distance,
    ellipsoid_distance,
    frame_coordinates,
    table_values,
)

Field: TypeAlias = NDArray[np.float32]
Box: TypeAlias = tuple[slice, slice, slice]

# Points at which a random field is computed at a time, so that they stay in the processor's cache.
_POINTS = 8192
NO_TURN = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


def as_field(values: Any) -> Field:
    """Return an array as float32."""
    return np.asarray(values, dtype=np.float32)


class Coordinates(NamedTuple):
    """Coordinates in mm: three arrays of one shape (z, y, x)."""

    x: Field
    y: Field
    z: Field

    def crop(self, box: Box) -> Coordinates:
        """Return the points of a box of voxels, as views."""
        return Coordinates(self.x[box], self.y[box], self.z[box])

    def take(self, at: NDArray[np.intp]) -> Coordinates:
        """Return some of the points, shape (N,), by their positions in the flattened arrays."""
        return Coordinates(self.x.take(at), self.y.take(at), self.z.take(at))

    def evaluate(self, loop: Callable[..., Field], *numbers: Field) -> Field:
        """Return the result of a compiled loop over the points, in their shape."""
        return loop(*map(np.ravel, self), *numbers).reshape(self.x.shape)

    def relative_to(self, origin: ArrayLike, rotation: ArrayLike = NO_TURN) -> Coordinates:
        """Return coordinates in a frame with this origin and the columns of `rotation` as axes."""
        start = np.asarray(origin, dtype=np.float32)
        axes = np.reshape(np.asarray(rotation, dtype=np.float32), (3, 3)).T
        if np.array_equal(axes, np.eye(3)):
            return Coordinates(*(c - c0 for c, c0 in zip(self, start, strict=True)))
        x, y, z = map(np.ravel, self)
        turned = frame_coordinates(x, y, z, start, np.ascontiguousarray(axes))
        u, v, w = turned.reshape(3, *self.x.shape)
        return Coordinates(u, v, w)


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid; the columns of `rotation` (3 x 3, row by row) are its axes."""

    centre: Vector3
    half_axes: Vector3
    rotation: tuple[float, ...] = NO_TURN

    def distance(self, points: Coordinates) -> Field:
        """Signed distance in mm, shape of the points."""
        axes = np.reshape(self.rotation, (3, 3)).T
        numbers = (np.array(n, np.float32) for n in (self.centre, self.half_axes, axes))
        return points.evaluate(ellipsoid_distance, *numbers)

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest x, y, z."""
        axes = np.reshape(self.rotation, (3, 3)) * self.half_axes
        reach = np.sqrt((axes**2).sum(axis=1))
        return np.subtract(self.centre, reach), np.add(self.centre, reach)

    def moved(self, shift: ArrayLike) -> Ellipsoid:
        """Return the ellipsoid shifted by a vector."""
        return replace(self, centre=vector(np.add(self.centre, shift)))


@dataclass(frozen=True)
class Capsule:
    """A cylinder with round ends; its radius may taper towards the end."""

    start: Vector3
    end: Vector3
    radius: float
    end_radius: float | None = None

    def distance(self, points: Coordinates) -> Field:
        """Signed distance in mm, shape of the points."""
        along = np.subtract(self.end, self.start).astype(np.float32)
        last = self.radius if self.end_radius is None else self.end_radius
        radii = (self.radius, last - self.radius, max(float(along @ along), 1e-6))
        start, shape = np.array(self.start, np.float32), np.array(radii, np.float32)
        return points.evaluate(capsule_distance, start, along, shape)

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest x, y, z."""
        reach = max(self.radius, self.end_radius or 0.0)
        ends = np.array([self.start, self.end])
        return ends.min(axis=0) - reach, ends.max(axis=0) + reach

    def moved(self, shift: ArrayLike) -> Capsule:
        """Return the capsule shifted by a vector."""
        start, end = (vector(np.add(p, shift)) for p in (self.start, self.end))
        return replace(self, start=start, end=end)


Shape: TypeAlias = Ellipsoid | Capsule


@dataclass(frozen=True)
class Blend:
    """The union of several shapes whose seams are rounded over `rounding` mm."""

    parts: tuple[Shape, ...]
    rounding: float = 0.0

    def distance(self, points: Coordinates) -> Field:
        """Signed distance in mm, shape of the points."""
        union = self.parts[0].distance(points)
        for part in self.parts[1:]:
            union = smooth_union(union, part.distance(points), self.rounding)
        return union

    @property
    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest x, y, z."""
        lows, highs = zip(*(part.bounds for part in self.parts), strict=True)
        swelling = self.rounding / 4
        return np.min(lows, axis=0) - swelling, np.max(highs, axis=0) + swelling

    def moved(self, shift: ArrayLike) -> Blend:
        """Return the shapes shifted by a vector."""
        return replace(self, parts=tuple(part.moved(shift) for part in self.parts))


class Profile:
    """A smooth function of one coordinate: monotone between its knots, constant beyond them."""

    STEP_MM = 0.5

    def __init__(self, knots: ArrayLike, values: ArrayLike) -> None:
        knots = np.asarray(knots, dtype=np.float64)
        self.knots = np.arange(knots[0], knots[-1] + self.STEP_MM, self.STEP_MM)
        curve = PchipInterpolator(knots, values)
        self.values = np.asarray(curve(np.minimum(self.knots, knots[-1])))
        table, rises = as_field(self.values), as_field(np.diff(self.values))
        first, step, last = np.array((knots[0], self.STEP_MM, len(rises) - 1e-3), np.float32)
        self._lookup = (first, step, table, rises, last)

    def __call__(self, position: Field) -> Field:
        """Return the values at positions in mm."""
        flat = np.ravel(as_field(position))
        return as_field(table_values(flat, *self._lookup)).reshape(position.shape)

    def at(self, position: float) -> float:
        """Return the value at one position in mm."""
        return float(np.interp(position, self.knots, self.values))


def tube(x: Field, y: Field, half_x: Field, half_y: Field, exponent: float) -> Field:
    """Signed distance (mm) of a superellipse around z whose half-axes may change with z."""
    ratio = superellipse(x / half_x, y / half_y, exponent)
    return as_field((ratio - 1) * np.minimum(half_x, half_y))


def superellipse(x: Any, y: Any, exponent: float) -> Any:
    """Return (|x|^p + |y|^p)^(1/p), which is 1 on the superellipse of half-axes 1."""
    p = exponent
    total = np.abs(x) ** p + np.abs(y) ** p
    return np.maximum(total, 1e-12) ** (1 / p)


def union_distance(first: NDArray[Any], *others: NDArray[Any]) -> Field:
    """Return the distance of a union: inside where any of the shapes is."""
    for other in others:
        first = np.minimum(first, other)
    return as_field(first)


def intersection(first: NDArray[Any], *others: NDArray[Any]) -> Field:
    """Return the distance of an intersection: inside where all of the shapes are."""
    for other in others:
        first = np.maximum(first, other)
    return as_field(first)


def smooth_union(first: NDArray[Any], second: NDArray[Any], rounding: float) -> Field:
    """Return the distance of a union whose seam is rounded over `rounding` mm (0: sharp)."""
    if rounding <= 0:
        return union_distance(first, second)
    # In place: memory for every step costs more than the step.
    overlap = np.subtract(first, second)
    np.abs(overlap, out=overlap)
    np.subtract(rounding, overlap, out=overlap)
    np.maximum(overlap, 0, out=overlap)
    overlap *= overlap
    overlap /= 4 * rounding
    return as_field(np.subtract(np.minimum(first, second), overlap, out=overlap))


def smooth_intersection(first: NDArray[Any], second: NDArray[Any], rounding: float) -> Field:
    """Return the distance of an intersection with edges rounded over `rounding` mm (0: sharp)."""
    return as_field(-smooth_union(-first, -second, rounding))


def occupancy(distance: Field, voxel_mm: float) -> Field:
    """Return the fraction of a voxel inside: a ramp one voxel wide at the surface."""
    return as_field(np.clip(0.5 - distance / voxel_mm, 0, 1))


def smooth_step(values: Any, low: float, high: float) -> Any:
    """Rise smoothly from 0 at `low` to 1 at `high`; exactly 0 and 1 beyond."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


@dataclass(frozen=True, eq=False)
class RandomField:
    """A smooth random field in space, a sum of plane waves: the same on every grid.

    Parameters
    ----------
    waves
        Wave vectors in rad/mm, shape (M, 3), along x, y, z.
    amplitudes
        Amplitudes of the cosines and sines, shape (components, M, 2).
    """

    waves: FloatArray
    amplitudes: FloatArray

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        deviation: float,
        wavelengths_mm: tuple[float, float],
        components: int = 1,
        count: int = 16,
    ) -> RandomField:
        """Draw a field with a standard deviation and wavelengths between two bounds."""
        directions = rng.normal(size=(count, 3))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        shortest, longest = wavelengths_mm
        numbers = 2 * np.pi * rng.uniform(1 / longest, 1 / shortest, size=(count, 1))
        amplitudes = rng.normal(size=(components, count, 2)) * deviation / np.sqrt(count)
        return cls(directions * numbers, amplitudes)

    def on(self, grid: Grid) -> Field:
        """Return the field at a grid's voxels, shape (components, z, y, x).

        On any grid, also an oblique one, a plane wave is the product of a factor along z and one
        in the plane, so that a whole component is one matrix product.
        """
        nz, ny, nx = grid.shape_zyx
        steps = self.waves @ grid.affine[:3, :3]
        start = self.waves @ grid.affine[:3, 3]
        along = np.arange(nz)[:, None] * steps[:, 0] + start
        plane = _waves_in_plane(steps[:, 1:].tobytes(), ny, nx)
        cos, sin = np.cos(along), np.sin(along)
        fields = [
            np.hstack([p * cos + q * sin, q * cos - p * sin]).astype(np.float32) @ plane.T
            for p, q in (component.T for component in self.amplitudes)
        ]
        return np.stack(fields).reshape(-1, nz, ny, nx)

    def at(self, points: Coordinates) -> Field:
        """Return the field at any points, shape (components, *their shape)."""
        waves = self.waves.astype(np.float32)
        cosines, sines = np.moveaxis(self.amplitudes.astype(np.float32), -1, 0)
        flat = [np.ravel(c) for c in points]
        field = np.empty((len(self.amplitudes), points.x.size), np.float32)
        for start in range(0, points.x.size, _POINTS):
            part = slice(start, start + _POINTS)
            phases = waves @ np.stack([c[part] for c in flat])
            field[:, part] = cosines @ np.cos(phases) + sines @ np.sin(phases)
        return field.reshape(-1, *points.x.shape)


# Shared by the parts of a grid, a few slices each. The fields of two renderings are kept: 2 MB for
# each field of 16 waves in 128 x 128 voxels.
@lru_cache(maxsize=8)
def _waves_in_plane(steps: bytes, ny: int, nx: int) -> Field:
    """Return cosines and sines, (y x, waves), of phases that rise by float64 steps along y, x."""
    along_y, along_x = np.frombuffer(steps).reshape(-1, 2).T
    phases = np.arange(ny)[:, None, None] * along_y + np.arange(nx)[:, None] * along_x
    phases = phases.reshape(ny * nx, -1)
    return np.hstack([np.cos(phases), np.sin(phases)]).astype(np.float32)


def grid_points(grid: Grid) -> Coordinates:
    """Return the centres of a grid's voxels in LPS mm, as float32."""
    nz, ny, nx = grid.shape_zyx
    k, j, i = np.arange(nz)[:, None, None], np.arange(ny)[:, None], np.arange(nx)
    coordinates = [
        np.broadcast_to(row[0] * k + row[1] * j + row[2] * i + row[3], grid.shape_zyx)
        for row in grid.affine[:3]
    ]
    x, y, z = (c.astype(np.float32) for c in coordinates)
    return Coordinates(x, y, z)


def crop_grid(grid: Grid, box: Box) -> Grid:
    """Return the grid of a box of voxels."""
    ranges = [range(n)[part] for n, part in zip(grid.shape_zyx, box, strict=True)]
    start = [r.start for r in ranges]
    shape = (len(ranges[0]), len(ranges[1]), len(ranges[2]))
    return replace(grid, shape_zyx=shape, origin=vector(grid.to_physical(start)))


def refined_grid(grid: Grid, factor: int) -> Grid:
    """Return the grid whose voxels are `factor` times smaller along each axis."""
    nz, ny, nx = (factor * n for n in grid.shape_zyx)
    x, y, z = (s / factor for s in grid.spacing)
    first = (1 / factor - 1) / 2
    return replace(
        grid,
        shape_zyx=(nz, ny, nx),
        spacing=(x, y, z),
        origin=vector(grid.to_physical((first, first, first))),
    )


def vector(values: ArrayLike) -> Vector3:
    """Return three plain numbers."""
    x, y, z = np.asarray(values, dtype=np.float64).tolist()
    return x, y, z
