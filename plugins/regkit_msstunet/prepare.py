"""Images made ready for a network: intensities from 0 to 1, as smooth as its voxels ask for."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.resampling import resample
from regkit.geometry.volume import LabelMap, Volume

# What is brighter counts as this bright.
BRIGHTEST = 0.999
# Standard deviation of a Gaussian that stands for averaging over a voxel, in voxels.
BLUR = 0.4


def prepared(
    volume: Volume, spacing_mm: float, exponent: float, mask: LabelMap | None = None
) -> Volume:
    """Scale an image by its 99.9th percentile, cut it there, and smooth it for larger voxels.

    Parameters
    ----------
    volume
        Any grid; nothing below zero counts.
    spacing_mm
        Voxels of the network.
    exponent
        Applied to the intensities from 0 to 1: 1 as published, less to see weak organs.
    mask
        Outside it the image is zero, and does not count.

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
    scaled = np.minimum(array / top, 1) ** exponent
    return volume.with_array(_smoothed(scaled, volume, spacing_mm))


def centre_of_mass(ready: Volume) -> FloatArray:
    """Return the centre of mass of a prepared image, LPS mm."""
    index = np.indices(ready.array.shape, dtype=np.float32)
    centre = [float((axis * ready.array).sum() / ready.array.sum()) for axis in index]
    return ready.grid.to_physical(centre)


def _smoothed(array: FloatArray, volume: Volume, spacing_mm: float) -> FloatArray:
    own = np.asarray(volume.grid.spacing[::-1])
    deviation = BLUR * np.sqrt(np.maximum(spacing_mm**2 - own**2, 0)) / own
    return np.asarray(gaussian_filter(array, deviation, mode="nearest"))
