"""Landmarks that are visible in MR and in ultrasound, with exact positions."""

from __future__ import annotations

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit_nuclear.painting.canvas import displaced
from regkit_nuclear.painting.shapes import Coordinates, RandomField
from regkit_nuclear.phantoms.prostate.anatomy import spot_centre, vesicle_tip
from regkit_nuclear.phantoms.prostate.gland import Gland

LANDMARKS = (
    "apex",
    "bladder neck",
    "verumontanum",
    "left edge",
    "right edge",
    "front edge",
    "back edge",
    "left vesicle tip",
    "right vesicle tip",
    "first calcification",
    "second calcification",
    "first cyst",
    "second cyst",
)


def landmark_points(gland: Gland) -> FloatArray:
    """Return the landmarks in the frame of the anatomy, mm, shape (13, 3)."""
    directions = ((0, 0, -1), (1, 0, 0), (-1, 0, 0), (0, -1, 0), (0, 1, 0))
    apex, left, right, front, back = (gland.surface(np.array(d, float)) for d in directions)
    middle = [gland.point(0, -0.3, 1.0), gland.point(0, 0.02, 0.05)]
    tips = [vesicle_tip(gland, 1.0), vesicle_tip(gland, -1.0)]
    spots = [spot_centre(gland, s) for s in (*gland.calcifications[:2], *gland.cysts[:2])]
    return np.array([apex, *middle, left, right, front, back, *tips, *spots])


def invert_displacement(points: FloatArray, displacement: RandomField) -> FloatArray:
    """Return the points (N, 3) that a random displacement maps to the given ones."""
    source = points.copy()
    for _ in range(60):
        current = Coordinates(*source.T.astype(np.float32))
        source = source + points - np.stack(displaced(current, displacement), axis=-1)
    return source
