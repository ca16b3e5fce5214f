"""Paint solids on a grid, part after part, with soft edges of one voxel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.transform import AffineTransform, Transform
from regkit_nuclear.painting.loops import add_wave, phases_of
from regkit_nuclear.painting.shapes import Box, Coordinates, Field, RandomField, occupancy
from regkit_nuclear.painting.solids import Band, Solid

Value = float | Callable[[Coordinates], Any]
"""A number, or a function of the points."""
Warp = Callable[[Coordinates], Coordinates]

# Edge of the blocks of voxels that are painted at a time, so that their arrays stay in the
# processor's cache, and spacing of the points by which the solids near a block are found, in
# voxels; chosen by hand.
BLOCK = 32
LATTICE = 8
# Distances that must be exact, in voxels: half a voxel on both sides of a surface, and a margin
# for rounding.
EXACT_VOXELS = 0.75
# Distance in voxels from the box of a part beyond which no voxel is painted: the band of exact
# distances, twice, because they may be underestimated.
FARTHEST_VOXELS = 2.0


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

    @classmethod
    def blank(cls, shape: tuple[int, ...], background: Mapping[str, float]) -> Painting:
        """Return channels of constant values, and no labels."""
        channels = {name: np.full(shape, v, np.float32) for name, v in background.items()}
        return cls(channels, np.zeros(shape, np.uint8))

    def insert(self, box: Box, block: Painting) -> None:
        """Replace a box of voxels by a painting of as many voxels."""
        for name, channel in self.channels.items():
            channel[box] = block.channels[name].reshape(channel[box].shape)
        self.labels[box] = block.labels.reshape(self.labels[box].shape)


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
    painting = Painting.blank(grid.shape_zyx, background)
    seen = [p for p in parts if p.label is not None or p.values.keys() & background.keys()]
    voxel_mm = float(np.prod(grid.spacing)) ** (1 / 3)
    bounds = _bounds(seen)
    reach = LATTICE * max(grid.spacing)
    for box in _blocks(grid.shape_zyx):
        lattice = (
            np.unique([*range(edge.start, edge.stop, LATTICE), edge.stop - 1]) for edge in box
        )
        if not _near(bounds, _frames(grid, pose, warp, lattice), reach).size:
            continue
        frames = _frames(grid, pose, warp, (np.arange(edge.start, edge.stop) for edge in box))
        block = Painting.blank(frames[True].x.shape, background)
        for number in _near(bounds, frames, FARTHEST_VOXELS * voxel_mm):
            part = seen[number]
            _paint_part(part, frames[part.unwarped], block, voxel_mm)
        painting.insert(box, block)
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
    x, y, z = map(np.ravel, points)
    values = np.zeros((len(amplitudes), x.size), np.float32)
    for number, wave in enumerate(waves):
        phases = phases_of(x, y, z, wave)
        add_wave(values, np.cos(phases), np.sin(phases), amplitudes[:, number])
    return values.reshape(-1, *points.x.shape)


def _paint_part(part: PaintedPart, points: Coordinates, onto: Painting, voxel_mm: float) -> None:
    exact = EXACT_VOXELS * voxel_mm
    band = Band(-exact, exact)
    close = part.solid.close(points, band)
    distance = part.solid.near(points.take(close), band)
    if part.label is not None:
        onto.labels[close[distance < 0]] = part.label
    inside = distance < voxel_mm / 2
    touched = close[inside]
    if touched.size == 0:
        return
    fraction = occupancy(distance[inside], voxel_mm)
    for name in onto.channels.keys() & part.values.keys():
        channel, value = onto.channels[name], part.values[name]
        new = value(points.take(touched)) if callable(value) else value
        old = channel.take(touched)
        channel[touched] = old + fraction * (new - old)


def _blocks(shape: tuple[int, ...]) -> Iterator[Box]:
    """Divide an array into blocks."""
    starts = (range(0, n, BLOCK) for n in shape)
    for corner in product(*starts):
        z, y, x = (slice(a, min(a + BLOCK, n)) for a, n in zip(corner, shape, strict=True))
        yield z, y, x


def _bounds(parts: Sequence[PaintedPart]) -> dict[bool, FloatArray]:
    """Return the boxes of parts, (parts, 2, 3), in both frames; without end in the other one."""
    boxes = np.array([part.solid.bounds for part in parts]).reshape(-1, 2, 3)
    unwarped = np.array([part.unwarped for part in parts], dtype=bool)[:, None, None]
    endless = np.reshape([-np.inf, np.inf], (2, 1))
    return {frame: np.where(unwarped == frame, boxes, endless) for frame in (True, False)}


def _near(
    bounds: Mapping[bool, FloatArray], frames: Mapping[bool, Coordinates], reach: float
) -> NDArray[np.intp]:
    """Return the numbers of the parts whose boxes are within a distance of that of the points."""
    near = [
        (boxes[:, 0] < np.max(frames[frame], axis=1) + reach)
        & (boxes[:, 1] > np.min(frames[frame], axis=1) - reach)
        for frame, boxes in bounds.items()
    ]
    return np.flatnonzero(np.all(near, axis=(0, 2)))


def _frames(
    grid: Grid, pose: Transform, warp: Warp, index: Iterable[NDArray[np.intp]]
) -> dict[bool, Coordinates]:
    """Return the points of voxels for parts that are unwarped, and for those that are not."""
    posed = _posed(grid, pose, index)
    return {True: posed, False: warp(posed)}


def _posed(grid: Grid, pose: Transform, index: Iterable[NDArray[np.intp]]) -> Coordinates:
    """Return the posed points of the voxels with these indices along z, y, x, flattened."""
    k, j, i = np.ix_(*index)
    if isinstance(pose, AffineTransform):
        rows = (pose.matrix @ grid.affine)[:3]
        mapped = [row[0] * k + row[1] * j + row[2] * i + row[3] for row in rows]
    else:
        voxels = np.stack(np.broadcast_arrays(k, j, i), axis=-1)
        mapped = [*np.moveaxis(pose.map_points(grid.to_physical(voxels)), -1, 0)]
    x, y, z = (np.ravel(c).astype(np.float32) for c in mapped)
    return Coordinates(x, y, z)
