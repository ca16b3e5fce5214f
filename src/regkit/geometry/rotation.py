"""Rotations of 3-D space as matrices, Euler angles, an angle and an axis.

Euler angles are about x, y and z: R = Rz Ry Rx.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from regkit.geometry.grid import FloatArray, Vector3

# Cosine of the angle about y below which the other two angles are only rounding errors.
GIMBAL_LOCK = 1e-9
# The matrices [e]x of the axes x, y and z, each in a row: [e]x v is the cross product of e and v.
TURNS = np.array(
    (
        (0.0, 0.0, 0.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0),
        (0.0, 0.0, 1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0),
        (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    )
)
NONE_RAD = 1e-150  # in place of zero, whose sine has no ratio


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
    if np.hypot(r[0, 0], r[1, 0]) < GIMBAL_LOCK:
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


def quaternion_of(rotation: ArrayLike) -> FloatArray:
    """Return the unit quaternion (w, x, y, z) of a rotation, w not negative."""
    half_angle = np.deg2rad(rotation_angle(rotation) / 2)
    vector = np.sin(half_angle) * np.array(rotation_axis(rotation))
    return np.array([np.cos(half_angle), *vector])


def rotation_of(quaternion: ArrayLike) -> FloatArray:
    """Return the 3 x 3 rotation of a quaternion (w, x, y, z), which is normalized."""
    w, x, y, z = np.asarray(quaternion, dtype=np.float64) / np.linalg.norm(quaternion)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + 2 * (w * cross + cross @ cross))


def rotations(vectors: FloatArray) -> FloatArray:
    """Return the rotations (B, 3, 3) about vectors (B, 3) by their lengths in radians.

    Rodrigues' formula.
    """
    half = 0.5 * np.maximum(np.sqrt((vectors**2).sum(axis=1)), NONE_RAD)[:, None, None]
    turn = (vectors @ TURNS).reshape(-1, 3, 3)
    ratio = np.sin(half) / half
    return np.asarray(np.eye(3) + ratio * np.cos(half) * turn + 0.5 * ratio**2 * (turn @ turn))
