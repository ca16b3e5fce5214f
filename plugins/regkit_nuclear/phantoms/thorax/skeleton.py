"""The skeleton: spine, ribs with cartilage, sternum, scapulae, clavicles, humeri."""

from __future__ import annotations

import numpy as np

from regkit_nuclear.painting.shapes import (
    Capsule,
    Ellipsoid,
    Field,
    Profile,
    as_field,
    intersection,
    smooth_step,
    union_distance,
)
from regkit_nuclear.phantoms.thorax.body import arms, mirrored_capsule
from regkit_nuclear.phantoms.thorax.habitus import Habitus
from regkit_nuclear.phantoms.thorax.organs import MU
from regkit_nuclear.phantoms.thorax.scene import WHOLE, Scene
from regkit_nuclear.phantoms.thorax.uptake import ThoraxUptake

_VERTEBRA_MM = 27.0  # height of a vertebra and its disc; chosen by hand
_RIB_SLOPE = 0.42  # descent of the ribs per mm forward; chosen by hand


def paint_spine(scene: Scene, habitus: Habitus, uptake: ThoraxUptake) -> None:
    """Paint vertebrae with cortex and discs, their processes, and the canal."""
    s, cage = habitus.scale, habitus.cage
    reach = habitus.chest_half_depth
    box = scene.box((-42 * s, 0.3 * reach, -400), (42 * s, 1.3 * reach + 40, 300))
    x, y, z = scene.points.crop(box)
    y = y - (0.62 * reach + 4) - 0.6 * cage.backward(z)
    phase = _phase(z, _VERTEBRA_MM * s, 0.3)
    radius = 17 * s
    column = np.hypot(x / 1.25, y) - radius
    bone = intersection(column, (np.abs(phase) - 0.41) * (_VERTEBRA_MM * s))
    scene.paint(box, _arch(x, y, z, s), "spine", MU["spongy"] * 1.12, uptake.marrow)
    scene.paint(box, column + 1, "spine", MU["disc"], uptake.soft)
    scene.paint(box, bone, "spine", MU["bone"] * 0.95, uptake.marrow)
    scene.paint(box, bone + 2.2, "spine", MU["spongy"], uptake.marrow)
    canal = np.hypot(x, y - 25 * s) - 8.5 * s
    scene.paint(box, canal, "spine", MU["soft"], uptake.soft)


def _arch(x: Field, y: Field, z: Field, s: float) -> Field:
    """Signed distance of laminae, transverse and spinous processes behind the vertebrae."""
    pitch = _VERTEBRA_MM * s
    back = y - 25 * s
    level = np.abs(_phase(z, _VERTEBRA_MM * s, 0.3)) * pitch
    drooping = np.abs(_phase(z + 0.5 * back, _VERTEBRA_MM * s, 0.3)) * pitch
    lamina = intersection(np.hypot(x, back) - 14 * s, level - 9.5 * s)
    spinous = np.hypot(x / (3.8 * s), (back - 20 * s) / (18 * s))
    spinous = intersection((spinous - 1) * 3.8 * s, drooping - 7 * s)
    across = np.hypot((back + 3 * s) / (6 * s), level / (6 * s))
    across = intersection((across - 1) * 6 * s, np.abs(x) - 31 * s)
    return union_distance(lamina, spinous, across)


def _phase(z: Field, pitch: float, offset: float) -> Field:
    """Return the position within a period, from -0.5 to 0.5."""
    turns = z / pitch + offset
    return as_field(turns - np.rint(turns))


def paint_ribs(scene: Scene, habitus: Habitus, cage: Field, uptake: ThoraxUptake) -> None:
    """Paint twelve pairs of ribs that descend forward and end in rising cartilage."""
    s = habitus.scale
    x, y, z = scene.points
    front = (habitus.cage.backward(z) - y) / habitus.cage.half_depth(z)
    hinge = -0.55 * habitus.chest_half_depth
    rise = np.maximum(hinge - y, 0) * 0.38
    height = z - _RIB_SLOPE * np.maximum(y, hinge) - rise
    depth = (cage - 4.4) / 3.7
    across = _phase(height, _VERTEBRA_MM * s, 0.12) * (_VERTEBRA_MM * s * 0.92 / 5.9)
    ribs = (np.hypot(depth, across) - 1) * 3.7
    ends = _beyond_costal_arch(x, z, front, habitus)
    ribs = intersection(ribs, ends, 12 * s - np.abs(x), height - 145 * s)
    cartilage = smooth_step(front, 0.55, 0.80)
    mu = MU["rib"] + cartilage * (MU["cartilage"] - MU["rib"])
    activity = uptake.marrow * (0.7 - 0.4 * cartilage)
    scene.paint(WHOLE, ribs, "ribs", mu, activity)
    gristle = intersection(ribs, 0.68 - front)
    scene.paint(WHOLE, gristle, "costal_cartilage")


def _beyond_costal_arch(x: Field, z: Field, front: Field, habitus: Habitus) -> Field:
    """Signed distance to the lower edge of the ribs: low at the back, an arch in front."""
    forward = np.clip(front, 0, 1)
    aside = np.minimum(np.abs(x) / habitus.chest_half_width, 1)
    lowest = -158 + 116 * forward * forward * (1 - 0.55 * aside)
    return as_field(lowest * habitus.scale - z)


def paint_sternum(scene: Scene, habitus: Habitus, uptake: ThoraxUptake) -> None:
    """Paint the sternum at the front of the rib cage, broad at the top."""
    s, cage = habitus.scale, habitus.cage
    reach = habitus.chest_half_depth
    box = scene.box((-40 * s, -reach - 20, -60 * s), (40 * s, 0, 130 * s))
    x, y, z = scene.points.crop(box)
    front = cage.backward(z) - cage.half_depth(z) - 3
    width = Profile(
        np.multiply((-45, -20, 40, 70, 85, 112), s), np.multiply((7, 15, 19, 15, 22, 29), s)
    )
    flat = np.hypot((y - front) / 6.2, x / width(z)) - 1
    sternum = intersection(flat * 6.2, np.abs(z - 34 * s) - 78 * s)
    scene.paint(box, sternum, "sternum", MU["spongy"] * 1.12, uptake.marrow)


def paint_scapulae(scene: Scene, habitus: Habitus, cage: Field, uptake: ThoraxUptake) -> None:
    """Paint the shoulder blades: thin triangles that point down, on the back of the ribs."""
    s = habitus.scale
    x, y, z = scene.points
    below = np.maximum(105 * s - z, 0)
    medial, lateral = 50 * s + 0.22 * below, 16 * s + 0.42 * below
    plate = np.abs(cage - 17) - 2.6
    blade = intersection(plate, medial - np.abs(x), lateral - y, z - 126 * s)
    scene.paint(WHOLE, blade, "scapulae", MU["rib"] * 1.05, 0.6 * uptake.marrow)


def paint_shoulders(scene: Scene, habitus: Habitus, uptake: ThoraxUptake) -> None:
    """Paint clavicles and humeri."""
    s, reach = habitus.scale, habitus.chest_half_depth
    inner, outer = (16.0, -0.46 * reach, 116 * s), (habitus.chest_half_width * 0.9, 6.0, 140 * s)
    clavicle = Capsule(inner, outer, 6.0 * s)
    for bone in (clavicle, mirrored_capsule(clavicle)):
        scene.paint_shape(bone, "clavicles", MU["rib"] * 1.05, 0.6 * uptake.marrow)
    for arm in arms(habitus):
        head = Ellipsoid(arm.start, (22 * s, 21 * s, 22 * s))
        scene.paint_shape(
            Capsule(arm.start, arm.end, 11 * s), "humeri", MU["bone"] * 0.9, uptake.marrow
        )
        scene.paint_shape(head, "humeri", MU["spongy"] * 1.1, uptake.marrow)


def paint_chest(scene: Scene, habitus: Habitus, cage: Field, uptake: ThoraxUptake) -> None:
    """Paint the bones of the trunk, over the organs and the muscles."""
    paint_spine(scene, habitus, uptake)
    paint_ribs(scene, habitus, cage, uptake)
    paint_sternum(scene, habitus, uptake)
    paint_scapulae(scene, habitus, cage, uptake)
