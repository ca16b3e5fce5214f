"""Bladder, prostate or uterus, gluteal muscles, and the bones of pelvis and thigh."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit_nuclear.painting.canvas import PaintedPart
from regkit_nuclear.painting.random_streams import uniform
from regkit_nuclear.painting.shapes import Coordinates
from regkit_nuclear.painting.solids import (
    Solid,
    ball,
    capsule,
    ellipsoid,
    free_form,
    path,
    slab,
)
from regkit_nuclear.phantoms.wholebody.frame import BodyFrame
from regkit_nuclear.phantoms.wholebody.organs import NO_ORGAN, SIDES, part
from regkit_nuclear.phantoms.wholebody.uptake import HU, WholeBodyUptake

HIP = (89.0, 6.0, -356.0)


def muscles(frame: BodyFrame, uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint the gluteal muscles, with a plane of fat in front of them."""
    flesh = frame.flesh.grown(-2)
    parts = []
    for name, side in SIDES:
        whole = ellipsoid((side * 72, 62, -322), (66, 46, 88), None)
        whole = slab(0, *sorted((side * 6, side * 200))) & whole & flesh
        parts.append(part(whole.grown(3), HU["fat"], uptake["fat"]))
        parts.append(part(whole, HU["muscle"], uptake["muscle"], f"gluteus_{name}"))
    cleft = ellipsoid((0, 100, -395), (8, 40, 60)) & flesh.grown(4)
    return [*parts, part(cleft, HU["fat"], uptake["fat"], NO_ORGAN)]


def organs(
    frame: BodyFrame, uptake: WholeBodyUptake, rng: np.random.Generator
) -> list[PaintedPart]:
    """Paint the bladder, and the uterus behind it or the prostate below it."""
    fill = uniform(rng, 0.7, 1.25)
    bladder = ellipsoid((0, -26, -352 + 10 * fill), (40 * fill, 32 * fill, 29 * fill))
    if frame.habitus.female:
        womb = ellipsoid((uniform(rng, -8, 8), 8, -322), (25, 21, 33))
        other = [part(womb, HU["muscle"], uptake["uterus"])]
    else:
        other = [part(ellipsoid((0, 2, -393), (24, 17, 18)), HU["soft"], uptake["prostate"])]
        other += [
            part(ellipsoid((side * 17, -66, -462), (15, 16, 21)), HU["soft"], 2.4)
            for _, side in SIDES
        ]
    return [
        *other,
        part(bladder.grown(4), HU["soft"], uptake["muscle"] * 1.5),
        part(bladder, HU["water"], uptake["bladder"], "bladder"),
    ]


def bones(uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint hip bones and femora: cortex first, then marrow."""
    parts = []
    for name, side in SIDES:
        hip, femur = hip_bone(side), femur_bone(side)
        parts += [
            part(hip, HU["bone"], uptake["bone"] * 1.4, f"hip_{name}"),
            part(hip.grown(-3.2), HU["spongy"], uptake["marrow"]),
            part(femur.grown(3), HU["soft"], uptake["muscle"], NO_ORGAN),
            part(femur, HU["bone"] + 300, uptake["bone"], f"femur_{name}"),
            part(_femur_marrow(side), HU["spongy"] + 60, uptake["bone"] * 1.3),
            part(_shaft(side).grown(-8), HU["marrow"], 0.4 * uptake["marrow"]),
        ]
    return parts


def hip_bone(side: float) -> Solid:
    """Return a hip bone: wing, socket, pubis and ischium."""
    socket = ellipsoid((side * 86, 8, -350), (31, 31, 31)) - ball((side * 96, HIP[1], HIP[2]), 26)
    inner = slab(0, *sorted((side * 52, side * 112)))
    pubis = path(
        [(side * 78, -14, -352), (side * 40, -48, -372), (side * 9, -58, -388)], [10, 8, 9]
    )
    ischium = path(
        [(side * 80, 30, -362), (side * 64, 46, -402), (side * 56, 34, -428)], [14, 12, 13]
    )
    ramus = path([(side * 54, 30, -428), (side * 10, -52, -398)], [8, 7])
    bridge = capsule((side * 84, 10, -338), (side * 72, 22, -306), 17, 9)
    return _wing(side) | (socket & inner) | pubis | ischium | ramus | bridge


def femur_bone(side: float) -> Solid:
    """Return a femur: head, neck, trochanters and shaft."""
    head = ball((side * HIP[0], HIP[1], HIP[2]), 23)
    neck = path([(side * 92, 6, -358), (side * 128, 14, -386)], [14, 15])
    trochanter = ellipsoid((side * 136, 18, -378), (13, 16, 20))
    return head.blended(neck, 8).blended(trochanter, 10).blended(_shaft(side), 10)


def _shaft(side: float) -> Solid:
    return path(
        [(side * 128, 12, -400), (side * 116, 2, -480), (side * 96, 4, -680)], [17, 14, 14]
    )


def _femur_marrow(side: float) -> Solid:
    head = ball((side * HIP[0], HIP[1], HIP[2]), 20)
    neck = path([(side * 92, 6, -358), (side * 128, 14, -392)], [10.5, 12])
    return head | neck | ellipsoid((side * 135, 18, -380), (9, 12, 16))


def _wing(side: float) -> Solid:
    """Return the wing of the ilium: part of a bowl, from the sacrum to the anterior spine."""
    bowl = ellipsoid((0, -26, -222), (124, 102, 112))

    def distance(p: Coordinates) -> Any:
        x = np.float32(side) * p.x
        crest = p.z + 186 + 0.0042 * (p.y - 12) ** 2 + 0.5 * np.maximum(-46 - p.y, 0)
        front = -60 - 0.35 * (p.z + 240) - p.y
        notch = 22 - np.hypot(p.y - 62, (p.z + 322) * 0.8)
        inner = (36 + 0.6 * (60 - p.y) - x) * 0.85
        return np.maximum.reduce([crest * 0.8, front * 0.9, inner, -322 - p.z, notch])

    low, high = sorted((side * 34, side * 126))
    box = slab(0, low, high) & slab(1, -80, 80) & slab(2, -322, -184)
    return box & bowl.shell(-9, 0) & free_form(distance)
