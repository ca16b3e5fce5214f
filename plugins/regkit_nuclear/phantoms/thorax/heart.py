"""The heart: ventricles, atria and the fat around them, in the left ventricle's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit_nuclear.painting.shapes import (
    Box,
    Ellipsoid,
    Field,
    intersection,
    smooth_intersection,
    smooth_union,
)
from regkit_nuclear.phantoms.thorax.organs import MU
from regkit_nuclear.phantoms.thorax.scene import WHOLE, Scene
from regkit_nuclear.phantoms.thorax.uptake import Defect, ThoraxUptake, myocardial_uptake
from regkit_nuclear.phantoms.thorax.ventricle import LeftVentricle

_RV_WALL_MM = 4.0
_FAR_MM = 1e3


def right_ventricle(ventricle: LeftVentricle) -> Ellipsoid:
    """Return the outer surface of the right ventricle, which partly encloses the septum."""
    a, depth = ventricle.radius, ventricle.widest - ventricle.apex
    centre = (-0.92 * a, -0.12 * a, ventricle.widest + 3)
    return Ellipsoid(centre, (1.0 * a, 1.10 * a, 0.86 * depth))


def atria(ventricle: LeftVentricle, scale: float) -> tuple[Ellipsoid, Ellipsoid]:
    """Return the right and the left atrium, behind the plane of the valves."""
    a, behind = ventricle.radius, ventricle.base + 20
    right = Ellipsoid((-1.15 * a, 0.15 * a, behind), (28 * scale, 30 * scale, 27 * scale))
    left = Ellipsoid((0.05 * a, 0.0, behind), (33 * scale, 29 * scale, 22 * scale))
    return right, left


def heart_outline(ventricle: LeftVentricle) -> FloatArray:
    """Return points (N, 3) on both ventricles in the left one's frame, to keep off the ribs."""
    right = right_ventricle(ventricle)
    azimuth, polar = np.meshgrid(np.linspace(0, 2 * np.pi, 16), np.linspace(0.2, np.pi, 10))
    sphere = [np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), -np.cos(polar)]
    surface = np.stack(sphere, axis=-1).reshape(-1, 3) * right.half_axes + right.centre
    return np.vstack([ventricle.outline(), surface[surface[:, 2] < ventricle.base]])


@dataclass(frozen=True)
class Heart:
    """Signed distances of the heart's parts in a box of a scene, whose frame is the LV's."""

    scene: Scene
    box: Box
    parts: dict[str, Field]
    muscle: Field

    def pericardium(self, shape: tuple[int, ...], fat_mm: float) -> Field:
        """Signed distance of the heart and the fat around it, over the whole scene."""
        distance = np.full(shape, _FAR_MM, np.float32)
        distance[self.box] = self.muscle - fat_mm
        return distance


def heart_of(
    scene: Scene, rotation: FloatArray, centre: FloatArray, ventricle: LeftVentricle, scale: float
) -> Heart:
    """Return the heart in a scene of the world's frame; `centre` is the LV's in LPS mm."""
    reach = 2.4 * ventricle.radius + 70 * scale
    box = scene.box(centre - reach, centre + reach)
    part = scene.crop(box)
    points = ventricle.straightened(part.points.relative_to(centre, rotation))
    framed = Scene(part.grid, part.mu, part.activity, part.organs, points, centre, rotation)
    whole, blood = ventricle.distances(points)
    outer = right_ventricle(ventricle).distance(points)
    lid = points.z - (ventricle.base + 3)
    rv = smooth_intersection(outer, lid, 4)
    ra, la = (atrium.distance(points) for atrium in atria(ventricle, scale))
    muscle = smooth_union(smooth_union(smooth_union(whole, rv, 8), ra, 10), la, 10)
    parts = {
        "right_atrium": ra,
        "left_atrium": la,
        "rv_wall": rv,
        "rv_blood_pool": intersection(outer + _RV_WALL_MM, lid),
        "lv_myocardium": whole,
        "lv_blood_pool": blood,
    }
    return Heart(framed, box, parts, muscle)


def paint_heart(
    heart: Heart, ventricle: LeftVentricle, defects: tuple[Defect, ...], uptake: ThoraxUptake
) -> None:
    """Paint chambers and walls, the left ventricle last."""
    wall = myocardial_uptake(heart.scene.points, ventricle, defects)
    tissues: dict[str, tuple[float, float | Field]] = {
        "right_atrium": (MU["blood"], uptake.blood),
        "left_atrium": (MU["blood"], uptake.blood),
        "rv_wall": (MU["muscle"], uptake.right_ventricle),
        "rv_blood_pool": (MU["blood"], uptake.blood),
        "lv_myocardium": (MU["muscle"], wall),
        "lv_blood_pool": (MU["blood"], uptake.blood),
    }
    for organ, (mu, activity) in tissues.items():
        heart.scene.paint(WHOLE, heart.parts[organ], organ, mu, activity)
    papillary = ventricle.papillary_muscles(heart.scene.points)
    if papillary is not None:
        # Labels count them to the blood pool, as is usual.
        inside = intersection(papillary, heart.parts["lv_blood_pool"])
        heart.scene.paint(WHOLE, inside, None, MU["muscle"], wall)
