"""The upper abdomen: liver, gallbladder, spleen, stomach, gut and kidneys."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from regkit.geometry.grid import Grid, Vector3
from regkit.geometry.rotation import rotation_matrix
from regkit_nuclear.painting.random_streams import RandomStream, generator
from regkit_nuclear.painting.shapes import (
    Blend,
    Capsule,
    Ellipsoid,
    Field,
    RandomField,
    Shape,
    as_field,
    intersection,
    smooth_intersection,
    smooth_step,
    vector,
)
from regkit_nuclear.phantoms.thorax.chest import Chest
from regkit_nuclear.phantoms.thorax.habitus import Habitus
from regkit_nuclear.phantoms.thorax.organs import MU
from regkit_nuclear.phantoms.thorax.scene import WHOLE, Scene
from regkit_nuclear.phantoms.thorax.uptake import ThoraxUptake

_KIDNEYS_FOLLOW = 0.6  # fraction of the diaphragm's motion; chosen by hand
_FAR_MM = 1e3
_SIDES = {"kidney_right": -1, "kidney_left": 1}


@dataclass(frozen=True)
class AbdomenShape:
    """The drawn parameters of an abdomen.

    Parameters
    ----------
    liver_reach
        Extent of the left lobe of the liver beyond the midline, mm.
    liver_height
        Extent of the right lobe of the liver below its dome, mm.
    gas
        Amount of gas in the stomach, 0 to 1.
    gut_near_heart
        Whether a loop of gut lies against the diaphragm under the heart.
    """

    liver_reach: float
    liver_height: float
    gas: float
    gut_near_heart: bool


def draw_abdomen(seed: int) -> AbdomenShape:
    """Draw the shape of an abdomen."""
    rng = generator(seed, RandomStream.ABDOMEN)
    return AbdomenShape(
        liver_reach=rng.uniform(30, 70),
        liver_height=rng.uniform(118, 152),
        gas=rng.uniform(0, 1),
        gut_near_heart=bool(rng.random() < 0.45),
    )


@dataclass(frozen=True, eq=False)
class AbdomenPainter:
    """Paints the abdomen of one patient.

    `scene` is in the body's frame, lowered with the diaphragm by `diaphragm_mm`; `chest` and
    `pericardium` are surfaces over it, already moved.
    """

    scene: Scene
    habitus: Habitus
    chest: Chest
    pericardium: Field
    uptake: ThoraxUptake
    shape: AbdomenShape
    diaphragm_mm: float
    seed: int

    def paint(self) -> None:
        """Paint the organs, except the gut."""
        background = intersection(self.space, self.off_spine - 6)
        self.scene.paint(WHOLE, background, "soft_tissue", MU["mixed"], 0.6 * self.uptake.soft)
        self._paint_stomach()
        self._paint_spleen()
        self._paint_liver()
        self._paint_gallbladder()
        self._paint_kidneys()

    @cached_property
    def space(self) -> Field:
        """Signed distance of the space below the diaphragm and beside the heart."""
        return intersection(self.chest.abdomen + 1, -self.pericardium)

    @cached_property
    def material_grid(self) -> Grid:
        """Grid before breathing, with which textures and uneven edges move like the organs."""
        grid = self.scene.grid
        return replace(grid, origin=vector(np.add(grid.origin, (0, 0, self.diaphragm_mm))))

    @cached_property
    def off_spine(self) -> Field:
        """Signed distance of the space outside the spine."""
        depth = self.habitus.chest_half_depth
        spine = Capsule((0, 0.64 * depth, -320), (0, 0.58 * depth, 120), 30 * self.habitus.scale)
        return -spine.distance(self.scene.points)

    @cached_property
    def kidneys(self) -> dict[str, Field]:
        """Signed distances of both kidneys, which follow the diaphragm only partly."""
        s, y = self.habitus.scale, 0.44 * self.habitus.chest_half_depth
        lag = (1 - _KIDNEYS_FOLLOW) * self.diaphragm_mm
        kidneys = {}
        for name, side in _SIDES.items():
            centre = np.array([side * 57 * s, y, (-132 if side < 0 else -122) * s + lag])
            hilum = centre - np.array([side * 19, 5, 0]) * s
            kidney = Ellipsoid(vector(centre), (25 * s, 23 * s, 52 * s))
            sinus = Ellipsoid(vector(hilum), (15 * s, 14 * s, 20 * s))
            kidneys[name] = self._over(kidney, cut=sinus)
        return kidneys

    @cached_property
    def liver(self) -> Field:
        """Signed distance of the liver: it fills the right dome and gets thinner to the left."""
        x, y, z = self.scene.points
        s, depth = self.habitus.scale, self.habitus.chest_half_depth
        left = smooth_step(x / s, -75, 75)
        bottom = self.habitus.dome_right - self.shape.liver_height * s
        edge = bottom + 100 * s * left + (y + 20) / 4
        back = 0.74 * depth - 0.85 * depth * smooth_step(x / s, -5, 45)
        liver = intersection(self.space + 1.5, edge - z + self._wobble)
        for surface in (x - self.shape.liver_reach * s, y - back + self._wobble):
            liver = smooth_intersection(liver, surface, 14)
        liver = smooth_intersection(liver, self.off_spine + 2, 6)
        return intersection(liver, 2 - self.kidneys["kidney_right"])

    @cached_property
    def stomach(self) -> Field:
        """Signed distance of the stomach, from the left dome to the right and forward."""
        s, a, b = self.habitus.scale, self.habitus.chest_half_width, self.habitus.chest_half_depth
        bend: Vector3 = (0.20 * a, -0.40 * b, self.habitus.dome_left - 85)
        pylorus: Vector3 = (-0.10 * a, -0.34 * b, self.habitus.dome_left - 78)
        parts = (
            Ellipsoid(self._fundus, (34 * s, 38 * s, 34 * s)),
            Capsule(self._fundus, bend, 24 * s, 18 * s),
            Capsule(bend, pylorus, 18 * s, 13 * s),
        )
        stomach = self._over(Blend(parts, 15)) + self._wobble
        return intersection(stomach, self.space + 2, -self.liver - 1)

    @property
    def _fundus(self) -> Vector3:
        width, depth = self.habitus.chest_half_width, self.habitus.chest_half_depth
        return 0.40 * width, 0.02 * depth, self.habitus.dome_left - 34

    @cached_property
    def _wobble(self) -> Field:
        """Random displacement of edges, mm."""
        rng = generator(self.seed, RandomStream.ABDOMEN_EDGES)
        return as_field(RandomField.draw(rng, 2.5, (45, 130)).on(self.material_grid)[0])

    def _over(self, shape: Shape | Blend, cut: Shape | None = None) -> Field:
        """Return the signed distance of a shape without `cut` over the scene; large far away."""
        distance = np.full(self.scene.mu.shape, _FAR_MM, np.float32)
        low, high = shape.bounds
        box = self.scene.box(low - 12, high + 12)
        points = self.scene.points.crop(box)
        distance[box] = shape.distance(points)
        if cut is not None:
            distance[box] = intersection(distance[box], -cut.distance(points))
        return distance

    def _paint_liver(self) -> None:
        rng = generator(self.seed, RandomStream.TEXTURE)
        texture = RandomField.draw(rng, 0.08, (30, 80)).on(self.material_grid)[0]
        activity = self.uptake.liver * (1 + texture)
        self.scene.paint(WHOLE, self.liver, "liver", MU["liver"], activity)

    def _paint_stomach(self) -> None:
        scene, s = self.scene, self.habitus.scale
        scene.paint(WHOLE, self.stomach, "stomach", MU["soft"], self.uptake.stomach)
        # In a supine patient gas collects in front.
        level = self._fundus[1] + (-34 + 40 * self.shape.gas) * s
        gas = intersection(self.stomach + 4, scene.points.y - level)
        scene.paint(WHOLE, gas, "gas", MU["air"], 0.0)

    def _paint_spleen(self) -> None:
        s, a, b = self.habitus.scale, self.habitus.chest_half_width, self.habitus.chest_half_depth
        centre = (0.72 * a, 0.42 * b, self.habitus.dome_left - 38)
        turned = tuple(rotation_matrix((0, 0, 20)).ravel().tolist())
        shape = Ellipsoid(centre, (25 * s, 46 * s, 50 * s), turned)
        free = (self.space + 2, -self.liver, 2 - self.kidneys["kidney_left"])
        self.scene.paint_shape(shape, "spleen", MU["muscle"], self.uptake.spleen, free)

    def _paint_gallbladder(self) -> None:
        s, a, b = self.habitus.scale, self.habitus.chest_half_width, self.habitus.chest_half_depth
        z = self.habitus.dome_right - (self.shape.liver_height - 38) * s
        shape = Ellipsoid((-0.30 * a, -0.46 * b, z), (14 * s, 15 * s, 28 * s))
        free = (self.space + 5,)
        self.scene.paint_shape(shape, "gallbladder", MU["soft"], self.uptake.gallbladder, free)

    def _paint_kidneys(self) -> None:
        for name, kidney in self.kidneys.items():
            inside = intersection(kidney, self.space + 4)
            self.scene.paint(WHOLE, inside, name, MU["soft"], self.uptake.kidneys)
