"""Short-axis frames: the lateral, inferior and base directions of a ventricle in space."""

from __future__ import annotations

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform, Transform, linear_part
from regkit_ventricle.axis import LongAxis

INFERIOR, BASE = 1, 2
SUPERIOR = np.array([0.0, 0.0, 1.0])
ORIGIN = (0.0, 0.0, 0.0)


def frame_along_axis(axis: LongAxis, like: Transform) -> AffineTransform:
    """Return the short-axis frame of a long axis, rotated about it like another frame.

    Parameters
    ----------
    axis
        Long axis: its centre becomes the origin, its direction the direction of the base.
    like
        Map of short-axis to moving points whose inferior direction is kept as closely as the axis
        allows: a round ventricle does not show its rotation about the axis.

    Returns
    -------
    AffineTransform
        Maps points of the short-axis frame to moving points, mm; rigid.
    """
    columns = linear_part(like, ORIGIN)
    inferior = columns[:, INFERIOR]
    if np.linalg.norm(_across(inferior, axis)) < 0.1 * np.linalg.norm(inferior):
        # The other frame's inferior direction is along this axis: only its lateral one is usable.
        inferior = np.asarray(np.cross(axis.direction, columns[:, 0]), np.float64)
    return _frame(axis, inferior)


def upright_frame(axis: LongAxis) -> AffineTransform:
    """Return the short-axis frame in which the patient's superior direction points anterior.

    This is the frame that two manual rotations give: of the transaxial slices about z, then about
    the new x. It maps points of the short-axis frame to patient points, LPS mm.
    """
    return _frame(axis, -SUPERIOR)


def tilt_deg(axis: LongAxis, frame: Transform) -> float:
    """Return the angle between a long axis and the base direction of a frame, 0 to 180."""
    base = linear_part(frame, ORIGIN)[:, BASE]
    across = np.linalg.norm(np.cross(base, axis.direction))
    return float(np.rad2deg(np.arctan2(across, base @ axis.direction)))


def turn_deg(axis: LongAxis, frame: Transform) -> float:
    """Return the rotation of a frame about a long axis from the upright one, -180 to 180."""
    between = upright_frame(axis).matrix[:3, :3].T @ frame_along_axis(axis, frame).matrix[:3, :3]
    return float(np.rad2deg(np.arctan2(between[1, 0], between[0, 0])))


def offset_mm(axis: LongAxis, frame: Transform) -> float:
    """Return the distance between the centre of a ventricle and the origin of a frame."""
    return float(np.linalg.norm(axis.centre - frame.map_points(ORIGIN)))


def _frame(axis: LongAxis, inferior: FloatArray) -> AffineTransform:
    base = axis.direction
    across = _across(inferior, axis)
    length = np.linalg.norm(across)
    # A direction along the axis has no part across it; any perpendicular one will do.
    unit = across / length if length > 0 else np.linalg.svd(base[None])[2][1]
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([np.cross(unit, base), unit, base], axis=1)
    matrix[:3, 3] = axis.centre
    return AffineTransform(matrix)


def _across(direction: FloatArray, axis: LongAxis) -> FloatArray:
    return np.asarray(direction - axis.direction * (direction @ axis.direction))
