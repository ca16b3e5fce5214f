"""Skin, fat, muscle, arms, legs and breasts."""

from __future__ import annotations

from regkit_nuclear.painting.canvas import PaintedPart
from regkit_nuclear.painting.solids import (
    Solid,
    capsule,
    ellipsoid,
    half_space,
    path,
    slab,
    union_solid,
)
from regkit_nuclear.phantoms.wholebody.couch import back_mm
from regkit_nuclear.phantoms.wholebody.frame import BodyFrame
from regkit_nuclear.phantoms.wholebody.organs import NO_ORGAN, SIDES, part
from regkit_nuclear.phantoms.wholebody.uptake import HU, WholeBodyUptake


def whole_body_outline(frame: BodyFrame, uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint the body as fat, and the flesh within it."""
    fat = frame.habitus.fat_mm
    trunk, limbs, head = _flesh(frame)
    skin = (
        trunk.grown(fat)
        .blended(limbs.grown(0.5 * fat), 40)
        .blended(head.grown(4), 20)
        .blended(_breasts(frame), 20)
    ) & half_space((0, 1, 0), back_mm(frame.habitus))
    flesh = (trunk.blended(limbs, 20) | head) & half_space((0, 1, 0), back_mm(frame.habitus) - 4)
    return [
        part(skin, HU["soft"] - 20, uptake["skin"], NO_ORGAN),
        part(skin.grown(-2.5), HU["fat"], uptake["fat"]),
        part(flesh, HU["muscle"], uptake["muscle"]),
        *_glands(frame, uptake),
        *_thigh_fat(uptake),
    ]


def shoulder(side: float) -> tuple[float, float, float]:
    """Return the centre of the humeral head."""
    return side * 150, 14, 172


def elbow(frame: BodyFrame, side: float) -> tuple[float, float, float]:
    """Return the distal end of the humerus."""
    return (side * 196, -12, 455) if frame.habitus.arms_up else (side * 200, 20, -125)


def _flesh(frame: BodyFrame) -> tuple[Solid, Solid, Solid]:
    """Return trunk, limbs and head without the fat under the skin."""
    left, right = (_thigh(side) for _, side in SIDES)
    limbs = union_solid([_arm(frame, side) for _, side in SIDES]) | left.blended(right, 8)
    face = ellipsoid((0, -46, 308), (58, 62, 66))
    return frame.flesh, limbs, ellipsoid((0, -10, 385), (77, 98, 84)).blended(face, 40)


def _thigh(side: float) -> Solid:
    return path([(side * 88, 6, -385), (side * 89, 6, -520), (side * 84, 8, -680)], [82, 71, 60])


def _arm(frame: BodyFrame, side: float) -> Solid:
    top, bend = shoulder(side), elbow(frame, side)
    upper = path([(side * 118, 14, 158), top, bend], [46, 47, 35])
    if frame.habitus.arms_up:
        return upper | capsule(bend, (side * 60, -40, 560), 33, 26)
    return upper | capsule(bend, (side * 208, -20, -380), 33, 23)


def _breasts(frame: BodyFrame) -> Solid:
    size = (26 + 20 * frame.habitus.fatness) if frame.habitus.female else 12
    left, right = (ellipsoid((side * 72, -96, 48), (50, size + 10, 52)) for _, side in SIDES)
    return left | right


def _glands(frame: BodyFrame, uptake: WholeBodyUptake) -> list[PaintedPart]:
    if not frame.habitus.female:
        return []
    reach = 14 + 8 * frame.habitus.fatness
    return [
        part(
            ellipsoid((side * 76, -106 - 8 * frame.habitus.fatness, 46), (30, reach, 32)),
            HU["soft"] - 30,
            uptake["gland"],
        )
        for _, side in SIDES
    ]


def _thigh_fat(uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Planes of fat between the muscles of the thigh."""
    parts = []
    for _, side in SIDES:
        for turn in (-36.0, 34.0):
            sheet = capsule((side * 84, 6 + turn, -430), (side * 76, 8 + turn, -690), 34)
            ring = slab(1, -22, 34) & sheet.shell(-3, 0)
            parts.append(part(ring, HU["fat"] + 40, 0.7 * uptake["muscle"]))
    return parts
