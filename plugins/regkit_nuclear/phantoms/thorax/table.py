"""The table under the patient: a curved shell with a light core."""

from __future__ import annotations

import numpy as np

from regkit_nuclear.painting.shapes import Field, intersection
from regkit_nuclear.phantoms.thorax.organs import MU
from regkit_nuclear.phantoms.thorax.scene import Scene

# Dimensions of the table; chosen by hand.
_HALF_WIDTH_MM = 195.0
_SHELL_MM = 4.0
_CORE_MM = 18.0
_GAP_MM = 2.0
_SAG_MM = 30.0  # height of the edges above the middle


def paint_table(scene: Scene, top_mm: float, skin: Field) -> None:
    """Paint the table outside the body.

    Parameters
    ----------
    scene
        Scene in LPS coordinates.
    top_mm
        Position of the patient's back (y, LPS mm).
    skin
        Signed distance of the body over the scene.
    """
    low = (-_HALF_WIDTH_MM, top_mm - _SAG_MM, -1e3)
    box = scene.box(low, (_HALF_WIDTH_MM, top_mm + _SHELL_MM + _CORE_MM + 8, 1e3))
    x, y, _ = scene.points.crop(box)
    surface = top_mm + _GAP_MM - (x / _HALF_WIDTH_MM) ** 2 * _SAG_MM
    depth = y - surface
    outside = intersection(np.abs(x) - _HALF_WIDTH_MM, -skin[box])
    bottom = _SHELL_MM + _CORE_MM
    for upper, lower, mu in (
        (_SHELL_MM / 2, bottom, MU["foam"]),
        (0.0, _SHELL_MM, MU["table"]),
        (bottom - 2, bottom, MU["table"]),
    ):
        layer = intersection(upper - depth, depth - lower, outside)
        scene.paint(box, layer, "table", mu)
