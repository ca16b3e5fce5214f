"""Intensities as similarity measures like them: spread over the tissues, without outliers."""

from __future__ import annotations

import numpy as np

from regkit.errors import RegistrationError
from regkit.sample import draw
from regkit.volume import LabelMap, Volume

# Air to dense bone; what is brighter is metal, contrast agent or the cortex of bones.
CT_WINDOW_HU = (-1000.0, 300.0)
OUTLIERS = 0.001
ROUNDING = 1e-6


def prepare(volume: Volume, mask: LabelMap | None = None) -> Volume:
    """Return a volume with its intensities made ready for measures of similarity.

    CT is clipped to a window of soft tissue. Emission images and attenuation maps have no
    negative values; the square root evens out the noise of counts and keeps hot organs from
    outweighing the rest. All but CT is clipped to its 0.1 and 99.9 percentiles in the mask.

    Parameters
    ----------
    volume
        Any modality; an unknown one is only clipped to its percentiles.
    mask
        Where percentiles are taken, on any grid; everywhere if None.

    Raises
    ------
    RegistrationError
        Nothing is left to compare: the prepared image is constant (in the mask).
    """
    array = volume.array
    if volume.modality in ("spect", "pet"):
        array = np.sqrt(np.maximum(array, 0))
    elif volume.modality == "mu":
        array = np.maximum(array, 0)
    values = draw(volume.with_array(array), mask).values
    if values.size == 0:
        raise RegistrationError("the mask marks almost nothing of the image; draw a larger one")
    if volume.modality == "ct":
        low, high = CT_WINDOW_HU
    else:
        low, high = np.quantile(values, (OUTLIERS, 1 - OUTLIERS)).tolist()
    if np.ptp(np.clip(values, low, high)) <= ROUNDING * max(abs(low), abs(high)):
        low, high = float(values.min()), float(values.max())
    if high - low <= ROUNDING * max(abs(low), abs(high)):
        where = "" if mask is None else " in its mask"
        raise RegistrationError(f"an image is constant{where}: there is nothing to align")
    return volume.with_array(np.clip(array, low, high))
