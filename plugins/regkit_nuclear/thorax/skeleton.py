"""The skeleton: spine, ribs with cartilage, sternum, scapulae, clavicles, humeri."""

from __future__ import annotations

import numpy as np

from regkit_nuclear.shapes import Capsule, Ellipsoid, Field, Profile, smooth_step
from regkit_nuclear.thorax.body import arms, mirrored
from regkit_nuclear.thorax.habitus import Habitus
from regkit_nuclear.thorax.organs import MU
from regkit_nuclear.thorax.scene import WHOLE, Scene
from regkit_nuclear.thorax.uptake import Uptake

_VERTEBRA_MM = 27.0  # height of a vertebra and its disc
_RIB_SLOPE = 0.42  # ribs go down by this much per mm forward


def paint_spine(scene: Scene, habitus: Habitus, uptake: Uptake) -> None:
    """Paint vertebrae with cortex and discs, their processes, and the canal."""
    s, cage = habitus.scale, habitus.cage
    reach = habitus.chest_half_depth
    box = scene.box((-42 * s, 0.3 * reach, -400), (42 * s, 1.3 * reach + 40, 300))
    x, y, z = scene.points.crop(box)
    y = y - np.float32(0.62 * reach + 4) - np.float32(0.6) * cage.backward(z)
    phase = _phase(z, _VERTEBRA_MM * s, 0.3)
    radius = np.float32(17 * s)
    column = np.hypot(x / np.float32(1.25), y) - radius
    bone = np.maximum(column, (np.abs(phase) - np.float32(0.41)) * np.float32(_VERTEBRA_MM * s))
    scene.paint(box, _arch(x, y, z, s), "spine", MU["spongy"] * 1.12, uptake.marrow)
    scene.paint(box, column + np.float32(1), "spine", MU["disc"], uptake.soft)
    scene.paint(box, bone, "spine", MU["bone"] * 0.95, uptake.marrow)
    scene.paint(box, bone + np.float32(2.2), "spine", MU["spongy"], uptake.marrow)
    canal = np.hypot(x, y - np.float32(25 * s)) - np.float32(8.5 * s)
    scene.paint(box, canal, "spine", MU["soft"], uptake.soft)


def _arch(x: Field, y: Field, z: Field, s: float) -> Field:
    """Signed distance of laminae, transverse and spinous processes behind the vertebrae."""
    pitch = np.float32(_VERTEBRA_MM * s)
    back = y - np.float32(25 * s)
    level = np.abs(_phase(z, _VERTEBRA_MM * s, 0.3)) * pitch
    drooping = np.abs(_phase(z + np.float32(0.5) * back, _VERTEBRA_MM * s, 0.3)) * pitch
    lamina = np.maximum(np.hypot(x, back) - np.float32(14 * s), level - np.float32(9.5 * s))
    spinous = np.hypot(x / np.float32(3.8 * s), (back - np.float32(20 * s)) / np.float32(18 * s))
    spinous = np.maximum((spinous - 1) * np.float32(3.8 * s), drooping - np.float32(7 * s))
    across = np.hypot((back + np.float32(3 * s)) / np.float32(6 * s), level / np.float32(6 * s))
    across = np.maximum((across - 1) * np.float32(6 * s), np.abs(x) - np.float32(31 * s))
    return np.asarray(np.minimum(np.minimum(lamina, spinous), across), dtype=np.float32)


def _phase(z: Field, pitch: float, offset: float) -> Field:
    """Where in its period a height is, from -0.5 to 0.5."""
    turns = z / np.float32(pitch) + np.float32(offset)
    return np.asarray(turns - np.rint(turns), dtype=np.float32)


def paint_ribs(scene: Scene, habitus: Habitus, cage: Field, uptake: Uptake) -> None:
    """Paint twelve pairs of ribs that go down forward and end in rising cartilage."""
    s = habitus.scale
    x, y, z = scene.points
    front = (habitus.cage.backward(z) - y) / habitus.cage.half_depth(z)
    hinge = np.float32(-0.55 * habitus.chest_half_depth)
    rise = np.maximum(hinge - y, 0) * np.float32(0.38)
    height = z - np.float32(_RIB_SLOPE) * np.maximum(y, hinge) - rise
    depth = (cage - np.float32(4.6)) / np.float32(4.0)
    across = _phase(height, _VERTEBRA_MM * s, 0.12) * np.float32(_VERTEBRA_MM * s * 0.92 / 6.3)
    ribs = (np.hypot(depth, across) - 1) * np.float32(4.0)
    ribs = np.maximum(ribs, _beyond_costal_arch(x, z, front, habitus))
    ribs = np.maximum(ribs, np.float32(12 * s) - np.abs(x))
    ribs = np.maximum(ribs, height - np.float32(130 * s))
    cartilage = smooth_step(front, 0.55, 0.80)
    mu = np.float32(MU["rib"]) + cartilage * np.float32(MU["cartilage"] - MU["rib"])
    activity = np.float32(uptake.marrow) * (np.float32(0.7) - np.float32(0.4) * cartilage)
    scene.paint(WHOLE, np.asarray(ribs, dtype=np.float32), "ribs", mu, activity)
    gristle = np.maximum(ribs, np.float32(0.68) - front)
    scene.paint(WHOLE, np.asarray(gristle, dtype=np.float32), "costal_cartilage")


def _beyond_costal_arch(x: Field, z: Field, front: Field, habitus: Habitus) -> Field:
    """Signed distance to the lower edge of the ribs: low at the back, an arch in front."""
    forward = np.clip(front, 0, 1)
    aside = np.minimum(np.abs(x) / np.float32(habitus.chest_half_width), 1)
    lowest = -158 + 116 * forward * forward * (1 - np.float32(0.55) * aside)
    return np.asarray(lowest * np.float32(habitus.scale) - z, dtype=np.float32)


def paint_sternum(scene: Scene, habitus: Habitus, uptake: Uptake) -> None:
    """Paint the sternum in front of the ribs' inside, broad at the top."""
    s, cage = habitus.scale, habitus.cage
    reach = habitus.chest_half_depth
    box = scene.box((-40 * s, -reach - 20, -60 * s), (40 * s, 0, 130 * s))
    x, y, z = scene.points.crop(box)
    front = cage.backward(z) - cage.half_depth(z) - np.float32(3)
    width = Profile(
        np.multiply((-45, -20, 40, 70, 85, 112), s), np.multiply((7, 15, 19, 15, 22, 29), s)
    )
    flat = np.hypot((y - front) / np.float32(6.2), x / width(z)) - 1
    sternum = np.maximum(
        flat * np.float32(6.2), np.abs(z - np.float32(34 * s)) - np.float32(78 * s)
    )
    scene.paint(box, sternum, "sternum", MU["spongy"] * 1.12, uptake.marrow)


def paint_shoulders(scene: Scene, habitus: Habitus, cage: Field, uptake: Uptake) -> None:
    """Paint scapulae, clavicles and humeri."""
    s, reach = habitus.scale, habitus.chest_half_depth
    x, y, z = scene.points
    medial = np.float32(46 * s) + np.clip(np.float32(70 * s) - z, 0, None) * np.float32(0.35)
    blade = np.abs(cage - np.float32(17)) - np.float32(3.2)
    for edge in (medial - np.abs(x), 18 - y, z - np.float32(128 * s), np.float32(8 * s) - z):
        blade = np.maximum(blade, np.asarray(edge, dtype=np.float32))
    scene.paint(WHOLE, blade, "scapulae", MU["rib"] * 1.05, 0.6 * uptake.marrow)
    inner, outer = (16.0, -0.46 * reach, 116 * s), (habitus.chest_half_width * 0.9, 6.0, 140 * s)
    clavicle = Capsule(inner, outer, 6.0 * s)
    for bone in (clavicle, mirrored(clavicle)):
        scene.place(bone, "clavicles", MU["rib"] * 1.05, 0.6 * uptake.marrow)
    for arm in arms(habitus):
        head = Ellipsoid(arm.start, (22 * s, 21 * s, 22 * s))
        scene.place(Capsule(arm.start, arm.end, 11 * s), "humeri", MU["bone"] * 0.9, uptake.marrow)
        scene.place(head, "humeri", MU["spongy"] * 1.1, uptake.marrow)


def paint_skeleton(scene: Scene, habitus: Habitus, cage: Field, uptake: Uptake) -> None:
    """Paint all bones over what is inside and outside the ribs."""
    paint_spine(scene, habitus, uptake)
    paint_ribs(scene, habitus, cage, uptake)
    paint_sternum(scene, habitus, uptake)
    paint_shoulders(scene, habitus, cage, uptake)
