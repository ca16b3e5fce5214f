"""Paint solids on a grid, part after part, with soft edges of one voxel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import Grid
from regkit.geometry.transform import Transform
from regkit_nuclear.painting.shapes import Box, Coordinates, Field, RandomField, occupancy
from regkit_nuclear.painting.solids import Solid

Value = float | Callable[[Coordinates], Any]
"""A number, or a function of the points."""
Warp = Callable[[Coordinates], Coordinates]

# Voxels painted at a time, so that the arrays stay in the processor's cache; chosen by hand.
VOXELS = 300_000
# Spacing in voxels of the points by which the voxels near a solid are found; chosen by hand.
LATTICE = 6


@dataclass(frozen=True, eq=False)
class PaintedPart:
    """A solid, its material and its label.

    Parameters
    ----------
    solid
        Shape and position.
    values
        Value inside for each channel; channels that are left out keep their values.
    label
        Number painted in the label map; 0 erases labels, None leaves them unchanged.
    unwarped
        Whether the solid is given in the patient's frame instead of that of the anatomy.
    """

    solid: Solid
    values: Mapping[str, Value] = field(default_factory=dict)
    label: int | None = None
    unwarped: bool = False


@dataclass(frozen=True, eq=False)
class Painting:
    """Channels (float32) and labels (uint8), arrays (z, y, x)."""

    channels: dict[str, Field]
    labels: NDArray[np.uint8]

    def crop(self, box: tuple[slice, ...]) -> Painting:
        """Return the painting of a box of voxels, as views."""
        return Painting({name: c[box] for name, c in self.channels.items()}, self.labels[box])


def paint(
    parts: Sequence[PaintedPart],
    grid: Grid,
    pose: Transform,
    background: Mapping[str, float],
    warp: Warp,
) -> Painting:
    """Paint parts in their order; later parts cover earlier ones.

    Parameters
    ----------
    parts
        Parts in painting order.
    grid
        Grid of the painting.
    pose
        Map of points of the grid to the patient's frame, LPS mm.
    background
        Channels to paint, and their values where nothing is painted.
    warp
        Map of points of the patient's frame to the frame of the anatomy.
    """
    channels = {c: np.full(grid.shape_zyx, v, np.float32) for c, v in background.items()}
    painting = Painting(channels, np.zeros(grid.shape_zyx, np.uint8))
    voxel_mm = float(np.prod(grid.spacing)) ** (1 / 3)
    nz, ny, nx = grid.shape_zyx
    thickness = max(VOXELS // (ny * nx), 1)
    for start in range(0, nz, thickness):
        rows = slice(start, min(start + thickness, nz))
        posed = _posed(grid, pose, rows)
        frames = {True: posed, False: warp(posed)}
        reach = LATTICE * max(grid.spacing) + voxel_mm
        lattices = {key: _Lattice.of(points, reach) for key, points in frames.items()}
        slices = painting.crop((rows,))
        for part in parts:
            box = lattices[part.unwarped].box(part.solid)
            if box is not None:
                points = frames[part.unwarped].crop(box)
                _paint_part(part, points, slices.crop(box), voxel_mm)
    return painting


def displaced(points: Coordinates, displacement: RandomField) -> Coordinates:
    """Displace points by a random field of three components, evaluated at the points."""
    shift = field_at(displacement, points)
    return Coordinates(points.x + shift[0], points.y + shift[1], points.z + shift[2])


def field_at(random_field: RandomField, points: Coordinates) -> Field:
    """Return a random field at points of any shape: (components, *shape)."""
    waves, amplitudes = (
        a.astype(np.float32) for a in (random_field.waves, random_field.amplitudes)
    )
    values = np.zeros((len(amplitudes), *points.x.shape), np.float32)
    for m, (kx, ky, kz) in enumerate(waves):
        phase = kx * points.x + ky * points.y + kz * points.z
        cos, sin = np.cos(phase), np.sin(phase)
        for component, (even, odd) in zip(values, amplitudes[:, m], strict=True):
            component += even * cos + odd * sin  # noqa: PLW2901 - a view of values
    return values


def _paint_part(part: PaintedPart, points: Coordinates, onto: Painting, voxel_mm: float) -> None:
    distance = part.solid.distance(points)
    if part.label is not None:
        onto.labels[distance < 0] = part.label
    touched = distance < voxel_mm / 2
    if not touched.any():
        return
    fraction = occupancy(distance[touched], voxel_mm)
    for name in onto.channels.keys() & part.values.keys():
        channel, value = onto.channels[name], part.values[name]
        inside = value(Coordinates(*(c[touched] for c in points))) if callable(value) else value
        old = channel[touched]
        channel[touched] = old + fraction * (inside - old)


def _posed(grid: Grid, pose: Transform, rows: slice) -> Coordinates:
    _, ny, nx = grid.shape_zyx
    index = np.indices((rows.stop - rows.start, ny, nx), dtype=np.float64)
    index[0] += rows.start
    mapped = pose.map_points(grid.to_physical(np.moveaxis(index, 0, -1))).astype(np.float32)
    x, y, z = (np.ascontiguousarray(mapped[..., axis]) for axis in range(3))
    return Coordinates(x, y, z)


@dataclass(frozen=True, eq=False)
class _Lattice:
    """A coarse lattice of the points of a stack of slices, to find solids in them quickly.

    Along any axis no voxel is farther than `reach` mm from a lattice point.
    """

    index: tuple[NDArray[np.intp], ...]
    points: tuple[Field, ...]
    reach: float

    @classmethod
    def of(cls, points: Coordinates, reach: float) -> _Lattice:
        index = tuple(np.unique([*range(0, n, LATTICE), n - 1]) for n in points.x.shape)
        return cls(index, tuple(c[np.ix_(*index)] for c in points), reach)

    def box(self, solid: Solid) -> Box | None:
        """Return the box of voxels around the solid; None if it is outside the slices."""
        near = np.ones(self.points[0].shape, bool)
        for coordinate, low, high in zip(self.points, *solid.bounds, strict=True):
            near &= (coordinate > low - self.reach) & (coordinate < high + self.reach)
        if not near.any():
            return None
        z, y, x = (
            self._range(np.asarray(near.any(axis=others)), axis) for axis, others in _OTHER_AXES
        )
        return z, y, x

    def _range(self, near: NDArray[np.bool_], axis: int) -> slice:
        hits, index = np.flatnonzero(near), self.index[axis]
        last = min(int(hits[-1]) + 1, len(index) - 1)
        return slice(int(index[max(int(hits[0]) - 1, 0)]), int(index[last]) + 1)


_OTHER_AXES = ((0, (1, 2)), (1, (0, 2)), (2, (0, 1)))
