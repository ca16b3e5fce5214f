"""The canvas of the thorax: images on one grid, and the frame in which shapes are given."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    box_around,
    corners_of,
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
        return float(np.prod(self.grid.spacing) ** (1 / 3))

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
        corners = corners_of(low, high) @ self.rotation.T + self.origin
        return box_around(self.grid, corners, self.slack_mm + self.voxel_mm)

    def paint(
        self,
        box: Box,
        distance: Field,
        organ: str | None = None,
        mu: float | Field | None = None,
        uptake: float | Field | None = None,
    ) -> None:
        """Paint the inside of a surface with a soft edge; None leaves an image unchanged."""
        fraction = occupancy(distance, self.voxel_mm)
        if mu is not None:
            _blend(self.mu[box], fraction, mu)
        if uptake is not None:
            _blend(self.activity[box], fraction, uptake)
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
        box = self.box(*shape.bounds)
        distance = shape.distance(self.points.crop(box))
        for surface in within:
            distance = intersection(distance, surface[box])
        self.paint(box, distance, organ, mu, uptake)


def _blend(image: Field, fraction: Field, value: float | Field) -> None:
    image += fraction * (as_field(value) - image)
