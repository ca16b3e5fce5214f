"""The images of a rendered patient, and conversion between attenuation and Hounsfield units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.geometry.volume import LabelMap, Volume
from regkit_nuclear.phantoms.thorax.organs import MU
from regkit_nuclear.phantoms.thorax.pose import HeartPose

# Attenuation of water at 140 keV, 1/cm. Above 0 HU the slope is lower: at the low energies of CT
# bone attenuates relatively more. Its end is bone of 1150 HU, chosen by hand.
_WATER_MU = 0.1537
_BONE_MU_PER_HU = (MU["bone"] - _WATER_MU) / 1150


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A patient on a grid.

    Parameters
    ----------
    mu
        Attenuation at 140 keV in 1/cm.
    activity
        Tracer concentration, healthy myocardium 1.
    organs
        Labels of `regkit_nuclear.phantoms.thorax.ORGANS`, 0 outside the body.
    lv
        Labels of the left ventricle: 1 myocardium (LV-MY), 2 blood pool (LV-BP).
    reorientation
        Pose of the left ventricle in these images.
    """

    mu: Volume
    activity: Volume
    organs: LabelMap
    lv: LabelMap
    reorientation: HeartPose

    @property
    def hu(self) -> Volume:
        """The attenuation map as a CT in Hounsfield units (two straight lines, as in SPECT/CT)."""
        return Volume(hounsfield(self.mu.array), self.mu.grid, "ct")


def hounsfield(mu: np.ndarray) -> np.ndarray:
    """Convert attenuation at 140 keV (1/cm) to Hounsfield units."""
    soft = (mu / _WATER_MU - 1) * 1000
    dense = (mu - _WATER_MU) / _BONE_MU_PER_HU
    return np.asarray(np.where(mu < _WATER_MU, soft, dense), dtype=np.float32)


def attenuation(hu: np.ndarray) -> np.ndarray:
    """Convert Hounsfield units to attenuation at 140 keV (1/cm): the inverse of `hounsfield`."""
    soft = (hu / 1000 + 1) * _WATER_MU
    dense = _WATER_MU + hu * _BONE_MU_PER_HU
    return np.asarray(np.maximum(np.where(hu < 0, soft, dense), 0), dtype=np.float32)
