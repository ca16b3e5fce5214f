"""Spine with its cord and muscles, ribs, sternum, shoulder girdle and humeri."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from regkit_nuclear.painting.canvas import PaintedPart
from regkit_nuclear.painting.shapes import Coordinates, Field, Profile
from regkit_nuclear.painting.solids import (
    Solid,
    ball,
    capsule,
    ellipsoid,
    free_form,
    path,
    slab,
)
from regkit_nuclear.phantoms.wholebody.body import elbow, shoulder
from regkit_nuclear.phantoms.wholebody.frame import (
    CERVICAL,
    LUMBAR,
    THORACIC,
    VERTEBRAE,
    BodyFrame,
)
from regkit_nuclear.phantoms.wholebody.organs import NO_ORGAN, SIDES, part
from regkit_nuclear.phantoms.wholebody.uptake import HU, WholeBodyUptake

_RADIUS = Profile((-240, -100, 60, 205, 318), (22, 20, 16, 11.5, 9.5))
# Height of a vertebra with its disc.
_PITCH = Profile((-240, -65, 205, 318), (35, 24, 20, 16))
_LEVELS = np.arange(len(VERTEBRAE), dtype=float)
_GROUPS = (
    ("lumbar_vertebrae", LUMBAR),
    ("thoracic_vertebrae", THORACIC),
    ("cervical_vertebrae", CERVICAL),
)


def spine(frame: BodyFrame, uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint discs, vertebrae, sacrum and spinal cord."""
    box = slab(0, -60, 60) & slab(1, -30, 150) & slab(2, LUMBAR[0], CERVICAL[1])
    bodies, arches, canal = (box & free_form(f(frame)) for f in (_bodies, _arches, _canal))
    discs = bodies.grown(1)
    parts = [part(discs, HU["cartilage"] - 20, 0.8 * uptake["bone"])]
    bone = (bodies - free_form(_discs)) | arches
    for name, (low, high) in _GROUPS:
        group = slab(2, low, high) & bone
        parts.append(part(group, 0.75 * HU["bone"], uptake["bone"] * 1.5, name))
    marrow = (bodies - free_form(_discs)).grown(-2.6)
    return [
        *parts,
        part(marrow, HU["spongy"], uptake["marrow"]),
        *_sacrum(uptake),
        part(canal, HU["soft"] - 15, uptake["cord"] * 0.7, NO_ORGAN),
        part(canal.grown(-3.5), HU["brain"], uptake["cord"]),
    ]


def chest_wall(frame: BodyFrame, uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint intercostal muscle, ribs with their cartilage, and the sternum."""
    costal = free_form(_costal_margin)
    parts = [part(costal & frame.cage.shell(0, 9), HU["muscle"] - 15, uptake["muscle"])]
    ribs = costal & frame.cage.shell(1, 8) & free_form(_rib_pattern(frame))
    front = free_form(_cartilage)
    parts.append(part(front & ribs, HU["cartilage"], uptake["bone"]))
    for name, side in SIDES:
        half = (slab(0, *sorted((side * 12, side * 160))) - front) & ribs
        parts.append(part(half, 0.8 * HU["bone"], uptake["bone"] * 1.2, f"ribs_{name}"))
        parts.append(part(half.grown(-2), HU["spongy"] + 40, 0.75 * uptake["marrow"]))
    return parts + _sternum(frame, uptake)


def shoulders(frame: BodyFrame, uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint scapulae, clavicles and humeri."""
    parts = []
    for name, side in SIDES:
        clavicle = path([(side * 16, -52, 164), (side * 70, -44, 178), (side * 132, 4, 190)], 6)
        blade = _blade(frame, side)
        head, bend = np.array(shoulder(side)), np.array(elbow(frame, side))
        shaft = path([head, head + 0.2 * (bend - head), bend], [21, 12, 13])
        humerus = ball(head, 22).blended(shaft, 8)
        parts += [
            part(clavicle, 0.8 * HU["bone"], uptake["bone"] * 1.2),
            part(clavicle.grown(-2.5), HU["spongy"], 0.7 * uptake["marrow"]),
            part(blade, 0.8 * HU["bone"], uptake["bone"] * 1.2),
            part(humerus, HU["bone"] + 250, uptake["bone"], f"humerus_{name}"),
            part(ball(head, 19), HU["spongy"] + 20, 0.7 * uptake["marrow"]),
            part(path([head, bend], 6.5), HU["marrow"], 0.4 * uptake["marrow"]),
        ]
    return parts


def _bodies(frame: BodyFrame) -> Callable[[Coordinates], Any]:
    def distance(p: Coordinates) -> Any:
        radius = _RADIUS(p.z)
        waist = 1.6 * (1 - np.abs(2 * _phase(p.z) - 1))
        return np.hypot(p.x / 1.28, p.y - frame.spine_y(p.z)) - radius + waist

    return distance


def _arches(frame: BodyFrame) -> Callable[[Coordinates], Any]:
    """Arch round the canal, spinous process sloping down, transverse processes."""

    def distance(p: Coordinates) -> Any:
        radius = _RADIUS(p.z)
        behind = p.y - frame.spine_y(p.z) - radius
        level = np.abs(_phase(p.z) - 0.55)
        arch = np.maximum(np.hypot(p.x, behind - 8) - 14, 22 * (level - 0.36))
        sloped = np.abs(_phase(p.z + 0.55 * np.maximum(behind - 14, 0)) - 0.5)
        tip = 12 + 1.05 * radius
        spine = np.maximum(np.abs(p.x) - 3.4, np.abs(behind - 0.5 * (tip + 12)) - 0.5 * (tip - 12))
        spine = np.maximum(spine, 24 * (sloped - 0.27))
        cross = np.maximum(
            np.hypot((p.y - frame.spine_y(p.z) - radius - 4), 24 * (level - 0.05)) - 6,
            np.abs(p.x) - 1.75 * radius,
        )
        return np.minimum(np.minimum(arch, spine), cross)

    return distance


def _canal(frame: BodyFrame) -> Callable[[Coordinates], Any]:
    return lambda p: np.hypot(p.x, p.y - frame.spine_y(p.z) - _RADIUS(p.z) - 8) - np.float32(8)


def _discs(p: Coordinates) -> Any:
    """Signed distance of the discs between the vertebrae."""
    phase = _phase(p.z)
    return (np.minimum(phase, 1 - phase) - np.float32(0.12)) * _PITCH(p.z)


def _phase(z: Field) -> Field:
    """Relative height within a vertebra: 0 at its lower end, 1 at its upper end."""
    return np.asarray(np.interp(z, VERTEBRAE, _LEVELS) % 1, dtype=np.float32)


def _sacrum(uptake: WholeBodyUptake) -> list[PaintedPart]:
    wedge = ellipsoid((0, 64, -290), (54, 27, 66)) - ellipsoid((0, 22, -338), (62, 44, 72))
    tail = path([(0, 84, -332), (0, 86, -350), (0, 76, -372)], [13, 9, 6])
    bone = (wedge.blended(tail, 10)) & slab(2, -380, -242)
    return [
        part(bone, 0.6 * HU["bone"], uptake["bone"] * 1.5, "sacrum"),
        part(bone.grown(-3), HU["spongy"] - 20, uptake["marrow"]),
    ]


def _rib_pattern(frame: BodyFrame) -> Callable[[Coordinates], Any]:
    """Bands that start at the vertebrae and slope down to the front."""

    def distance(p: Coordinates) -> Any:
        root = p.z + 0.45 * (frame.spine_y(p.z) + 12 - p.y)
        phase = _phase(root)
        pitch = np.float32(22.5)
        bands = (np.abs(phase - np.float32(0.75)) - np.float32(0.26)) * pitch
        return np.maximum.reduce([bands, root - 204, -62 - root])

    return distance


def _costal_margin(p: Coordinates) -> Any:
    """Signed distance of the region above the costal arch, where the ribs end in front."""
    x = np.abs(p.x)
    margin = -32 - 0.85 * x - p.z - 1.5 * np.maximum(p.y - 10, 0)
    return margin * 0.7


def _cartilage(p: Coordinates) -> Any:
    """Signed distance of the anterior region of the costal cartilage, which widens downwards."""
    reach = np.clip(64 - 0.22 * (p.z - 60), 40, 96)
    return np.maximum(np.abs(p.x) - reach, p.y + 30)


def _sternum(frame: BodyFrame, uptake: WholeBodyUptake) -> list[PaintedPart]:
    body = slab(1, -140, 0) & frame.cage.shell(1, 11)
    width = Profile((-40, 60, 110, 130, 152), (10, 18, 13, 24, 26))
    bone = slab(2, -38, 152) & free_form(lambda p: np.abs(p.x) - width(p.z)) & body
    return [
        part(bone, 0.5 * HU["bone"], uptake["bone"] * 1.5),
        part(bone.grown(-2.5), HU["spongy"] - 30, 0.9 * uptake["marrow"]),
    ]


def _blade(frame: BodyFrame, side: float) -> Solid:
    """Scapula: a thin plate behind the ribs, its spine, and the socket of the shoulder."""

    def distance(p: Coordinates) -> Any:
        x = np.float32(side) * p.x
        lower = (0.9 * (x - 62) - (p.z - 46)) * 0.74
        return np.maximum.reduce([46 - x, 20 - p.y, p.z - 166, lower, x - 116])

    ridge = path([(side * 62, 98, 138), (side * 110, 74, 164), (side * 146, 30, 196)], [5, 6, 7])
    neck = capsule((side * 108, 52, 150), (side * 128, 24, 166), 9, 13)
    plate = slab(0, *sorted((side * 40, side * 140))) & free_form(distance)
    return (plate & frame.cage.shell(12.5, 18)) | ridge | neck
