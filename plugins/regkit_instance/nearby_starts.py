"""Starts of a refinement: the initial transform, and a few motions around it."""

from __future__ import annotations

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.rotation import rotations
from regkit_instance.motion import affine_maps

# Rotation about an axis, and shift along one, of a start away from the initial transform: about
# what a search over all rotations, or a person, leaves. Chosen by hand.
TURN_DEG, SHIFT_MM = 10.0, 15.0


def nearby_starts(count: int) -> FloatArray:
    """Return start maps (count, 3, 4), the initial transform (no motion) first.

    Parameters
    ----------
    count
        1 for the initial transform alone; 13 for it, a rotation about each axis in both
        directions, and a shift along each in both directions.
    """
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    still, unturned = np.zeros((6, 3)), np.tile(np.eye(3), (6, 1, 1))
    turned = affine_maps(rotations(np.deg2rad(TURN_DEG) * axes), still)
    shifted = affine_maps(unturned, SHIFT_MM * axes)
    return np.concatenate([np.eye(3, 4)[None], turned, shifted])[:count]
