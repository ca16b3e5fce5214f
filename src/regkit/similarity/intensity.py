"""Intensity normalization for similarity measures, by modality."""

from __future__ import annotations

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.volume import LabelMap, Volume
from regkit.similarity.point_sample import sample_points

# Air to spongy bone; brighter are metal, contrast agent and cortical bone. Chosen by hand.
CT_WINDOW_HU = (-1000.0, 300.0)
# Fraction of the intensities clipped at either end; chosen by hand.
OUTLIERS = 0.001
ROUNDING = 1e-6  # of float32, which volumes hold
# The modalities that count photons: the standard deviation grows with the root of the counts.
EMISSION = ("spect", "pet")


def normalize_for_similarity(volume: Volume, mask: LabelMap | None = None) -> Volume:
    """Normalize the intensities of a volume for similarity measures.

    CT is clipped to a window of soft tissue. Emission images and attenuation maps have no
    negative values; the square root evens out the noise of counts and keeps hot organs from
    outweighing the rest. All but CT is clipped to its 0.1 and 99.9 percentiles in the mask.

    Parameters
    ----------
    volume
        Image of any modality; an unknown one is only clipped to its percentiles.
    mask
        Region of the percentiles, on any grid; None means everywhere.

    Raises
    ------
    RegistrationError
        The normalized image is constant (in the mask).
    """
    array = stabilize_variance(volume.array, volume.modality)
    values = sample_points(volume.with_array(array), mask).values
    low, high = intensity_window(values, volume.modality, masked=mask is not None)
    return volume.with_array(np.clip(array, low, high))


def stabilize_variance(values: FloatArray, modality: str) -> FloatArray:
    """Return intensities with a noise that depends little on their level, of the same shape.

    The square root does so for counts (Anscombe 1948, doi:10.1093/biomet/35.3-4.246).
    """
    if modality in EMISSION:
        return np.asarray(np.sqrt(np.maximum(values, 0)))
    return np.maximum(values, 0) if modality == "mu" else values


def intensity_window(
    values: FloatArray, modality: str, masked: bool = False
) -> tuple[float, float]:
    """Return the intensity window (low, high) of values from `stabilize_variance`.

    Parameters
    ----------
    values
        Sample of the intensities, any shape.
    modality
        One of those of `Volume`.
    masked
        True for a sample from a mask; an error then names the mask.

    Raises
    ------
    RegistrationError
        The sample is empty or constant.
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
