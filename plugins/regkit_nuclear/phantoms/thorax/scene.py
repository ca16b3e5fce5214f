"""The canvas of the thorax: images on one grid, and the frame in which shapes are given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regkit.geometry.grid import FloatArray, Grid
from regkit_nuclear.painting.shapes import (
    Blend,
    Box,
    Coordinates,
    Field,
    Shape,
    as_field,
    crop_grid,
    grid_points,
    intersection,
    occupancy,
)
from regkit_nuclear.phantoms.thorax.organs import ORGANS

WHOLE: Final[Box] = (slice(None), slice(None), slice(None))


@dataclass(frozen=True)
class Scene:
    """Images on one grid, painted in order, and a frame of coordinates.

    Parameters
    ----------
    grid
        Grid of the images.
    mu, activity, organs
        Attenuation, activity and labels, painted in place.
    points
        Voxels in coordinates of the frame, mm.
    origin, rotation
        Position of the frame: its point p is at ``rotation @ p + origin`` in LPS mm.
    slack_mm
        Largest deviation from that by the random deformation of the patient.
    """

    grid: Grid
    mu: Field
    activity: Field
    organs: NDArray[np.uint8]
    points: Coordinates
    origin: FloatArray
    rotation: FloatArray
    slack_mm: float = 0.0

    @classmethod
    def blank(cls, grid: Grid) -> Scene:
        """Return empty images in LPS coordinates."""
        mu, activity = (np.zeros(grid.shape_zyx, np.float32) for _ in range(2))
        organs = np.zeros(grid.shape_zyx, np.uint8)
        return cls(grid, mu, activity, organs, grid_points(grid), np.zeros(3), np.eye(3))

    @property
    def voxel_mm(self) -> float:
        """Width of the ramp at every surface: the edge of a cube of a voxel's volume."""
        return float(prod(self.grid.spacing) ** (1 / 3))

    def crop(self, box: Box) -> Scene:
        """Return the scene in a box as views: painting it paints the whole scene."""
        images = {name: getattr(self, name)[box] for name in ("mu", "activity", "organs")}
        return replace(
            self, grid=crop_grid(self.grid, box), points=self.points.crop(box), **images
        )

    def lowered(self, shift_mm: float) -> Scene:
        """Return the scene in a frame that is lowered (-z) by `shift_mm`, like moved organs."""
        x, y, z = self.points
        origin = self.origin - self.rotation @ [0, 0, shift_mm]
        return replace(self, points=Coordinates(x, y, z + shift_mm), origin=origin)

    def box(self, low: ArrayLike, high: ArrayLike) -> Box:
        """Return the box of voxels between two corners in the frame."""
        first, last = self._index_range(low, high)
        end = np.subtract(self.grid.shape_zyx, 1)
        starts, ends = (np.clip(edge, 0, end).astype(int).tolist() for edge in (first, last))
        z, y, x = (slice(a, b + 1) for a, b in zip(starts, ends, strict=True))
        return z, y, x

    def sees(self, low: ArrayLike, high: ArrayLike) -> bool:
        """Return whether voxels are between two corners in the frame."""
        first, last = self._index_range(low, high)
        return bool((last >= 0).all() and (first < self.grid.shape_zyx).all())

    def _index_range(self, low: ArrayLike, high: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Return the first and last index around a box of the frame, with a margin."""
        middle, half = np.add(high, low) / 2, np.subtract(high, low) / 2
        to_index = self.grid.inverse_affine[:3, :3]
        centre = self.grid.to_index(self.rotation @ middle + self.origin)
        margin = (self.slack_mm + self.voxel_mm) / np.asarray(self.grid.spacing[::-1])
        reach = np.abs(to_index @ self.rotation) @ half + margin
        return np.floor(centre - reach), np.ceil(centre + reach)

    def paint(
        self,
        box: Box,
        distance: Field,
        organ: str | None = None,
        mu: float | Field | None = None,
        uptake: float | Field | None = None,
    ) -> None:
        """Paint the inside of a surface with a soft edge; None leaves an image unchanged."""
        inside = distance < self.voxel_mm / 2
        if not inside.any():
            return
        fraction = occupancy(distance[inside], self.voxel_mm)
        for image, value in ((self.mu[box], mu), (self.activity[box], uptake)):
            if value is not None:
                new = value[inside] if isinstance(value, np.ndarray) else value
                old = image[inside]
                image[inside] = old + fraction * (as_field(new) - old)
        if organ is not None:
            self.organs[box][distance < 0] = ORGANS[organ]

    def paint_shape(
        self,
        shape: Shape | Blend,
        organ: str | None = None,
        mu: float | None = None,
        uptake: float | None = None,
        within: tuple[Field, ...] = (),
    ) -> None:
        """Paint the part of a shape that is inside other surfaces, given over the whole scene."""
        if not self.sees(*shape.bounds):
            return
        box = self.box(*shape.bounds)
        distance = shape.distance(self.points.crop(box))
        for surface in within:
            distance = intersection(distance, surface[box])
        self.paint(box, distance, organ, mu, uptake)
