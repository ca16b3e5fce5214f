"""Turn CT numbers into linear attenuation coefficients for the photons of a tracer.

Two straight lines that meet at water: below 0 HU a voxel is taken for a mixture of air and water,
above it for one of water and cortical bone (Bai et al. 2003, doi:10.1109/TNS.2003.817281).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from regkit.arguments import checked
from regkit.errors import ParameterError
from regkit.geometry.grid import FloatArray
from regkit.geometry.volume import Volume

# Linear attenuation of water (1 g/cm^3) and of cortical bone (ICRU-44, 1.92 g/cm^3), 1/cm, at
# photon energies in keV: NIST, Tables of X-Ray Mass Attenuation Coefficients (Hubbell, Seltzer),
# doi:10.18434/T4D01F, table 4, liquid water and cortical bone, with coherent scatter. They are
# interpolated in logarithms, in which they are nearly straight.
ENERGIES_KEV = (60.0, 80.0, 100.0, 150.0, 200.0, 300.0, 400.0, 500.0, 600.0)
WATER_PER_CM = (0.2059, 0.1837, 0.1707, 0.1505, 0.1370, 0.1186, 0.1061, 0.09687, 0.08956)
BONE_PER_CM = tuple(
    1.92 * per_g
    for per_g in (0.3148, 0.2229, 0.1855, 0.1480, 0.1309, 0.1113, 0.09908, 0.09022, 0.08332)
)
# Photon energy at which a CT of 120 kVp would have its contrast of bone, keV. With it, the line
# above water at 511 keV rises by 5.11e-5/cm per HU, as Carney et al. measured at 120 kVp: 5.10e-5
# (2006, doi:10.1118/1.2174132). Their slopes at 80 to 140 kVp differ from that by up to 30 %.
CT_ENERGY_KEV = 74.0
# Photons of Tc-99m and of annihilation, keV.
TECHNETIUM_KEV, ANNIHILATION_KEV = 140.5, 511.0
# Every CT in HU has air or lung below this; chosen by hand.
AIR_HU = -500.0


@checked
def attenuation_map(ct: Volume, energy_kev: float = TECHNETIUM_KEV) -> Volume:
    """Convert a CT to an attenuation map for photons of one energy.

    The conversion is bilinear, for a CT of about 120 kVp: water becomes that of NIST, air 0. The
    energies of usual tracers are 140.5 keV for Tc-99m, 511 keV for PET, 159 keV for I-123 and
    about 71 keV for Tl-201.

    Parameters
    ----------
    ct
        CT in HU.
    energy_kev
        Photon energy of the tracer, 60 to 600 keV.

    Returns
    -------
    Volume
        Attenuation map of modality ``mu``, 1/cm, on the grid of the CT.

    Raises
    ------
    ParameterError
        The energy is out of range, or the image has no air or lung in HU.
    """
    lowest = ct.extremes[0]
    if lowest > AIR_HU:
        raise ParameterError(
            f"an attenuation map is made from a CT in HU, in which air is about -1000, and the "
            f"lowest value of this image is {lowest:g}; if it is an attenuation map already, give "
            "its modality, mu"
        )
    return replace(
        ct.with_array(attenuation_per_cm(ct.array, energy_kev), ct.grid),
        modality="mu",
        file_dtype="",
        modality_source="",
    )


def attenuation_per_cm(hu: NDArray[np.floating], energy_kev: float) -> NDArray[np.float32]:
    """Convert CT numbers in HU to 1/cm at a photon energy in keV; see `attenuation_map`."""
    water, bone = _at(WATER_PER_CM, energy_kev), _at(BONE_PER_CM, energy_kev)
    ct_water, ct_bone = _at(WATER_PER_CM, CT_ENERGY_KEV), _at(BONE_PER_CM, CT_ENERGY_KEV)
    below = water / 1000
    above = below * (ct_water / water) * (bone - water) / (ct_bone - ct_water)
    mu = np.maximum(water + np.where(hu < 0, below, above) * hu, 0)
    return np.asarray(mu, dtype=np.float32)


def water_per_cm(energy_kev: float) -> float:
    """Return the attenuation of water at a photon energy in keV, 1/cm."""
    return _at(WATER_PER_CM, energy_kev)


def _at(per_cm: tuple[float, ...], energy_kev: float) -> float:
    """Interpolate a table of attenuation, 1/cm."""
    if not ENERGIES_KEV[0] <= energy_kev <= ENERGIES_KEV[-1]:
        raise ParameterError(
            f"the energy of the photons must be {ENERGIES_KEV[0]:g} to {ENERGIES_KEV[-1]:g} keV, "
            f"got {energy_kev:g}; it is 140.5 for Tc-99m and 511 for PET"
        )
    table: tuple[FloatArray, FloatArray] = (np.log(ENERGIES_KEV), np.log(per_cm))
    return float(np.exp(np.interp(np.log(energy_kev), *table)))
