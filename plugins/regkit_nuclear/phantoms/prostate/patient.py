"""A simulated prostate patient: drawn parameters, rendered as MR and ultrasound."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit_nuclear.painting.canvas import PaintedPart, Painting, Warp, displaced, paint
from regkit_nuclear.painting.random_streams import generator
from regkit_nuclear.painting.shapes import Coordinates, RandomField
from regkit_nuclear.phantoms.prostate import mr, ultrasound
from regkit_nuclear.phantoms.prostate.anatomy import BACKGROUND, prostate_parts
from regkit_nuclear.phantoms.prostate.gland import Gland, draw_gland
from regkit_nuclear.phantoms.prostate.landmarks import invert_displacement, landmark_points
from regkit_nuclear.phantoms.prostate.probe_compression import ProbeCompression

# Standard deviation and wavelengths of the random deformation, and wavelengths of the texture, mm;
# chosen by hand.
_BEND_MM, _BEND_LENGTHS_MM = 1.2, (45.0, 120.0)
_TEXTURE_LENGTHS_MM = (3.5, 14.0)


def prostate_grid(size: int = 96, spacing_mm: float = 0.9) -> Grid:
    """Return a cubic grid whose centre is the LPS origin, where the gland is."""
    start = -(size - 1) / 2 * spacing_mm
    return Grid((size,) * 3, (spacing_mm,) * 3, (start,) * 3)


@dataclass(frozen=True)
class ProstatePatient:
    """The drawn parameters of one patient; the gland's centre is at the LPS origin.

    Parameters
    ----------
    seed
        Seed of everything random, including noise and texture.
    gland
        Shape and contents of the prostate.
    push_mm
        Displacement of the rectal wall by the ultrasound probe; 0 leaves the gland as in MR.
    """

    seed: int
    gland: Gland
    push_mm: float = 0.0

    def render_mr(
        self, grid: Grid, pose: Transform = IDENTITY, noise: bool = True
    ) -> tuple[Volume, LabelMap]:
        """Return T2-weighted MR and the labels of `ZONES`.

        Parameters
        ----------
        grid
            Grid of image and labels.
        pose
            Map of points of the grid to points of the patient, LPS mm.
        noise
            Whether the image has noise and a bias field.
        """
        painting = self._paint(grid, pose, ("t2",), self._bent)
        image = mr.blur_t2(painting.channels["t2"], grid)
        if noise:
            image = mr.add_bias_and_noise(image, grid, generator(self.seed, 3))
        return Volume(image, grid, "mr"), LabelMap(painting.labels, grid)

    def render_us(
        self, grid: Grid, pose: Transform = IDENTITY, noise: bool = True
    ) -> tuple[Volume, LabelMap]:
        """Return transrectal ultrasound (0 to 255, 0 beyond its sector) and the labels.

        Speckle belongs to the tissue: it moves with the pose. See `render_mr` for parameters.
        """
        labels = self._paint(grid, self.deformation @ pose, (), self._bent).labels
        lines = ultrasound.scan_lines(self._scan(), generator(self.seed, 4) if noise else None)
        image = ultrasound.displayed_image(lines, self._polar(grid, pose))
        return Volume(image, grid, "us"), LabelMap(labels, grid)

    def sector(self, grid: Grid, pose: Transform = IDENTITY) -> LabelMap:
        """Return the mask of the field of view of the ultrasound probe."""
        return LabelMap(ultrasound.in_sector(self._polar(grid, pose)), grid)

    @property
    def deformation(self) -> Transform:
        """Map from points of the tissue in ultrasound to points of the tissue in MR, LPS mm."""
        if self.push_mm == 0:
            return IDENTITY
        return ProbeCompression(self.push_mm, self.gland.probe_y - ultrasound.NEAR_MM)

    def mr_landmarks(self, pose: Transform = IDENTITY) -> FloatArray:
        """Return `LANDMARKS` in an MR of the pose, LPS mm, shape (13, 3)."""
        return pose.inverse().map_points(self._landmarks)

    def us_landmarks(self, pose: Transform = IDENTITY) -> FloatArray:
        """Return `LANDMARKS` in an ultrasound scan of the pose, LPS mm, shape (13, 3)."""
        return pose.inverse().map_points(self.deformation.inverse().map_points(self._landmarks))

    @cached_property
    def _landmarks(self) -> FloatArray:
        return invert_displacement(landmark_points(self.gland), self._bends)

    @cached_property
    def _bends(self) -> RandomField:
        return RandomField.draw(
            generator(self.seed, 1), _BEND_MM, _BEND_LENGTHS_MM, components=3, count=8
        )

    @cached_property
    def _parts(self) -> list[PaintedPart]:
        texture = RandomField.draw(
            generator(self.seed, 2), 1.0, _TEXTURE_LENGTHS_MM, components=4, count=32
        )
        return prostate_parts(self.gland, texture)

    def _bent(self, points: Coordinates) -> Coordinates:
        return displaced(points, self._bends)

    def _paint(
        self, grid: Grid, pose: Transform, channels: tuple[str, ...], warp: Warp
    ) -> Painting:
        return paint(self._parts, grid, pose, {c: BACKGROUND[c] for c in channels}, warp)

    def _scan(self) -> Painting:
        """Paint echo and absorption on the polar grid of the beams."""

        def warp(polar: Coordinates) -> Coordinates:
            points = ultrasound.from_polar(polar, self.gland.probe_y)
            if self.push_mm:
                moved = self.deformation.map_points(np.stack(points, axis=-1)).astype(np.float32)
                points = Coordinates(moved[..., 0], moved[..., 1], moved[..., 2])
            return self._bent(points)

        return self._paint(ultrasound.polar_grid(), IDENTITY, ("echo", "absorption"), warp)

    def _polar(self, grid: Grid, pose: Transform) -> FloatArray:
        index = np.moveaxis(np.indices(grid.shape_zyx, dtype=np.float64), 0, -1)
        return ultrasound.to_polar(pose.map_points(grid.to_physical(index)), self.gland.probe_y)


def draw_prostate_patient(seed: int, push_mm: float = 0.0) -> ProstatePatient:
    """Draw a patient; the seed alone decides the anatomy, the probe only compresses it."""
    return ProstatePatient(seed, draw_gland(generator(seed, 0)), push_mm)
