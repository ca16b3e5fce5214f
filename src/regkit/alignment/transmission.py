"""The transmission image as an attenuation map: from a CT in HU, or in whatever unit it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from regkit.errors import ParameterError
from regkit.geometry.volume import Volume
from regkit.io.attenuation_map import ANNIHILATION_KEV, TECHNETIUM_KEV, attenuation_map

# Attenuation of soft tissue from 511 to 70 keV, 1/cm, with a margin (NIST XCOM).
TISSUE_PER_CM = (0.07, 0.22)
# The tissue of an image is what has more than this fraction of its brightest hundredth: lung has
# less, next to bone as next to soft tissue. Chosen by hand.
TISSUE_FRACTION = 0.4
# Powers of ten by which files scale 1/cm: whole numbers up to 100,000 times, 1/mm a tenth.
POWERS = range(-5, 2)


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
    notes
        Assumptions about it, as sentences.
    """

    image: Volume
    mu: Volume
    tissue_per_cm: float
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the image for the user."""
        return "CT" if self.image.modality == "ct" else "attenuation map"


def as_transmission(
    image: Volume, emission_modality: str = "", energy_kev: float | None = None
) -> Transmission:
    """Return a transmission image with its attenuation map.

    Parameters
    ----------
    image
        CT in HU (modality ``ct``), or attenuation map (``mu``) in 1/cm or a power of ten of it.
    emission_modality
        Modality of the emission image, which tells the energy where none is given.
    energy_kev
        Photon energy of the tracer; None for 511 keV with PET, else that of Tc-99m. Of use for a
        CT only.

    Raises
    ------
    ParameterError
        The image is neither, or shows no soft tissue.
    """
    if image.modality == "ct":
        usual = ANNIHILATION_KEV if emission_modality == "pet" else TECHNETIUM_KEV
        energy = energy_kev or usual
        mu = attenuation_map(image, energy)
        note = (
            f"the CT was converted to attenuation at {energy:g} keV" if energy_kev is None else ""
        )
        return Transmission(image, mu, tissue_level(mu), (note,) if note else ())
    if image.modality == "mu":
        return _scaled(image)
    raise ParameterError(
        f"the transmission image must be a CT in HU or an attenuation map, got "
        f"{image.modality.upper() or 'an image of unknown modality'}; if it is one, give "
        "--transmission-modality ct or mu"
    )


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
    return Transmission(image, mu, level * factor, (note,))
