"""The three angles of a ventricle's pose, in the order of MS-ST-UNet: R = Ry Rx Rz.

The convention of Ni et al., 2023 (arXiv:2310.10095, Eq. 1); the rest of regkit speaks of Rz Ry Rx.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from regkit.geometry.grid import FloatArray, Vector3
from regkit.geometry.rotation import rotation_matrix


def rotation_matrix_yxz(euler_deg: ArrayLike) -> FloatArray:
    """Return the 3 x 3 matrix Ry Rx Rz of angles about y, x, z in degrees (MS-ST-UNet, Eq. 1)."""
    y, x, z = np.asarray(euler_deg, dtype=np.float64).tolist()
    about_y, about_x = rotation_matrix((0, y, 0)), rotation_matrix((x, 0, 0))
    return np.asarray(about_y @ about_x @ rotation_matrix((0, 0, z)))


def euler_angles_yxz(rotation: ArrayLike, near: ArrayLike = (0.0, 0.0, 0.0)) -> Vector3:
    """Return the angles about y, x, z in degrees of a rotation Ry Rx Rz.

    Two sets of angles make every rotation; the one nearer to `near` (three angles in the same
    order) is returned, and turns are added so that each is within 180 degrees of it. At gimbal
    lock (x at +-90 degrees) the angle about z is that of `near`.
    """
    r = np.asarray(rotation, dtype=np.float64)
    wanted = np.asarray(near, dtype=np.float64)
    flat = np.hypot(r[0, 2], r[2, 2])
    x = np.rad2deg(np.arctan2(-r[1, 2], flat))
    if flat < 1e-9:
        sign, z = np.sign(x), wanted[2]
        candidates = [np.array([sign * (z + np.rad2deg(np.arctan2(r[0, 1], r[0, 0]))), x, z])]
    else:
        y = np.rad2deg(np.arctan2(r[0, 2], r[2, 2]))
        z = np.rad2deg(np.arctan2(r[1, 0], r[1, 1]))
        candidates = [np.array([y, x, z]), np.array([y + 180, 180 - x, z + 180])]
    around = [wanted + (c - wanted + 180) % 360 - 180 for c in candidates]
    best = min(around, key=lambda angles: float(((angles - wanted) ** 2).sum()))
    about_y, about_x, about_z = best.tolist()
    return about_y, about_x, about_z
