"""The table of the CT scanner, with a hollow surface."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit_nuclear.painting.canvas import PaintedPart
from regkit_nuclear.painting.shapes import Coordinates
from regkit_nuclear.painting.solids import free_form
from regkit_nuclear.phantoms.wholebody.habitus import WholeBodyHabitus

BACK_MM = 106.0
_HALF_WIDTH_MM, _SAG_MM, _THICK_MM = 215.0, 22.0, 26.0


def back_mm(habitus: WholeBodyHabitus) -> float:
    """Return the y at which the couch flattens the back, in the frame of the anatomy."""
    return BACK_MM + 0.6 * habitus.fat_mm


def couch(habitus: WholeBodyHabitus) -> list[PaintedPart]:
    """Return a carbon shell around foam; it is not in the PET."""
    top = back_mm(habitus) * habitus.depth + habitus.offset_mm[1] + 3
    bounds = (
        np.array([-_HALF_WIDTH_MM, top - _SAG_MM - 5, -2000.0]),
        np.array([_HALF_WIDTH_MM, top + _THICK_MM + 5, 2000.0]),
    )

    def distance(p: Coordinates) -> Any:
        across = p.x / np.float32(_HALF_WIDTH_MM)
        middle = np.float32(top + _THICK_MM / 2) - np.float32(_SAG_MM) * across * across
        thick = np.float32(_THICK_MM / 2) * (1 - np.float32(0.6) * across * across)
        return np.maximum(np.abs(p.y - middle) - thick, np.abs(p.x) - np.float32(_HALF_WIDTH_MM))

    shell = free_form(distance, bounds)
    return [
        PaintedPart(shell, {"ct": -180.0}, unwarped=True),
        PaintedPart(shell.grown(-3.0), {"ct": -940.0}, unwarped=True),
    ]
