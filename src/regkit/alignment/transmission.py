"""The transmission image as an attenuation map: from a CT in HU, or in whatever unit it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from regkit.errors import ParameterError
from regkit.geometry.volume import Volume
from regkit.io.attenuation_map import (
    ANNIHILATION_KEV,
    ENERGIES_KEV,
    TECHNETIUM_KEV,
    attenuation_map,
    water_per_cm,
)
from regkit.io.photon_energy import PhotonEnergy

# Attenuation of soft tissue from 511 to 70 keV, 1/cm, with a margin (NIST XCOM).
TISSUE_PER_CM = (0.07, 0.22)
# The tissue of an image is what has more than this fraction of its brightest hundredth: lung has
# less, next to bone as next to soft tissue. Chosen by hand.
TISSUE_FRACTION = 0.4
# Powers of ten by which files scale 1/cm: whole numbers up to 100,000 times, 1/mm a tenth.
POWERS = range(-5, 2)
# Soft tissue that differs by more than this from water at the energy of the tracer tells that a
# map was made for another one: at 71, 140.5 and 511 keV water has 0.19, 0.15 and 0.10/cm, and
# muscle and fat are within 10 % of water. Chosen by hand.
OTHER_TRACER = 0.15


@dataclass(frozen=True, eq=False)
class Transmission:
    """A transmission image, and the attenuation map that it stands for.

    Parameters
    ----------
    image
        The image as it was given: CT in HU or attenuation map.
    mu
        Attenuation map, 1/cm.
    tissue_per_cm
        Attenuation of its soft tissue, 1/cm.
    energy
        Energy of the photons that a CT was converted to; None for an attenuation map.
    notes
        Assumptions about it, as sentences.
    """

    image: Volume
    mu: Volume
    tissue_per_cm: float
    energy: PhotonEnergy | None = None
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the image for the user."""
        return "CT" if self.image.modality == "ct" else "attenuation map"


def as_transmission(
    image: Volume, emission_modality: str = "", energy: PhotonEnergy | None = None
) -> Transmission:
    """Return a transmission image with its attenuation map.

    Parameters
    ----------
    image
        CT in HU (modality ``ct``), or attenuation map (``mu``) in 1/cm or a power of ten of it.
    emission_modality
        Modality of the emission image, which tells the energy where none is given.
    energy
        Energy of the tracer's photons; None for 511 keV with PET, else that of Tc-99m. A CT is
        converted to it, an attenuation map compared with it.

    Raises
    ------
    ParameterError
        The image is neither, or shows no soft tissue.
    """
    if image.modality == "ct":
        energy = energy or usual_energy(emission_modality)
        mu = attenuation_map(image, energy.kev)
        note = f"the CT was converted to attenuation at {energy}"
        return Transmission(image, mu, tissue_level(mu), energy, (note,))
    if image.modality == "mu":
        return _compared(_scaled(image), energy)
    raise ParameterError(
        f"the transmission image must be a CT in HU or an attenuation map, got "
        f"{image.modality.upper() or 'an image of unknown modality'}; if it is one, give "
        "--transmission-modality ct or mu"
    )


def usual_energy(emission_modality: str) -> PhotonEnergy:
    """Return the energy of the photons of an emission image of which no more is known."""
    if emission_modality == "pet":
        return PhotonEnergy(ANNIHILATION_KEV, "that of PET")
    return PhotonEnergy(TECHNETIUM_KEV, "that of Tc-99m, the usual tracer")


def _compared(found: Transmission, energy: PhotonEnergy | None) -> Transmission:
    """Return an attenuation map with a note if it is one for photons of another energy."""
    if energy is None or not ENERGIES_KEV[0] <= energy.kev <= ENERGIES_KEV[-1]:
        return found
    expected = water_per_cm(energy.kev)
    if abs(found.tissue_per_cm / expected - 1) <= OTHER_TRACER:
        return found
    note = (
        f"soft tissue has {found.tissue_per_cm:.3f}/cm in the attenuation map, and water "
        f"{expected:.3f}/cm at {energy}: is the map made for another tracer?"
    )
    return replace(found, notes=(*found.notes, note))


def tissue_level(mu: Volume) -> float:
    """Return the median value of the soft tissue of an attenuation map, in its own unit."""
    values = mu.array[np.isfinite(mu.array) & (mu.array > 0)]
    if values.size == 0:
        raise ParameterError("the transmission image has no value above 0: nothing attenuates")
    # Voxels of air may be above 0 by noise: those of the body are chosen by the brightest.
    body = values[values > TISSUE_FRACTION * np.quantile(values, 0.99)]
    return float(np.median(body))


def _scaled(image: Volume) -> Transmission:
    """Return an attenuation map in 1/cm, whatever power of ten its file has."""
    level = tissue_level(image)
    low, high = TISSUE_PER_CM
    fitting = [10.0**power for power in POWERS if low <= level * 10.0**power <= high]
    if low <= level <= high:
        return Transmission(image, image, level)
    if not fitting:
        raise ParameterError(
            f"the values of soft tissue in the attenuation map are about {level:.4g}, and no "
            "power of ten makes 1/cm of that (0.15/cm at 140 keV, 0.10/cm at 511 keV); if it is a "
            "CT in HU, give --transmission-modality ct"
        )
    factor = fitting[0]
    mu = replace(image.with_array(image.array * np.float32(factor), image.grid), modality="mu")
    unit = "1/mm" if factor == 10.0 else f"1/cm times {1 / factor:g}"
    note = (
        f"soft tissue has about {level:.4g} in the attenuation map, which is taken for values in "
        f"units of {unit}"
    )
    return Transmission(image, mu, level * factor, notes=(note,))
