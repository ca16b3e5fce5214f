"""Short-axis frames: where a ventricle's lateral, inferior and base directions point."""

from __future__ import annotations

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform, Transform, linear_part
from regkit_ventricle.axis import LongAxis

INFERIOR, BASE = 1, 2
SUPERIOR = np.array([0.0, 0.0, 1.0])
ORIGIN = (0.0, 0.0, 0.0)


def along_axis(axis: LongAxis, like: Transform) -> AffineTransform:
    """Return the short-axis frame of a long axis, turned about it like another frame.

    Parameters
    ----------
    axis
        Gives the origin (its centre) and the direction of the base.
    like
        A map of short-axis to moving points. Its inferior direction is kept as nearly as the
        axis allows, because nothing in a round ventricle tells how it is turned about its axis.

    Returns
    -------
    AffineTransform
        Maps points of the short-axis frame to moving points, mm; rigid.
    """
    columns = linear_part(like, ORIGIN)
    inferior = columns[:, INFERIOR]
    if np.linalg.norm(_across(inferior, axis)) < 0.1 * np.linalg.norm(inferior):
        # The other frame has its inferior wall where the base is: only its lateral one is of use.
        inferior = np.asarray(np.cross(axis.direction, columns[:, 0]), np.float64)
    return _frame(axis, inferior)


def upright_frame(axis: LongAxis) -> AffineTransform:
    """Return the short-axis frame that two turns in a scanner's planes give.

    The patient's superior direction, seen along the axis, is up, and is called anterior: what
    turning transaxial slices about z and then about the new x does. Maps points of the short-axis
    frame to patient points, LPS mm.
    """
    return _frame(axis, -SUPERIOR)


def tilt_deg(axis: LongAxis, frame: Transform) -> float:
    """Return the angle between a long axis and the base direction of a frame, 0 to 180."""
    base = linear_part(frame, ORIGIN)[:, BASE]
    across = np.linalg.norm(np.cross(base, axis.direction))
    return float(np.rad2deg(np.arctan2(across, base @ axis.direction)))


def offset_mm(axis: LongAxis, frame: Transform) -> float:
    """Return the distance between the centre of a ventricle and the origin of a frame."""
    return float(np.linalg.norm(axis.centre - frame.map_points(ORIGIN)))


def _frame(axis: LongAxis, inferior: FloatArray) -> AffineTransform:
    base = axis.direction
    across = _across(inferior, axis)
    length = np.linalg.norm(across)
    # Along the axis there is no such direction; any across it will do.
    unit = across / length if length > 0 else np.linalg.svd(base[None])[2][1]
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([np.cross(unit, base), unit, base], axis=1)
    matrix[:3, 3] = axis.centre
    return AffineTransform(matrix)


def _across(direction: FloatArray, axis: LongAxis) -> FloatArray:
    return np.asarray(direction - axis.direction * (direction @ axis.direction))
