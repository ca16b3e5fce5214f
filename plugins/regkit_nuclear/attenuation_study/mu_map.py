"""The attenuation map of a study, from a mu-map or a CT."""

from __future__ import annotations

from dataclasses import replace

from regkit.alignment.transmission import Transmission, as_transmission
from regkit.errors import GeometryError
from regkit.geometry.volume import Volume
from regkit.io.attenuation_map import AIR_HU
from regkit.io.photon_energy import PhotonEnergy


def mu_map_of(image: Volume, energy: PhotonEnergy | None = None) -> Transmission:
    """Return an image with its attenuation map in 1/cm; a CT is converted from HU.

    Parameters
    ----------
    image
        Attenuation map in 1/cm or a power of ten of it, or CT in Hounsfield units. One of unknown
        modality is a CT if it has air in HU.
    energy
        Energy of the tracer's photons; None for that of Tc-99m.

    Raises
    ------
    GeometryError
        The image is of another modality.
    ParameterError
        The intensities are neither.
    """
    low, high = image.extremes
    if image.modality in {"", "ct"} and low < AIR_HU:
        return as_transmission(replace(image, modality="ct"), "spect", energy)
    if image.modality in {"", "mu", "ct"} and low >= 0:
        return as_transmission(replace(image, modality="mu"), "spect", energy)
    raise GeometryError(
        f"attenuation correction needs a µ-map in 1/cm or a CT in HU, got intensities of {low:g} "
        f"to {high:g} (modality '{image.modality or 'unknown'}')"
    )
