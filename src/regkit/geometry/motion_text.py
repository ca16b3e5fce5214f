"""A motion as a phrase: how far, which way, and how much turned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regkit.geometry.grid import Grid
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.geometry.transform import Transform, linear_part

# The way a positive and a negative LPS coordinate points.
WAYS = (("left", "right"), ("posterior", "anterior"), ("superior", "inferior"))
NEGLIGIBLE_MM = 0.05


def transform_in_words(transform: Transform, grid: Grid) -> str:
    """Say what a map of fixed to moving points does to the middle of the fixed grid."""
    centre = grid.centre
    shift = transform.map_points(centre) - np.asarray(centre)
    turn = rotation_angle(nearest_rotation(linear_part(transform, centre)))
    return motion_in_words(turn, shift.tolist())


def motion_in_words(rotation_deg: float, shift_mm: Sequence[float]) -> str:
    """Say how far a motion turns and shifts, in degrees and LPS mm."""
    return f"rotation {rotation_deg:.1f}°, {shift_in_words(shift_mm)}"


def shift_in_words(shift_mm: Sequence[float]) -> str:
    """Say how long a shift in LPS mm is, and which ways it goes."""
    length = sum(c * c for c in shift_mm) ** 0.5
    parts = [
        f"{abs(component):.1f} {way[0] if component > 0 else way[1]}"
        for component, way in zip(shift_mm, WAYS, strict=True)
        if abs(component) >= NEGLIGIBLE_MM
    ]
    return f"shift {length:.1f} mm" + (f" ({', '.join(parts)})" if parts else "")
