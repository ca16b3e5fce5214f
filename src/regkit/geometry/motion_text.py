"""Phrases for motions: rotation, and length and direction of the shift."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.geometry.transform import Transform, linear_part

# Directions of a positive and of a negative LPS coordinate.
DIRECTIONS = (("left", "right"), ("posterior", "anterior"), ("superior", "inferior"))
# The same as a patient and those at the bedside say it.
PATIENT_DIRECTIONS = (
    ("to the patient's left", "to the patient's right"),
    ("farther back", "farther to the front"),
    ("higher", "lower"),
)
# The way that one end of the body goes in a turn about x, y and z (LPS) by a positive angle.
TURNS = (
    ("its top to the front", "its top to the back"),
    ("its top to the patient's left", "its top to the patient's right"),
    ("its front to the patient's left", "its front to the patient's right"),
)
NOTABLE_MM = 0.5  # shown as 1
NOTABLE_DEG = 0.5  # a degree moves the edge of a body by 3 mm; chosen by hand
NEGLIGIBLE_MM = 0.05  # shown as 0.0; in voxels, too


def transform_in_words(transform: Transform, grid: Grid) -> str:
    """Return a phrase for the motion of the centre of the fixed grid, fixed to moving."""
    centre = grid.centre
    shift = transform.map_points(centre) - np.asarray(centre)
    turn = rotation_angle(nearest_rotation(linear_part(transform, centre)))
    return motion_in_words(turn, shift.tolist())


def motion_in_words(rotation_deg: float, shift_mm: Sequence[float]) -> str:
    """Return a phrase for a rotation in degrees and a shift in LPS mm."""
    return f"rotation {rotation_deg:.1f}°, {shift_in_words(shift_mm)}"


def shift_in_words(shift_mm: Sequence[float]) -> str:
    """Return a phrase for the length and the anatomical directions of a shift in LPS mm."""
    length = sum(c * c for c in shift_mm) ** 0.5
    parts = [
        f"{abs(component):.1f} {positive if component > 0 else negative}"
        for component, (positive, negative) in zip(shift_mm, DIRECTIONS, strict=True)
        if abs(component) >= NEGLIGIBLE_MM
    ]
    return f"shift {length:.1f} mm" + (f" ({', '.join(parts)})" if parts else "")


def shift_of_patient_in_words(shift_mm: Sequence[float]) -> str:
    """Return a phrase for a shift in LPS mm in the patient's terms, the largest part first.

    Returns
    -------
    str
        Like "about 12 mm higher and 5 mm to the patient's left"; empty where all are negligible.
    """
    words = _in_directions_of_patient(shift_mm, "{:.0f} mm", NOTABLE_MM)
    return f"about {words}" if words else ""


def shift_in_voxels_of_patient(shift_voxels: Sequence[float]) -> str:
    """Return a phrase for a shift in voxels along x, y, z (LPS), the largest part first.

    Returns
    -------
    str
        Like "1.8 voxels higher and 0.7 voxels to the patient's left"; empty where all are
        negligible.
    """
    return _in_directions_of_patient(shift_voxels, "{:.1f} voxels", NEGLIGIBLE_MM)


def _in_directions_of_patient(shift: Sequence[float], form: str, least: float) -> str:
    """Return the parts of a shift along x, y, z (LPS), from the least size on, as words."""
    parts = sorted(zip(shift, PATIENT_DIRECTIONS, strict=True), key=lambda p: -abs(p[0]))
    words = [
        f"{form.format(abs(component))} {positive if component > 0 else negative}"
        for component, (positive, negative) in parts
        if abs(component) >= least
    ]
    if not words:
        return ""
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last


def correction_in_words(
    matrix: Sequence[Sequence[float]], shift_mm: Sequence[float], moving: str = "moving image"
) -> str:
    """Return a sentence on which way to move the moving image so that it matches the fixed one.

    Parameters
    ----------
    matrix
        Map from fixed to moving points, 4 x 4, LPS mm.
    shift_mm
        Shift of the center of the fixed image by that map, LPS mm.
    moving
        Name of the moving image.
    """
    shift = shift_of_patient_in_words([-component for component in shift_mm])
    turn = _turn_in_words(np.asarray(matrix, float)[:3, :3])
    if not shift and not turn:
        return f"according to this result, the {moving} need not be moved"
    todo = [f"move the {moving} {shift}"] if shift else []
    todo += [f"turn {'it' if shift else f'the {moving}'} {turn}"] if turn else []
    return f"to match, {' and '.join(todo)}"


def _turn_in_words(linear: FloatArray) -> str:
    """Return the turn of the moving image that undoes a map; empty if it is negligible."""
    rotation = nearest_rotation(linear)
    degrees = rotation_angle(rotation)
    if degrees < NOTABLE_DEG:
        return ""
    undone = rotation.T
    about = (undone - undone.T)[[2, 0, 1], [1, 2, 0]]
    axis = int(np.argmax(np.abs(about)))
    ways = TURNS[axis]
    return f"by {degrees:.1f}° (mainly {ways[0] if about[axis] > 0 else ways[1]})"
