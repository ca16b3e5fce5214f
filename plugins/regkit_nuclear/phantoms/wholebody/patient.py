"""A simulated whole-body FDG PET/CT patient: drawn parameters, rendered as CT and PET."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regkit.geometry.grid import Grid
from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit_nuclear.painting.canvas import PaintedPart, Painting, displaced, paint
from regkit_nuclear.painting.random_streams import generator
from regkit_nuclear.painting.shapes import Coordinates, RandomField
from regkit_nuclear.phantoms.wholebody import anatomy
from regkit_nuclear.phantoms.wholebody.habitus import (
    VERTEX_MM,
    WholeBodyHabitus,
    draw_whole_body_habitus,
)
from regkit_nuclear.phantoms.wholebody.imaging import ct_image, pet_image
from regkit_nuclear.phantoms.wholebody.lesions import Lesion, draw_lesions
from regkit_nuclear.phantoms.wholebody.uptake import HU, WholeBodyUptake, draw_whole_body_uptake

_AIR = {"ct": HU["air"], "pet": 0.0}
# Standard deviation and wavelengths of the random deformation, mm; chosen by hand.
_WARP_MM, _WAVELENGTHS_MM = 3.5, (160.0, 400.0)


def whole_body_grid(coarser: int = 1) -> Grid:
    """Return the usual grid, 192 x 192 x 256 voxels (x, y, z) of 2.8 x 2.8 x 3.8 mm.

    `coarser` is a factor on the voxel size for about the same field of view, whose centre is the
    LPS origin.
    """
    shape = (-(-256 // coarser), 192 // coarser, 192 // coarser)
    spacing = (2.8 * coarser, 2.8 * coarser, 3.8 * coarser)
    x, y, z = (-(n - 1) / 2 * s for n, s in zip(reversed(shape), spacing, strict=True))
    return Grid(shape, spacing, (x, y, z))


@dataclass(frozen=True)
class WholeBodyPatient:
    """The drawn parameters of one patient; `render` shows the patient on a grid.

    Parameters
    ----------
    seed
        Seed of everything random, including noise and details of organs.
    habitus
        Size, shape and position.
    uptake
        SUV of the tissues.
    lesions
        Lesions that take up FDG.
    """

    seed: int
    habitus: WholeBodyHabitus
    uptake: WholeBodyUptake
    lesions: tuple[Lesion, ...]

    def render(
        self, grid: Grid, pose: Transform = IDENTITY, noise: bool = True
    ) -> tuple[Volume, Volume, LabelMap]:
        """Return CT (HU), PET (SUV) and the labels of `ORGANS`, all in one pose.

        Parameters
        ----------
        grid
            Grid of all three.
        pose
            Map of points of the grid to points of the patient, LPS mm.
        noise
            Whether images are noisy; PET is blurred in any case.
        """
        painting = self._paint(grid, pose, ("ct", "pet"))
        ct, pet = self._images(painting, grid, noise)
        return ct, pet, LabelMap(painting.labels, grid)

    def render_ct(
        self, grid: Grid, pose: Transform = IDENTITY, noise: bool = True
    ) -> tuple[Volume, LabelMap]:
        """Return CT (HU) and labels; see `render`."""
        painting = self._paint(grid, pose, ("ct",))
        (ct,) = self._images(painting, grid, noise)
        return ct, LabelMap(painting.labels, grid)

    def render_pet(
        self, grid: Grid, pose: Transform = IDENTITY, noise: bool = True
    ) -> tuple[Volume, LabelMap]:
        """Return PET (SUV) and labels; see `render`."""
        painting = self._paint(grid, pose, ("pet",))
        (pet,) = self._images(painting, grid, noise)
        return pet, LabelMap(painting.labels, grid)

    @cached_property
    def parts(self) -> list[PaintedPart]:
        """All parts of the patient in painting order."""
        return anatomy.whole_body_parts(
            self.habitus, self.uptake, self.lesions, generator(self.seed, 1)
        )

    def to_anatomy(self, points: Coordinates) -> Coordinates:
        """Map points of the patient, LPS mm, to the frame that the anatomy is described in."""
        bent = displaced(points, self._bends)
        body, (x, y) = self.habitus, self.habitus.offset_mm
        return Coordinates(
            (bent.x - np.float32(x)) / np.float32(body.width),
            (bent.y - np.float32(y)) / np.float32(body.depth),
            (bent.z - np.float32(VERTEX_MM)) / np.float32(body.stature) + np.float32(VERTEX_MM),
        )

    @cached_property
    def _bends(self) -> RandomField:
        return RandomField.draw(
            generator(self.seed, 2), _WARP_MM, _WAVELENGTHS_MM, components=3, count=8
        )

    def _paint(self, grid: Grid, pose: Transform, channels: tuple[str, ...]) -> Painting:
        background: Mapping[str, float] = {name: _AIR[name] for name in channels}
        return paint(self.parts, grid, pose, background, self.to_anatomy)

    def _images(self, painting: Painting, grid: Grid, noise: bool) -> list[Volume]:
        images = []
        for name, exact in painting.channels.items():
            if name == "ct":
                image = ct_image(exact, grid, generator(self.seed, 3)) if noise else exact
            else:
                image = pet_image(exact, grid, generator(self.seed, 4) if noise else None)
            images.append(Volume(image, grid, name))
        return images


def draw_whole_body_patient(seed: int) -> WholeBodyPatient:
    """Draw a patient; the same seed gives the same patient."""
    rng = generator(seed, 0)
    return WholeBodyPatient(
        seed, draw_whole_body_habitus(rng), draw_whole_body_uptake(rng), draw_lesions(rng)
    )
