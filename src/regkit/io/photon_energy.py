"""The energy of the photons that an emission image was made of, from its DICOM header."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regkit.io.attenuation_map import ANNIHILATION_KEV, TECHNETIUM_KEV, water_per_cm
from regkit.io.formats import is_dicom
from regkit.io.native_output import suppress_pydicom
from regkit.io.nuclides import HALF_LIVES_S, PHOTONS_KEV, named_nuclide

GIVEN = "as given"
EMISSIONS = ("NM", "PT")
TAGS = (
    "Modality",
    "RadiopharmaceuticalInformationSequence",
    "EnergyWindowInformationSequence",
)


@dataclass(frozen=True)
class PhotonEnergy:
    """An energy of photons, and what it was taken from.

    Parameters
    ----------
    kev
        Energy, keV.
    source
        Words that say what it is the energy of.
    """

    kev: float
    source: str

    def __str__(self) -> str:
        return f"{self.kev:g} keV, {self.source}"


def photon_energy(header: Any, window: tuple[float, float] | None = None) -> PhotonEnergy:
    """Return the energy of the photons of a tracer.

    Parameters
    ----------
    header
        Header of an image of PET or NM, or a stand-in for one.
    window
        Limits of the energy window of the photopeak, keV; None for the only one in the header.

    Returns
    -------
    PhotonEnergy
        That of the nuclide that the header names, for a nuclide of several photons the one in the
        window; else the middle of the window; else that of Tc-99m.
    """
    if header.get("Modality") == "PT":
        return PhotonEnergy(ANNIHILATION_KEV, "that of PET")
    nuclides = named_nuclides(header)
    low, high = window or _only_window(header) or (0.0, 0.0)
    for nuclide, kev in nuclides:
        if low <= kev <= high or high <= 0:
            return PhotonEnergy(kev, f"that of {nuclide}, which the header names")
    if low > 0:
        middle = round((low + high) / 2, 1)
        named = ", ".join(dict.fromkeys(nuclide for nuclide, _ in nuclides))
        but = f", which holds no photon of {named}" if named else ""
        return PhotonEnergy(middle, f"the middle of the energy window{but}")
    return PhotonEnergy(TECHNETIUM_KEV, "that of Tc-99m, since the header names no tracer")


def photon_energy_of_file(path: Path) -> PhotonEnergy | None:
    """Return the energy of the photons of an emission image in DICOM; None for other files.

    Of a folder, the first image of PET or NM counts.
    """
    files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
    headers = (_emission_header(file) for file in files)
    return next((photon_energy(header) for header in headers if header is not None), None)


def given_energy(kev: float) -> PhotonEnergy:
    """Return an energy (keV) that the user gave.

    Raises
    ------
    ParameterError
        No attenuation is known for it.
    """
    water_per_cm(kev)
    return PhotonEnergy(kev, GIVEN)


def tracer_energy(given_kev: float | None, emission: object) -> PhotonEnergy | None:
    """Return the energy that is given (keV), else that of an emission image's DICOM file.

    None stands for an image that is no path, or whose file is not DICOM.
    """
    if given_kev is not None:
        return given_energy(given_kev)
    if not isinstance(emission, str | os.PathLike):
        return None
    return photon_energy_of_file(Path(emission))


def named_nuclides(header: Any) -> list[tuple[str, float]]:
    """Return the nuclides that a header names, each with each of its photons' energies, keV."""
    found = []
    for item in header.get("RadiopharmaceuticalInformationSequence") or []:
        nuclide = named_nuclide(item, (*PHOTONS_KEV, *HALF_LIVES_S))
        photons = PHOTONS_KEV.get(nuclide, (ANNIHILATION_KEV,) if nuclide else ())
        found += [(nuclide, kev) for kev in photons]
    return found


def window_limits(item: Any) -> tuple[float, float]:
    """Return the limits of an item of the Energy Window Information Sequence, keV; 0 if unknown.

    Of a window of several ranges they are those of the first.
    """
    from regkit.io.dicom_values import optional_number  # noqa: PLC0415 - loads pydicom

    ranges = item.get("EnergyWindowRangeSequence") or [{}]
    low, high = (
        optional_number(ranges[0].get(f"EnergyWindow{end}Limit")) for end in ("Lower", "Upper")
    )
    return low, high


def _only_window(header: Any) -> tuple[float, float] | None:
    items = header.get("EnergyWindowInformationSequence") or []
    return window_limits(items[0]) if len(items) == 1 else None


def _emission_header(file: Path) -> Any:
    """Return what a file of PET or NM says of its photons, else None."""
    import pydicom  # noqa: PLC0415 - slow to import

    with suppress_pydicom():
        try:
            if not is_dicom(file):
                return None
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=list(TAGS))
        except Exception:
            return None
    return header if header.get("Modality") in EMISSIONS else None
