"""Lungs with their lobes and vessels, airways, mediastinum, oesophagus and thyroid."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit_nuclear.painting.canvas import PaintedPart, Value
from regkit_nuclear.painting.random_streams import uniform
from regkit_nuclear.painting.shapes import Coordinates
from regkit_nuclear.painting.solids import Solid, capsule, ellipsoid, free_form, half_space, path
from regkit_nuclear.phantoms.wholebody.frame import BodyFrame
from regkit_nuclear.phantoms.wholebody.heart import pericardium
from regkit_nuclear.phantoms.wholebody.organs import SIDES, part
from regkit_nuclear.phantoms.wholebody.uptake import HU, WholeBodyUptake

CARINA = (0.0, 14.0, 92.0)
_OBLIQUE = np.array((0.0, -1.0, 1.0)) / np.sqrt(2)


def lungs(
    frame: BodyFrame, uptake: WholeBodyUptake, rng: np.random.Generator
) -> list[PaintedPart]:
    """Paint the five lobes, fissures between them, and the vessels inside."""
    air = (frame.cage.grown(-2) - frame.below_diaphragm.grown(3)) - _mediastinum(frame)
    air = air - pericardium(frame).grown(2)
    left, right = half_space((-1, 0, 0), 0), half_space((1, 0, 0), 0)
    upper_left, upper_right = _above(_OBLIQUE, 36), _above(_OBLIQUE, 34)
    apex = _above(np.array((0.0, 0.1, 1.0)), 64)
    lobes = (
        ("lung_upper_left", left & upper_left & air),
        ("lung_lower_left", (left - upper_left) & air),
        ("lung_upper_right", right & upper_right & apex & air),
        ("lung_middle_right", ((right & upper_right) - apex) & air),
        ("lung_lower_right", (right - upper_right) & air),
    )
    parts = [
        part(air, HU["lung"] + 120, uptake["lung"]),
        *(part(lobe.grown(-0.4), _density, _perfusion(uptake), name) for name, lobe in lobes),
    ]
    return parts + _vessels(air, uptake, rng)


def airways(uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint trachea and main bronchi, walls first."""
    trunk = path([CARINA, (0, 6, 160), (0, -14, 238)], 8.5)
    left = path([CARINA, (34, 18, 66)], [7, 5.5])
    right = path([CARINA, (-32, 16, 64)], [8, 6])
    tree = trunk | left | right
    return [
        part(tree.grown(2.2), HU["soft"], uptake["blood"] * 0.8),
        part(tree, HU["air"] + 20, 0.1, "trachea"),
    ]


def neck(uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint thyroid, larynx and oesophagus."""
    gullet = path(
        [(3, 12, 236), (4, 20, 190), (4, 27, 90), (8, 22, 10), (24, 12, -22)], [7, 7, 7, 8, 8]
    )
    parts = [
        part(gullet, HU["soft"], uptake["blood"] * 1.1),
        part(ellipsoid((0, -22, 240), (17, 15, 20)), HU["cartilage"], uptake["thyroid"] * 1.1),
        part(ellipsoid((0, -18, 240), (7, 9, 22)), HU["air"], 0.3),
    ]
    for _, side in SIDES:
        lobe = ellipsoid((side * 17, -16, 212), (8, 10, 20))
        parts.append(part(lobe, 105, uptake["thyroid"]))
        vessel = path(
            [(side * 24, 0, 165), (side * 27, 0, 240), (side * 30, 4, 290)], [5.5, 4.5, 4]
        )
        parts.append(part(vessel, HU["blood"], uptake["blood"]))
    return parts


def _mediastinum(frame: BodyFrame) -> Solid:
    """Return the mediastinum: wide around spine and heart, thin behind the sternum."""

    def distance(p: Coordinates) -> Any:
        half = 15 + 14 * np.exp(-(((p.y - 8) / 34) ** 2)) + 16 * np.exp(-(((p.y - 88) / 26) ** 2))
        top = 8 * np.exp(-(((p.z - 120) / 40) ** 2))
        return np.abs(p.x - 3) - half - top

    sheet = free_form(distance)
    spine = path([frame.spine_at(z, behind=4) for z in (-150, -60, 20, 100, 205)], 27)
    return sheet.blended(spine, 12)


def _above(normal: np.ndarray, offset: float) -> Solid:
    return half_space(-normal / np.linalg.norm(normal), -offset)


def _density(p: Coordinates) -> Any:
    """HU of lung, which is denser in the dependent, posterior part of a supine patient."""
    return HU["lung"] + 0.55 * p.y + 20 * np.exp((p.y - 70) / 25)


def _perfusion(uptake: WholeBodyUptake) -> Value:
    return lambda p: uptake["lung"] * (1 + 0.003 * p.y)


def _vessels(air: Solid, uptake: WholeBodyUptake, rng: np.random.Generator) -> list[PaintedPart]:
    parts = []
    for _, side in SIDES:
        hilum = np.array((side * 34, 16, 66))
        parts.append(part(ellipsoid(hilum, (12, 15, 22)), HU["blood"], uptake["blood"]))
        for _ in range(16):
            parts += _branch(hilum, side, air, uptake, rng)
    return parts


def _branch(
    hilum: np.ndarray, side: float, air: Solid, uptake: WholeBodyUptake, rng: np.random.Generator
) -> list[PaintedPart]:
    """One vessel from the hilum with two daughters."""
    direction = np.array(
        (side * uniform(rng, 0.2, 1), uniform(rng, -1, 0.9), uniform(rng, -1.1, 1.1))
    )
    direction /= np.linalg.norm(direction)
    fork = hilum + direction * uniform(rng, 32, 48)
    vessels = [capsule(hilum, fork, 6, 3.6)]
    for _ in range(2):
        end = fork + (direction + rng.normal(0, 0.4, 3)) * uniform(rng, 24, 42)
        vessels.append(capsule(fork, end, 3.2, 1.5))
    blood = uptake["blood"]
    return [part(vessel & air, HU["blood"] - 20, 0.8 * blood) for vessel in vessels]
