"""Rigid motions as three Euler angles and a translation about a centre.

R = Rz Ry Rx, then the translation: a point x maps to R (x - centre) + centre + translation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from regkit.arguments import checked
from regkit.geometry.grid import Vector3, finite_numbers
from regkit.geometry.rotation import (
    euler_angles,
    nearest_rotation,
    rotation_angle,
    rotation_axis,
    rotation_matrix,
)
from regkit.geometry.transform import AffineTransform


@dataclass(frozen=True)
class RigidParameters:
    """The rigid part of an affine map: angles in degrees, shift of the centre in mm."""

    euler_deg: Vector3
    translation_mm: Vector3
    centre_mm: Vector3
    rotation_deg: float
    axis: Vector3


@checked
def rigid(
    euler_deg: ArrayLike = (0.0, 0.0, 0.0),
    translation_mm: ArrayLike = (0.0, 0.0, 0.0),
    centre_mm: ArrayLike = (0.0, 0.0, 0.0),
) -> AffineTransform:
    """Build a rigid transform from angles in degrees and a translation in mm about a centre."""
    angles = finite_numbers(euler_deg, 3, "euler_deg")
    shift = finite_numbers(translation_mm, 3, "translation_mm")
    centre = finite_numbers(centre_mm, 3, "centre_mm")
    return AffineTransform.about(rotation_matrix(angles), shift, centre)


def rigid_parameters(transform: AffineTransform, centre_mm: Vector3) -> RigidParameters:
    """Return the nearest rotation of an affine transform and its shift of a centre."""
    rotation = nearest_rotation(transform.matrix[:3, :3])
    x, y, z = (transform.map_points(centre_mm) - np.asarray(centre_mm)).tolist()
    return RigidParameters(
        euler_deg=euler_angles(rotation),
        translation_mm=(x, y, z),
        centre_mm=centre_mm,
        rotation_deg=rotation_angle(rotation),
        axis=rotation_axis(rotation),
    )
