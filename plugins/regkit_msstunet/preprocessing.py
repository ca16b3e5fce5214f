"""Preprocessing of emission images: intensities from 0 to 1, smoothed for the network's voxels."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.resampling import resample
from regkit.geometry.volume import LabelMap, Volume
from regkit.learning.preprocessing import ANTIALIAS_SIGMA

# Quantile of the intensities that becomes 1; chosen by hand.
BRIGHTEST = 0.999


def preprocess_emission(
    volume: Volume, spacing_mm: float, gamma: float, mask: LabelMap | None = None
) -> Volume:
    """Scale an image by its 99.9th percentile, clip it there, and smooth it for larger voxels.

    Parameters
    ----------
    volume
        Image on any grid; negative intensities count as zero.
    spacing_mm
        Voxel size of the network in mm.
    gamma
        Exponent on the intensities from 0 to 1: 1 as published, less to see weak organs.
    mask
        Mask outside which the image is zero and does not count.

    Returns
    -------
    Volume
        Intensities within 0 and 1, on the image's own grid.

    Raises
    ------
    RegistrationError
        Nothing in the image is above zero.
    """
    array = np.maximum(volume.array, 0).astype(np.float64)
    if mask is not None:
        array *= resample(mask, volume.grid).array != 0
    top = float(np.quantile(array, BRIGHTEST)) or float(array.max())
    if top <= 0:
        raise RegistrationError("the image shows nothing: no voxel is above zero")
    scaled = np.minimum(array / top, 1) ** gamma
    return volume.with_array(_smoothed(scaled, volume, spacing_mm))


def _smoothed(array: FloatArray, volume: Volume, spacing_mm: float) -> FloatArray:
    own = np.asarray(volume.grid.spacing[::-1])
    deviation = ANTIALIAS_SIGMA * np.sqrt(np.maximum(spacing_mm**2 - own**2, 0)) / own
    return np.asarray(gaussian_filter(array, deviation, mode="nearest"))
