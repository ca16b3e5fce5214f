"""Breathing: what moves with the diaphragm, and how a slow scan blurs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from regkit.errors import GeometryError
from regkit.geometry.grid import Vector3
from regkit.geometry.volume import Volume
from regkit_nuclear.painting.random_streams import RandomStream, generator, truncated_normal

HEART_FOLLOWS: Final = 0.75  # share of the diaphragm's motion
_BOX_DEVIATION: Final = 0.29  # standard deviation of a uniform distribution of width 1


@dataclass(frozen=True)
class Breathing:
    """Motion of the diaphragm in mm: its amplitude, and where it was during the CT.

    `ct_phase_mm` is counted downwards (breathing in) from the mean position, which SPECT shows.
    """

    amplitude_mm: float
    ct_phase_mm: float

    def blur(self, activity: Volume) -> Volume:
        """Return the activity as a scan over many breaths sees it, blurred along z.

        Raises
        ------
        GeometryError
            No axis of the grid runs along z.
        """
        direction = np.abs(np.reshape(activity.grid.direction, (3, 3))[2])
        axis_xyz = int(direction.argmax())
        if direction[axis_xyz] < 1 - 1e-6:
            raise GeometryError(
                "blurring by breathing needs an image with an axis along z, got an oblique one; "
                "render it on a straight grid"
            )
        deviation = _BOX_DEVIATION * HEART_FOLLOWS * self.amplitude_mm
        voxels = deviation / activity.grid.spacing[axis_xyz]
        blurred = gaussian_filter1d(activity.array, voxels, axis=2 - axis_xyz, mode="nearest")
        return activity.with_array(blurred)


def heart_shift(diaphragm_mm: float) -> Vector3:
    """Return how far the heart moves (LPS mm) when the diaphragm goes down by so many mm."""
    return 0.0, 0.0, -HEART_FOLLOWS * diaphragm_mm


def draw_breathing(seed: int) -> Breathing:
    """Draw a patient's breathing."""
    rng = generator(seed, RandomStream.BREATHING)
    return Breathing(truncated_normal(rng, 10, 4, 3, 20), truncated_normal(rng, 0, 9, -22, 22))
