"""Skull and face, brain, eyes, air spaces, salivary glands and tonsils."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit_nuclear.painting.canvas import PaintedPart
from regkit_nuclear.painting.shapes import Coordinates
from regkit_nuclear.painting.solids import Solid, ball, capsule, ellipsoid, free_form, path
from regkit_nuclear.phantoms.wholebody.organs import NO_ORGAN, SIDES, part
from regkit_nuclear.phantoms.wholebody.uptake import HU, WholeBodyUptake

_VAULT = ellipsoid((0, -10, 384), (70, 91, 77))


def skull(uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint the face's bones and air spaces, then the vault."""
    parts = [
        part(ellipsoid((0, -64, 276), (27, 32, 18)), HU["muscle"], 1.3 * uptake["blood"]),
        part(_face(), 0.7 * HU["bone"], uptake["bone"], "skull"),
        part(_teeth(), 1500, uptake["bone"], "skull"),
    ]
    for _, side in SIDES:
        orbit = ellipsoid((side * 31, -74, 338), (19, 26, 18))
        parts += [
            part(orbit, HU["fat"] + 20, uptake["fat"] * 2),
            part(ball((side * 31, -84, 338), 12), HU["water"] + 6, uptake["blood"]),
            part(ellipsoid((side * 22, -66, 313), (11, 15, 12)), HU["air"] + 60, 0.3),
        ]
    nose = ellipsoid((0, -112, 312), (11, 14, 15))
    return [
        part(nose, HU["soft"], uptake["skin"]),
        *parts,
        part(ellipsoid((0, -76, 316), (8, 30, 17)), HU["air"] + 150, 0.5),
        part(_VAULT - _base_of_face(), HU["skull"], uptake["bone"], "skull"),
        *_mastoids(uptake),
    ]


def brain(uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint brain: fluid, cortex, white matter, deep nuclei, ventricles, cerebellum, stem."""
    inside = _VAULT.grown(-6.5)
    hemispheres = inside.grown(-2.5) - free_form(_falx)
    white = free_form(lambda p: hemispheres.distance(p) + 8.5 + _folds(p), hemispheres.bounds)
    cerebellum = ellipsoid((0, 34, 334), (50, 30, 22)) & inside.grown(-2)
    stem = path([(0, 6, 356), (0, 18, 332), (0, 28, 314)], [13, 11, 7])
    grey = uptake["grey_matter"]
    parts = [
        part(inside, HU["water"] + 6, 0.25 * grey, NO_ORGAN),
        part(hemispheres, HU["brain"] + 3, grey, "brain"),
        part(white, HU["brain"] - 7, uptake["white_matter"]),
    ]
    for _, side in SIDES:
        parts += [
            part(ellipsoid((side * 15, -8, 376), (9, 22, 11)), HU["brain"] + 2, 1.05 * grey),
            part(ellipsoid((side * 10, -6, 394), (5, 30, 8)), HU["water"], 0.2 * grey),
        ]
    return [
        *parts,
        part(cerebellum, HU["brain"], uptake["cerebellum"], "brain"),
        part(stem & inside, HU["brain"] - 4, 0.6 * grey, "brain"),
    ]


def throat(uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint pharynx, tonsils and salivary glands."""
    parts = [part(path([(0, -36, 312), (0, -26, 284), (0, -18, 250)], [9, 7, 8]), -950, 0.3)]
    for _, side in SIDES:
        parts += [
            part(ellipsoid((side * 14, -30, 288), (5, 8, 10)), HU["soft"], uptake["tonsil"]),
            part(ellipsoid((side * 56, -4, 304), (9, 16, 21)), 5, uptake["salivary"]),
            part(ellipsoid((side * 27, -42, 262), (8, 14, 9)), 30, uptake["salivary"]),
        ]
    return parts


def _face() -> Solid:
    upper = ellipsoid((0, -78, 300), (27, 24, 15)) | ellipsoid((0, -70, 322), (34, 30, 12))
    jaw = path(
        [
            (-50, -16, 318),
            (-45, -20, 276),
            (-25, -70, 256),
            (0, -86, 252),
            (25, -70, 256),
            (45, -20, 276),
            (50, -16, 318),
        ],
        [6, 8, 7, 9, 7, 8, 6],
    )
    cheeks = [
        path([(side * 30, -90, 322), (side * 54, -64, 326), (side * 62, -20, 332)], [6, 6, 4])
        for _, side in SIDES
    ]
    return upper | jaw | cheeks[0] | cheeks[1]


def _teeth() -> Solid:
    arch = [(-24, -62), (-20, -82), (0, -96), (20, -82), (24, -62)]
    return path([(x, y, 286) for x, y in arch], 4.5) | path(
        [(0.95 * x, y + 3, 272) for x, y in arch], 4.5
    )


def _base_of_face() -> Solid:
    """Return the region of orbits and nose, which has no vault."""
    return ellipsoid((0, -84, 332), (46, 26, 22))


def _mastoids(uptake: WholeBodyUptake) -> list[PaintedPart]:
    parts = []
    for _, side in SIDES:
        bone = capsule((side * 56, 8, 330), (side * 54, 6, 312), 13, 8)
        parts.append(part(bone, 0.9 * HU["bone"], uptake["bone"], "skull"))
        parts.append(part(bone.grown(-5), -250, 0.4))
    return parts


def _falx(p: Coordinates) -> Any:
    """Signed distance of the cleft between the hemispheres, above the deep brain."""
    return np.maximum(np.abs(p.x) - 1.6, 392 + 0.1 * np.abs(p.y) - p.z)


def _folds(p: Coordinates) -> Any:
    """Variation of the depth of the cortex about its mean, mm: gyri and sulci."""
    waves = np.sin(p.x / 5.1 + p.z / 17) * np.cos(p.y / 6.3 + 0.7) + np.sin(
        p.z / 5.7 + p.y / 11
    ) * np.cos(p.x / 7.9)
    return 3.2 * waves
