"""Organs of the upper abdomen: liver, gallbladder, spleen, pancreas, kidneys, adrenals."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit_nuclear.painting.canvas import PaintedPart
from regkit_nuclear.painting.random_streams import uniform
from regkit_nuclear.painting.shapes import Coordinates
from regkit_nuclear.painting.solids import Solid, ball, capsule, ellipsoid, free_form, path
from regkit_nuclear.phantoms.wholebody.frame import BodyFrame
from regkit_nuclear.phantoms.wholebody.heart import pericardium
from regkit_nuclear.phantoms.wholebody.organs import NO_ORGAN, SIDES, part
from regkit_nuclear.phantoms.wholebody.uptake import HU, WholeBodyUptake

# Centres of the kidneys: the right one is lower, because of the liver.
_KIDNEYS = {"left": (58.0, 36.0, -118.0), "right": (-58.0, 38.0, -136.0)}


def cavity(frame: BodyFrame, uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint the inside of chest and belly with fat, and the muscles that line it behind."""
    parts = [
        part(frame.cage | (frame.belly & frame.below_diaphragm), HU["fat"], 1.4 * uptake["fat"])
    ]
    for _, side in SIDES:
        psoas = path(
            [
                frame.spine_at(-70, side * 26),
                frame.spine_at(-170, side * 36),
                (side * 56, 26, -270),
                (side * 72, -16, -345),
                (side * 86, 8, -408),
            ],
            [9, 19, 21, 16, 9],
        )
        crus = path([frame.spine_at(10, side * 12, -22), frame.spine_at(-110, side * 13, -20)], 8)
        parts += [part(s, HU["muscle"], uptake["muscle"]) for s in (psoas, crus)]
    return parts


def organ_space(frame: BodyFrame) -> Solid:
    """Return the space of abdominal organs, below the diaphragm and beside the spine."""
    spine = path([frame.spine_at(z) for z in (-260, -150, -60, 40)], 27)
    inside = (frame.cage | frame.belly).grown(-4)
    return ((inside & frame.below_diaphragm) - spine) - pericardium(frame).grown(3)


def liver(
    frame: BodyFrame, uptake: WholeBodyUptake, rng: np.random.Generator
) -> list[PaintedPart]:
    """Paint liver, its vessels, and the gallbladder."""
    organ = (organ_space(frame) & _liver_block(rng)).grown(-1)
    bladder = ellipsoid((-46, -42, -106), (14, 16, 29))
    portal = path([(-12, 2, -92), (-34, -2, -66), (-64, 2, -50)], [6.5, 5.5, 3.5])
    veins = [
        capsule((-22, 6, 6), end, 5, 2.5)
        for end in ((-76, 30, -14), (-50, -34, -18), (6, -36, -8))
    ]
    return [
        part(organ, HU["liver"], uptake["liver"], "liver"),
        *(part(vein & organ, HU["blood"] + 5, uptake["blood"]) for vein in (portal, *veins)),
        part(bladder.grown(2), HU["soft"], uptake["blood"]),
        part(bladder, HU["water"], uptake["water"], "gallbladder"),
    ]


def spleen(
    frame: BodyFrame, uptake: WholeBodyUptake, rng: np.random.Generator
) -> list[PaintedPart]:
    """Paint the spleen."""
    size = uniform(rng, 0.88, 1.12)
    tip = path([(84, 54, -14), (96, 30, -58)], [32 * size, 27 * size])
    organ = (tip & organ_space(frame)) - ellipsoid((58, 16, -34), (32, 40, 44))
    return [part(organ, HU["spleen"], uptake["spleen"], "spleen")]


def pancreas(uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint the pancreas from head to tail."""
    organ = path(
        [(-30, -6, -146), (-26, -8, -118), (2, -16, -102), (38, 0, -86), (72, 20, -66)],
        [12, 14, 10, 10.5, 8.5],
    )
    return [part(organ, HU["soft"] - 4, uptake["pancreas"], "pancreas")]


def kidneys(uptake: WholeBodyUptake, rng: np.random.Generator) -> list[PaintedPart]:
    """Paint kidneys with cortex, sinus fat, pelvis and ureter, and the adrenals."""
    parts = []
    for name, side in SIDES:
        centre = np.array(_KIDNEYS[name]) + rng.normal(0, (2, 2, 5))
        size = uniform(rng, 0.92, 1.08)
        turn = _tilt(side)
        organ = ellipsoid(centre, np.array((27, 24, 55)) * size, turn)
        sinus = ellipsoid(centre - (side * 13, 3, 0), (14, 12, 27), turn) & organ.grown(-2)
        pelvis = capsule(centre - (side * 14, 2, -10), centre - (side * 18, 4, 14), 6, 6.5)
        hot = uniform(rng, 0.4, 1.2) * uptake["renal_pelvis"]
        parts += [
            part(organ, HU["kidney"], uptake["kidney"], f"kidney_{name}"),
            part(organ.grown(-9), HU["kidney"] - 6, 1.3 * uptake["kidney"]),
            part(sinus, HU["fat"] + 50, uptake["kidney"], NO_ORGAN),
            part(pelvis, HU["water"], hot, NO_ORGAN),
            *_ureter(centre, side, 0.7 * hot, rng),
            *_adrenal(centre, name, side, uptake),
        ]
    return parts


def _liver_block(rng: np.random.Generator) -> Solid:
    """Return the region right of a curved left edge and above an oblique lower edge."""
    tip, low = uniform(rng, 24, 60), uniform(rng, -138, -112)

    def distance(p: Coordinates) -> Any:
        edge = low + 84 / (1 + np.exp(-(p.x + 24) / 24)) + 0.22 * (p.y + 10)
        left = p.x - tip + 0.010 * (p.y + 30) ** 2 * (p.x > -20)
        return np.maximum(np.maximum((edge - p.z) * 0.8, left * 0.9), p.y - 76)

    return free_form(distance)


def _tilt(side: float) -> np.ndarray:
    """Return the rotation of a kidney: the upper pole leans to the spine and backwards."""
    w = np.array((-side * 0.22, 0.26, 1.0))
    w /= np.linalg.norm(w)
    u = np.cross((0.0, 1.0, 0.0), w)
    u /= np.linalg.norm(u)
    return np.stack([u, np.cross(w, u), w], axis=1)


def _adrenal(
    kidney: np.ndarray, name: str, side: float, uptake: WholeBodyUptake
) -> list[PaintedPart]:
    """Return an adrenal gland: a body with two limbs, above and medial of the kidney."""
    top = np.array((side * 34.0, 26.0 if side < 0 else 22.0, kidney[2] + 62))
    ends = top + np.array(((0.0, 16.0, -8.0), (side * 14.0, 10.0, -12.0)))
    limbs = path([ends[0], top, ends[1]], [4.2, 5.2, 4.2])
    return [part(limbs, 28, uptake["adrenal"], f"adrenal_{name}")]


def _ureter(
    kidney: np.ndarray, side: float, suv: float, rng: np.random.Generator
) -> list[PaintedPart]:
    """Return drops of urine in the ureter."""
    ureter = np.array([kidney - (side * 20, 8, 30), (side * 38, 26, -225), (side * 34, 22, -325)])
    drops = []
    for _ in range(rng.integers(0, 3)):
        position = uniform(rng, 0, 1.99)
        section, fraction = int(position), position % 1
        start, end = ureter[section : section + 2]
        drops.append(ball(start + fraction * (end - start), uniform(rng, 2.5, 4)))
    return [part(drop, HU["water"], suv) for drop in drops]
