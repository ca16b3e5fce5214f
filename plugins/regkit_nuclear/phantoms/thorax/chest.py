"""The inside of the chest: diaphragm, mediastinum, lungs and airways."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit_nuclear.painting.shapes import (
    Blend,
    Capsule,
    Coordinates,
    Field,
    Profile,
    as_field,
    intersection,
    smooth_union,
    union_distance,
)
from regkit_nuclear.phantoms.thorax.habitus import Habitus
from regkit_nuclear.phantoms.thorax.organs import MU
from regkit_nuclear.phantoms.thorax.scene import WHOLE, Scene
from regkit_nuclear.phantoms.thorax.uptake import ThoraxUptake

_PLEURA_MM = 2.5
_DIAPHRAGM_MM = 2.5


@dataclass(frozen=True)
class Chest:
    """Signed distances over a scene: the inside of the ribs, the space above the diaphragm."""

    cage: Field
    above_diaphragm: Field

    @property
    def abdomen(self) -> Field:
        """Signed distance of the space below the diaphragm."""
        return intersection(self.cage + _PLEURA_MM, -self.above_diaphragm)


def chest_of(scene: Scene, habitus: Habitus, diaphragm_mm: float) -> Chest:
    """Return the surfaces of the chest; breathing in lowers the diaphragm by `diaphragm_mm`."""
    # Ribs swing forward as the diaphragm goes down: 1.5 % of the depth for 10 mm.
    cage = habitus.cage.distance(scene.points, deepened=1 + 0.0015 * diaphragm_mm)
    return Chest(cage, _above_diaphragm(scene.points, habitus, diaphragm_mm))


def _above_diaphragm(points: Coordinates, habitus: Habitus, diaphragm_mm: float) -> Field:
    right = _dome(points, habitus, (-58, 4), habitus.dome_right, 42)
    left = _dome(points, habitus, (58, 6), habitus.dome_left, 38)
    height = -smooth_union(-right, -left, 14)
    return height - points.z - diaphragm_mm


def _dome(
    points: Coordinates, habitus: Habitus, centre: tuple[float, float], top: float, drop: float
) -> Field:
    scale = habitus.scale
    x = (points.x - centre[0] * scale) / (71 * scale)
    y = (points.y - centre[1] * scale) / (78 * scale)
    return as_field(top - drop * (x * x + y * y))


def mediastinum(points: Coordinates, habitus: Habitus, heart: tuple[float, float, float]) -> Field:
    """Return the signed distance of the mediastinum, with the bed of the heart."""
    scale, depth = habitus.scale, habitus.chest_half_depth
    half_width = Profile(
        np.multiply((-60, 0, 60, 110, 170), scale), np.multiply((31, 31, 28, 24, 27), scale)
    )(points.z)
    x, y = points.x - 2, (points.y - 6) / depth
    middle = (np.hypot(x / half_width, y) - 1) * half_width
    spine = Capsule((0, depth * 0.58, -300), (0, depth * 0.50, 170 * scale), 29 * scale)
    bed = Capsule(heart, (heart[0] * 0.8, heart[1], -220), 22 * scale, 26 * scale)
    middle = smooth_union(middle, spine.distance(points), 12)
    return smooth_union(middle, bed.distance(points), 12)


def paint_lungs(
    scene: Scene,
    chest: Chest,
    middle: Field,
    pericardium: Field,
    uptake: ThoraxUptake,
    *,
    air: float,
) -> tuple[Field, Field]:
    """Paint both lungs, denser towards the back; `air` scales their density (breathing).

    Returns
    -------
    tuple of Field
        Signed distances of the right and the left lung.
    """
    x, y, z = scene.points
    lungs = intersection(
        chest.cage + _PLEURA_MM,
        chest.above_diaphragm + _DIAPHRAGM_MM,
        -union_distance(middle, pericardium),
    )
    gradient = 1 + 0.0024 * y - 0.0009 * z
    density = as_field(MU["lung"] * air * np.clip(gradient, 0.55, 1.6))
    activity = as_field(uptake.lung * np.clip(1 + 0.003 * y, 0.6, 1.5))
    right, left = intersection(lungs, x), intersection(lungs, -x)
    scene.paint(WHOLE, right, "lung_right", density, activity)
    scene.paint(WHOLE, left, "lung_left", density, activity)
    return right, left


def paint_airways(scene: Scene, habitus: Habitus, chest: Chest) -> None:
    """Paint the trachea and the main bronchi; above the chest the trachea lies in the neck."""
    scale = habitus.scale
    fork = (0.0, 14.0 * scale, 62.0 * scale)
    neck = (0.0, 12.0, 260.0)
    scene.paint_shape(Capsule(fork, neck, 8.5 * scale), "airways", MU["air"], 0.0)
    bronchi = Blend(
        (
            Capsule(fork, (-38 * scale, 20 * scale, 36 * scale), 6.5 * scale, 4.5 * scale),
            Capsule(fork, (42 * scale, 22 * scale, 34 * scale), 6.0 * scale, 4.5 * scale),
        )
    )
    scene.paint_shape(bronchi, "airways", MU["air"], 0.0, (chest.cage,))
