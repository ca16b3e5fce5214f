"""The upper abdomen: liver, gallbladder, spleen, stomach, gut and kidneys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.grid import Vector3
from regkit_nuclear.shapes import (
    Blend,
    Capsule,
    Ellipsoid,
    Field,
    RandomField,
    crop_grid,
    smooth_intersection,
    smooth_step,
)
from regkit_nuclear.thorax.chest import Chest
from regkit_nuclear.thorax.draws import Concern, lognormal, stream
from regkit_nuclear.thorax.habitus import Habitus
from regkit_nuclear.thorax.organs import MU
from regkit_nuclear.thorax.scene import WHOLE, Scene
from regkit_nuclear.thorax.uptake import Uptake

_KIDNEYS_FOLLOW = 0.6  # share of the diaphragm's motion


@dataclass(frozen=True)
class AbdomenShape:
    """What differs between abdomens; lengths in mm.

    `liver_reach` is how far the left lobe goes beyond the midline, `liver_edge` moves the lower
    edge down, `gas` is the share of the stomach that is gas, `gut_near_heart` puts the splenic
    flexure against the diaphragm under the heart.
    """

    liver_reach: float
    liver_edge: float
    gas: float
    gut_near_heart: bool


def draw_abdomen(seed: int) -> AbdomenShape:
    """Draw the shape of an abdomen."""
    rng = stream(seed, Concern.ABDOMEN)
    return AbdomenShape(
        liver_reach=rng.uniform(25, 65),
        liver_edge=rng.uniform(-15, 15),
        gas=rng.uniform(0, 1),
        gut_near_heart=bool(rng.random() < 0.45),
    )


class AbdomenPainter:
    """Paints the abdomen of one patient; `scene` is lowered with the diaphragm."""

    def __init__(
        self,
        scene: Scene,
        habitus: Habitus,
        chest: Chest,
        pericardium: Field,
        uptake: Uptake,
        shape: AbdomenShape,
        seed: int,
    ) -> None:
        self.scene, self.habitus, self.uptake, self.shape = scene, habitus, uptake, shape
        self.seed = seed
        self.scale = habitus.scale
        self.width, self.depth = habitus.chest_half_width, habitus.chest_half_depth
        spine = Capsule((0, 0.64 * self.depth, -320), (0, 0.58 * self.depth, 120), 30 * self.scale)
        self.off_spine = -spine.distance(scene.points)
        self.space = np.maximum(chest.abdomen + np.float32(1), -pericardium)

    def paint(self, diaphragm_mm: float) -> None:
        """Paint everything; kidneys last, which follow the diaphragm only in part."""
        background = np.maximum(self.space, self.off_spine - np.float32(6))
        self.scene.paint(WHOLE, background, "soft_tissue", MU["mixed"], 0.6 * self.uptake.soft)
        liver = self._liver()
        stomach = self._stomach(liver)
        self._spleen(liver)
        self._paint_liver(liver)
        self._gut(np.maximum(-liver - np.float32(3), -stomach + np.float32(2)))
        self._gallbladder()
        self._kidneys(liver, -(1 - _KIDNEYS_FOLLOW) * diaphragm_mm)

    def _liver(self) -> Field:
        x, y, z = self.scene.points
        s = np.float32(self.scale)
        left = smooth_step(x / s, -75, 75)
        edge = s * (-148 + 108 * left - np.float32(self.shape.liver_edge)) + (y + 20) / 4
        back = np.float32(0.72 * self.depth) - np.float32(0.85 * self.depth) * smooth_step(
            x / s, -5, 40
        )
        liver = np.maximum(self.space + np.float32(1.5), edge - z)
        for surface in (x - np.float32(self.shape.liver_reach) * s, y - back):
            liver = smooth_intersection(liver, np.asarray(surface, dtype=np.float32), 14)
        return smooth_intersection(liver, self.off_spine + np.float32(2), 6)

    def _paint_liver(self, liver: Field) -> None:
        reach = self.width
        box = self.scene.box((-reach, -1.1 * self.depth, -200), (90, self.depth, 60))
        rng = stream(self.seed, Concern.TEXTURE)
        texture = RandomField.draw(rng, 0.08, (30, 80)).on(crop_grid(self.scene.grid, box))[0]
        activity = np.float32(self.uptake.liver) * (1 + texture)
        self.scene.paint(box, liver[box], "liver", MU["liver"], activity)

    def _stomach(self, liver: Field) -> Field:
        s, top = self.scale, self.habitus.dome_left
        fundus: Vector3 = (0.40 * self.width, 0.02 * self.depth, top - 34)
        shape = Blend(
            (
                Ellipsoid(fundus, (34 * s, 38 * s, 34 * s)),
                Capsule(fundus, (0.20 * self.width, -0.40 * self.depth, top - 85), 24 * s, 18 * s),
                Capsule(
                    (0.20 * self.width, -0.40 * self.depth, top - 85),
                    (-0.10 * self.width, -0.34 * self.depth, top - 78),
                    18 * s,
                    13 * s,
                ),
            ),
            15,
        )
        scene = self.scene
        stomach = np.full(scene.grid.shape_zyx, 1e3, np.float32)
        box = scene.box(*shape.bounds)
        distance = shape.distance(scene.points.crop(box))
        stomach[box] = np.maximum(np.maximum(distance, self.space[box] + 2), -liver[box] - 1)
        scene.paint(box, stomach[box], "stomach", MU["soft"], self.uptake.stomach)
        # A supine patient's gas collects in front.
        level = np.float32(fundus[1] + (-34 + 40 * self.shape.gas) * s)
        gas = np.maximum(stomach[box] + 4, scene.points.y[box] - level)
        scene.paint(box, gas, "gas", MU["air"], 0.0)
        return stomach

    def _spleen(self, liver: Field) -> None:
        s = self.scale
        centre = (0.72 * self.width, 0.42 * self.depth, self.habitus.dome_left - 36)
        turned = (0.94, -0.34, 0.0, 0.34, 0.94, 0.0, 0.0, 0.0, 1.0)
        shape = Ellipsoid(centre, (21 * s, 40 * s, 46 * s), turned)
        free = (self.space + np.float32(2), -liver)
        self.scene.place(shape, "spleen", MU["muscle"], self.uptake.spleen, free)

    def _gallbladder(self) -> None:
        s = self.scale
        shape = Ellipsoid(
            (-0.32 * self.width, -0.46 * self.depth, -112 * s), (14 * s, 15 * s, 28 * s)
        )
        free = (self.space + np.float32(5),)
        self.scene.place(shape, "gallbladder", MU["soft"], self.uptake.gallbladder, free)

    def _kidneys(self, liver: Field, lag_mm: float) -> None:
        s, y = self.scale, 0.44 * self.depth
        scene = self.scene.lowered(lag_mm)
        for side, name in ((-1, "kidney_right"), (1, "kidney_left")):
            z = (-130 if side < 0 else -116) * s
            kidney = Ellipsoid((side * 57 * s, y, z), (25 * s, 23 * s, 52 * s))
            sinus = Ellipsoid((side * 38 * s, y - 5 * s, z), (15 * s, 14 * s, 20 * s))
            box = scene.box(*kidney.bounds)
            points = scene.points.crop(box)
            distance = np.maximum(kidney.distance(points), -sinus.distance(points))
            distance = np.maximum(distance, np.maximum(self.space[box] + 4, -liver[box]))
            scene.paint(box, distance, name, MU["soft"], self.uptake.kidneys)

    def _gut(self, free: Field) -> None:
        rng = stream(self.seed, Concern.GUT)
        inside = (self.space + np.float32(3), free)
        for loop in self._colon(rng) + self._small_bowel(rng):
            activity = self.uptake.gut * lognormal(rng, 0.6, 0.8, 0.08, 2.0)
            gas = rng.random() < 0.25
            self.scene.place(loop, "gut", MU["soft"], activity, inside)
            if gas:
                self._gut_gas(loop, inside)

    def _gut_gas(self, loop: Capsule, inside: tuple[Field, Field]) -> None:
        bubble = Capsule(loop.start, loop.end, loop.radius - 4)
        deeper = tuple(np.asarray(surface + np.float32(4)) for surface in inside)
        self.scene.place(bubble, "gas", 0.03, 0.0, deeper)

    def _colon(self, rng: np.random.Generator) -> list[Capsule]:
        a, b, s, top = self.width, self.depth, self.scale, self.habitus.dome_left
        flexure = (0.62 * a, -0.05 * b, top - 62)
        dip = (0.0, -0.66 * b, -150 * s)
        hepatic = (-0.58 * a, -0.35 * b, -155 * s)
        loops = [
            Capsule(flexure, (0.36 * a, -0.60 * b, -118 * s), 15 * s),
            Capsule((0.36 * a, -0.60 * b, -118 * s), dip, 16 * s),
            Capsule(dip, hepatic, 16 * s),
            Capsule(flexure, (0.68 * a, 0.15 * b, -280), 17 * s),
            Capsule(hepatic, (-0.62 * a, 0.05 * b, -280), 20 * s),
        ]
        if self.shape.gut_near_heart:
            near = (0.55 * a, -0.2 * b, top - 30 - rng.uniform(0, 14))
            end = (0.32 * a, -0.55 * b, top - 48)
            loops.insert(0, Capsule(near, end, rng.uniform(9, 15)))
        return loops

    def _small_bowel(self, rng: np.random.Generator) -> list[Capsule]:
        loops = []
        low, high = (-0.42, -0.6, -265), (0.45, 0.15, -140)
        for _ in range(14):
            x, y, z = rng.uniform(low, high) * (self.width, self.depth, self.scale)
            start = (float(x), float(y), float(z))
            dx, dy, dz = rng.uniform((-48, -25, -25), (48, 25, 25)).tolist()
            end = (start[0] + dx, start[1] + dy, start[2] + dz)
            loops.append(Capsule(start, end, rng.uniform(9, 13)))
        return loops
