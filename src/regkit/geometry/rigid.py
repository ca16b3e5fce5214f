"""Rigid motions as three Euler angles and a translation about a centre.

R = Rz Ry Rx, then the translation: a point x maps to R (x - centre) + centre + translation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from regkit.geometry.grid import FloatArray, Vector3
from regkit.geometry.transform import AffineTransform


@dataclass(frozen=True)
class RigidParameters:
    """The rigid part of an affine map, as numbers for people: degrees, mm, about `centre_mm`."""

    euler_deg: Vector3
    translation_mm: Vector3
    centre_mm: Vector3
    rotation_deg: float
    axis: Vector3


def rotation_matrix(euler_deg: ArrayLike) -> FloatArray:
    """Return the 3 x 3 matrix Rz Ry Rx of angles about x, y, z in degrees."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(np.deg2rad(euler_deg)), np.sin(np.deg2rad(euler_deg))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return np.asarray(about_z @ about_y @ about_x)


def euler_angles(rotation: ArrayLike) -> Vector3:
    """Return the angles about x, y, z in degrees of a rotation Rz Ry Rx.

    At gimbal lock (y at +-90 degrees) the angle about x is set to zero.
    """
    r = np.asarray(rotation, dtype=np.float64)
    y = np.arctan2(-r[2, 0], np.hypot(r[0, 0], r[1, 0]))
    if np.hypot(r[0, 0], r[1, 0]) < 1e-9:
        x, z = 0.0, np.arctan2(-r[0, 1], r[1, 1])
    else:
        x, z = np.arctan2(r[2, 1], r[2, 2]), np.arctan2(r[1, 0], r[0, 0])
    return float(np.rad2deg(x)), float(np.rad2deg(y)), float(np.rad2deg(z))


def nearest_rotation(linear: ArrayLike) -> FloatArray:
    """Return the rotation closest to a 3 x 3 matrix (polar decomposition, determinant +1)."""
    u, _, vt = np.linalg.svd(np.asarray(linear, dtype=np.float64))
    sign = np.sign(np.linalg.det(u @ vt))
    return np.asarray(u @ np.diag([1.0, 1.0, sign]) @ vt)


def rotation_angle(rotation: ArrayLike) -> float:
    """Return the geodesic angle of a 3 x 3 rotation in degrees, 0 to 180; exact for small ones."""
    r = np.asarray(rotation, dtype=np.float64)
    sine = np.linalg.norm([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]]) / 2
    return float(np.rad2deg(np.arctan2(sine, (np.trace(r) - 1) / 2)))


def rotation_axis(rotation: ArrayLike) -> Vector3:
    """Return the unit axis of a 3 x 3 rotation; (0, 0, 1) when there is no rotation."""
    r = np.asarray(rotation, dtype=np.float64)
    # The quaternion is the eigenvector of this matrix, well conditioned at 0 and 180 degrees.
    (a, b, c), (d, e, f), (g, h, i) = r
    k = np.array(
        [
            [a - e - i, b + d, c + g, h - f],
            [b + d, e - a - i, f + h, c - g],
            [c + g, f + h, i - a - e, d - b],
            [h - f, c - g, d - b, a + e + i],
        ]
    )
    quaternion = np.linalg.eigh(k)[1][:, -1]
    vector = quaternion[:3] * (1.0 if quaternion[3] >= 0 else -1.0)
    length = np.linalg.norm(vector)
    if length < 1e-12:
        return 0.0, 0.0, 1.0
    x, y, z = (vector / length).tolist()
    return x, y, z


def rigid(
    euler_deg: ArrayLike = (0.0, 0.0, 0.0),
    translation_mm: ArrayLike = (0.0, 0.0, 0.0),
    centre_mm: ArrayLike = (0.0, 0.0, 0.0),
) -> AffineTransform:
    """Build a rigid transform from angles in degrees and a translation in mm about a centre."""
    return AffineTransform.about(rotation_matrix(euler_deg), translation_mm, centre_mm)


def rigid_parameters(transform: AffineTransform, centre_mm: Vector3) -> RigidParameters:
    """Describe an affine transform by its nearest rotation and its shift of the centre."""
    rotation = nearest_rotation(transform.matrix[:3, :3])
    x, y, z = (transform.map_points(centre_mm) - np.asarray(centre_mm)).tolist()
    return RigidParameters(
        euler_deg=euler_angles(rotation),
        translation_mm=(x, y, z),
        centre_mm=centre_mm,
        rotation_deg=rotation_angle(rotation),
        axis=rotation_axis(rotation),
    )
