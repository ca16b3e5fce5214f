"""Breathing: motion with the diaphragm, and the blur of a scan over many breaths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.ndimage import gaussian_filter1d

from regkit.errors import GeometryError
from regkit.geometry.grid import Vector3
from regkit.geometry.volume import Volume
from regkit_nuclear.painting.random_streams import RandomStream, generator, truncated_normal

HEART_FOLLOWS: Final = 0.75  # fraction of the diaphragm's motion; chosen by hand
_BOX_DEVIATION: Final = 0.29  # standard deviation of a uniform distribution of width 1


@dataclass(frozen=True)
class Breathing:
    """The motion of the diaphragm.

    Parameters
    ----------
    amplitude_mm
        Range of the motion, mm.
    ct_phase_mm
        Position during the CT, mm below the mean position (breathing in), which SPECT shows.
    """

    amplitude_mm: float
    ct_phase_mm: float

    def blur(self, activity: Volume) -> Volume:
        """Return the activity of a scan over many breaths, blurred along z.

        Raises
        ------
        GeometryError
            The grid has no axis along z.
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
    """Return the shift of the heart (LPS mm) when the diaphragm moves down by `diaphragm_mm`."""
    return 0.0, 0.0, -HEART_FOLLOWS * diaphragm_mm


def draw_breathing(seed: int) -> Breathing:
    """Draw a patient's breathing."""
    rng = generator(seed, RandomStream.BREATHING)
    return Breathing(truncated_normal(rng, 10, 4, 3, 20), truncated_normal(rng, 0, 9, -22, 22))
