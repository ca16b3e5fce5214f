"""Random misalignments between two scans, as exact fixed-to-moving maps in LPS mm."""

from __future__ import annotations

import numpy as np

from regkit.errors import ParameterError
from regkit.geometry.grid import Vector3
from regkit.geometry.rigid import rigid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import AffineTransform

LPS_ORIGIN: Vector3 = (0.0, 0.0, 0.0)

# Half-ranges of the motions of Chen et al., Med. Image Anal. 88 (2023) 102840.
DUSFE_VOXELS = (8.0, 8.0, 4.0)
DUSFE_DEGREES = (10.0, 10.0, 30.0)


# Half-ranges of the synthetic misalignment of CT and PET by Chen et al. (TransMorph, PET/CT).
AFFINE_DEGREES = 10.0
AFFINE_HALF_EXTENTS = 0.1
AFFINE_SCALE = 0.1
# Factor on these ranges that gives a mean Dice of 0.20 over the 40 organs of two whole-body scans,
# the published value before registration; the full ranges give 0.14 on the simulated patients.
AFFINE_AMOUNT = 0.75

# At three times the ranges the rotation reaches 90 degrees.
LARGEST_AMOUNT = 3.0


def check_amount(amount: float) -> None:
    """Raise a `ParameterError` if a factor on the ranges of a motion is not 0 to 3."""
    if not 0 <= amount <= LARGEST_AMOUNT:
        raise ParameterError(
            f"amount takes 0 to {LARGEST_AMOUNT:g}, a factor on the ranges of the motion, "
            f"got {amount:g}"
        )


def dusfe_motion(
    rng: np.random.Generator,
    voxel_mm: float = 6.8,
    centre_mm: Vector3 = LPS_ORIGIN,
    amount: float = 1.0,
    counterpart: bool = False,
) -> AffineTransform:
    """Draw a rigid motion of SPECT against CT as the DuSFE paper does.

    Uniform within +-8, +-8, +-4 voxels along x, y, z and +-10, +-10, +-30 degrees about them.

    Parameters
    ----------
    rng
        Source of randomness.
    voxel_mm
        Size of the voxels in which the ranges are given, mm.
    centre_mm
        Centre of the fixed volume in LPS mm; the rotation Rz Ry Rx is about it, the translation
        follows.
    amount
        Factor on all ranges.
    counterpart
        Whether to return the counterpart of the motion instead: each number is as far from the end
        of its range as that of the motion is from zero, with a random sign. It has the same
        distribution, and the mean size of the two together is constant.
    """
    relative = rng.uniform(-1, 1, (2, 3))
    if counterpart:
        relative = np.copysign(1 - np.abs(relative), rng.uniform(-1, 1, (2, 3)))
    translation = relative[0] * DUSFE_VOXELS * amount * voxel_mm
    return rigid(relative[1] * DUSFE_DEGREES * amount, translation, centre_mm)


def affine_motion(
    rng: np.random.Generator,
    extent_mm: Vector3 = (537.6, 537.6, 972.8),
    centre_mm: Vector3 = LPS_ORIGIN,
    amount: float = AFFINE_AMOUNT,
) -> AffineTransform:
    """Draw the affine misalignment of one whole-body scan (CT or PET).

    Uniform within `amount` times +-10 degrees about each axis, +-0.1 of the half-extent along it
    and scales of 1 +- 0.1; CT and PET are moved independently. Rotations are in physical space,
    whatever the shape of the volume.

    Parameters
    ----------
    rng
        Source of randomness.
    extent_mm
        Size of the field of view along x, y, z: `Grid.extent`.
    centre_mm
        Centre of the field of view in LPS mm, `Grid.centre`; the linear part (scales first, then
        Rz Ry Rx) is about it, the translation follows.
    amount
        Factor on all ranges; 1 gives those of the paper.
    """
    degrees = rng.uniform(-1, 1, 3) * AFFINE_DEGREES * amount
    translation = rng.uniform(-1, 1, 3) * AFFINE_HALF_EXTENTS * amount * np.divide(extent_mm, 2)
    scales = 1 + rng.uniform(-1, 1, 3) * AFFINE_SCALE * amount
    return AffineTransform.about(rotation_matrix(degrees) * scales, translation, centre_mm)
