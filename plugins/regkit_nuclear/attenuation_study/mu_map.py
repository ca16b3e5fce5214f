"""The attenuation map of a study, from a mu-map or a CT."""

from __future__ import annotations

import logging

from regkit.errors import GeometryError
from regkit.geometry.volume import Volume
from regkit.io.attenuation_map import AIR_HU, attenuation_map

logger = logging.getLogger(__name__)

# The coefficient of dense bone is 0.3/cm, that of lead 27/cm.
MAX_MU = 10.0


def mu_map_of(image: Volume) -> Volume:
    """Return an image as an attenuation map in 1/cm at 140 keV; a CT is converted from HU.

    Parameters
    ----------
    image
        Attenuation map in 1/cm, or CT in Hounsfield units.

    Raises
    ------
    GeometryError
        The intensities are neither.
    """
    low, high = float(image.array.min()), float(image.array.max())
    if image.modality in {"", "ct"} and low < AIR_HU:
        logger.info("the CT is converted from HU to attenuation at 140 keV")
        return attenuation_map(image)
    if image.modality in {"", "mu", "ct"} and low >= 0 and 0 < high <= MAX_MU:
        return Volume(image.array, image.grid, "mu")
    raise GeometryError(
        f"attenuation correction needs a µ-map in 1/cm or a CT in HU, got intensities of {low:g} "
        f"to {high:g} (modality '{image.modality or 'unknown'}')"
    )
