"""The body's surface: trunk, arms and breasts, and the fat and muscle under the skin."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from regkit_nuclear.painting.shapes import (
    Blend,
    Capsule,
    Coordinates,
    Ellipsoid,
    Field,
    Profile,
    occupancy,
    smooth_intersection,
    smooth_union,
    tube,
    vector,
)
from regkit_nuclear.phantoms.thorax.habitus import Habitus
from regkit_nuclear.phantoms.thorax.organs import MU
from regkit_nuclear.phantoms.thorax.scene import WHOLE, Scene
from regkit_nuclear.phantoms.thorax.uptake import ThoraxUptake

_SIDES = (-1, 1)
# The shape of the trunk is chosen by hand, like all lengths of this file.
_WALL_MM = 14.0  # muscle outside the ribs
_EXPONENT = 2.35
# Largest half-width, so that the trunk is inside the field of view.
_WIDEST_MM = 206.0

# Heights in mm above the heart for a body of scale 1; half-axes relative to those of the chest.
_WIDTH_HEIGHTS = (-280, -170, -110, -40, 20, 70, 110, 140, 170, 195, 230)
_WIDTH = (1.02, 1.0, 1.0, 1.02, 1.05, 1.12, 1.20, 1.18, 0.95, 0.62, 0.42)
_DEPTH = (1.05, 1.03, 1.0, 1.0, 1.0, 0.98, 0.93, 0.86, 0.76, 0.68, 0.62)


def arms(habitus: Habitus) -> tuple[Capsule, Capsule]:
    """Return the upper arms, right and left, in the body's frame."""
    width, scale = habitus.chest_half_width, habitus.scale
    if habitus.arms_up:
        shoulder, end = (width * 0.95 + 8, 12.0, 125 * scale), (width * 1.05 + 30, 0.0, 320.0)
        radii = 50 * scale, 42 * scale
    else:
        shoulder = (width * 1.08 + 15, 12.0, 120 * scale)
        end = (width + 70 + habitus.fat_mm, 10.0, -260.0)
        radii = 46 * scale, 36 * scale
    left = Capsule(shoulder, end, *radii)
    return mirrored_capsule(left), left


def mirrored_capsule(left: Capsule) -> Capsule:
    """Return the capsule on the other side of the body."""
    start, end = (vector(np.multiply(p, (-1, 1, 1))) for p in (left.start, left.end))
    return replace(left, start=start, end=end)


def breasts(habitus: Habitus) -> Blend:
    """Return both breasts of a supine patient in the body's frame."""
    scale = habitus.scale
    size = habitus.breast_size * (0.8 + 0.5 * habitus.fatness)
    front = -(habitus.chest_half_depth + 14 + habitus.fat_mm * 0.5)
    half_axes = (52 * scale, 34 * size + 8, 50 * scale)
    centres = [(side * 70 * scale, front, habitus.breast_height) for side in _SIDES]
    return Blend(tuple(Ellipsoid(c, half_axes) for c in centres))


class Trunk:
    """The outline of the trunk: half-axes and centre as functions of the height, mm."""

    def __init__(self, habitus: Habitus) -> None:
        scale, fat, belly = habitus.scale, habitus.fat_mm, 18 * habitus.fatness
        heights = np.multiply(_WIDTH_HEIGHTS, scale)
        width = np.multiply(_WIDTH, habitus.chest_half_width) + 12 + fat
        depth = np.multiply(_DEPTH, habitus.chest_half_depth) + 16 + 0.85 * fat
        depth = depth + np.interp(heights, (-120, -40, 20), (belly, 0.4 * belly, 0))
        self.half_width = Profile(heights, np.minimum(width, _WIDEST_MM))
        self.half_depth = Profile(heights, depth)
        self.backward = Profile(
            (-280, -150, -40, 100, 160, 260), (-0.5 * belly, -0.5 * belly, 0, 3, 10, 12)
        )

    def distance(self, points: Coordinates) -> Field:
        """Signed distance in mm."""
        x, y, z = points
        return tube(x, y - self.backward(z), self.half_width(z), self.half_depth(z), _EXPONENT)

    @property
    def back(self) -> float:
        """Most posterior y of the trunk in the body's frame."""
        return float((self.half_depth.values + self.backward(self.half_depth.knots)).max())

    @property
    def front(self) -> float:
        """Most anterior y of the trunk in the body's frame."""
        return float((self.backward(self.half_depth.knots) - self.half_depth.values).min())


@dataclass(frozen=True)
class Body:
    """Signed distances over a scene: the skin, and the muscles under fat and skin."""

    skin: Field
    muscles: Field


def body_outline(scene: Scene, habitus: Habitus) -> Body:
    """Return the body's surfaces over a scene in the body's frame."""
    skin = Trunk(habitus).distance(scene.points)
    rounding = 25.0 if habitus.arms_up else 8.0
    for arm in arms(habitus):
        _unite(scene, skin, arm, rounding)
    if habitus.female:
        _unite(scene, skin, breasts(habitus), 18.0)
    return Body(skin, skin + (0.75 * habitus.fat_mm + 4))


def _unite(scene: Scene, skin: Field, shape: Capsule | Blend, rounding: float) -> None:
    low, high = shape.bounds
    box = scene.box(low - 2 * rounding, high + 2 * rounding)
    skin[box] = smooth_union(skin[box], shape.distance(scene.points.crop(box)), rounding)


def paint_cover(scene: Scene, body: Body, habitus: Habitus, uptake: ThoraxUptake) -> None:
    """Paint fat and breasts, and everything below them as muscle."""
    scene.paint(WHOLE, body.skin, "fat", MU["fat"], uptake.fat)
    if habitus.female:
        glands = (body.skin + 5, -body.muscles)
        scene.paint_shape(_shrunk(breasts(habitus)), "breast", MU["gland"], uptake.breast, glands)
    scene.paint(WHOLE, body.muscles, "muscle", MU["muscle"], uptake.soft)


def paint_chest_wall(scene: Scene, skin: Field, cage: Field, uptake: ThoraxUptake) -> None:
    """Paint the muscles on the ribs, also where there is little space under the fat."""
    wall = smooth_intersection(cage - _WALL_MM, skin + 3, 6)
    scene.paint(WHOLE, wall, "muscle", MU["muscle"], uptake.soft)


def clear_outside(scene: Scene, body: Body) -> None:
    """Set everything outside the skin to air."""
    inside = occupancy(body.skin, scene.voxel_mm)
    np.multiply(scene.mu, inside, out=scene.mu)
    np.multiply(scene.activity, inside, out=scene.activity)
    scene.organs[body.skin >= 0] = 0


def _shrunk(shape: Blend, by_mm: float = 6.0) -> Blend:
    inner = tuple(
        replace(p, half_axes=vector(np.subtract(p.half_axes, by_mm)))
        for p in shape.parts
        if isinstance(p, Ellipsoid)
    )
    return replace(shape, parts=inner)
