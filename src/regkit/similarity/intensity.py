"""Intensities as similarity measures like them: spread over the tissues, without outliers."""

from __future__ import annotations

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.volume import LabelMap, Volume
from regkit.similarity.point_sample import sample_points

# Air to dense bone; what is brighter is metal, contrast agent or the cortex of bones.
CT_WINDOW_HU = (-1000.0, 300.0)
OUTLIERS = 0.001
ROUNDING = 1e-6
# Counts, whose noise grows with their root.
EMISSION = ("spect", "pet")


def normalize_for_similarity(volume: Volume, mask: LabelMap | None = None) -> Volume:
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
    array = stabilize_variance(volume.array, volume.modality)
    values = sample_points(volume.with_array(array), mask).values
    low, high = intensity_window(values, volume.modality, masked=mask is not None)
    return volume.with_array(np.clip(array, low, high))


def stabilize_variance(values: FloatArray, modality: str) -> FloatArray:
    """Return intensities (any shape) as far apart as their tissues are, before any clipping."""
    if modality in EMISSION:
        return np.asarray(np.sqrt(np.maximum(values, 0)))
    return np.maximum(values, 0) if modality == "mu" else values


def intensity_window(
    values: FloatArray, modality: str, masked: bool = False
) -> tuple[float, float]:
    """Return the window of interest of intensities made by `stabilize_variance`.

    Parameters
    ----------
    values
        A sample of them.
    modality
        As of `Volume`.
    masked
        Whether the sample comes from a mask, for the words of an error.

    Raises
    ------
    RegistrationError
        There are none, or all are the same.
    """
    if values.size == 0:
        raise RegistrationError("the mask marks almost nothing of the image; draw a larger one")
    if modality == "ct":
        low, high = CT_WINDOW_HU
    else:
        low, high = np.quantile(values, (OUTLIERS, 1 - OUTLIERS)).tolist()
    if np.ptp(np.clip(values, low, high)) <= ROUNDING * max(abs(low), abs(high)):
        low, high = float(values.min()), float(values.max())
    if high - low <= ROUNDING * max(abs(low), abs(high)):
        where = " in its mask" if masked else ""
        raise RegistrationError(f"an image is constant{where}: there is nothing to align")
    return low, high
