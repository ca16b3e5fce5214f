"""Energy windows of an NM image: the photopeak, and the scatter in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from regkit.errors import FileFormatError
from regkit.geometry.grid import Vector3
from regkit.io.attenuation_map import TECHNETIUM_KEV
from regkit.io.photon_energy import named_nuclides, window_limits
from regkit_nuclear.spect.geometry import FWHM_PER_SIGMA

# The tracer of a header that names none.
USUAL_TRACER = (("Tc-99m", TECHNETIUM_KEV),)
# Largest gap between the photopeak and a window beside it, keV; chosen by hand.
MAX_GAP_KEV = 6.0
# Windows beside the photopeak hold few counts: their estimate is smoothed; FWHM chosen by hand.
SMOOTHING_FWHM_MM = 15.0


@dataclass(frozen=True)
class EnergyWindow:
    """One energy window: its number from 1, and its limits in keV."""

    number: int
    low_kev: float
    high_kev: float

    @property
    def width_kev(self) -> float:
        """Width of the window, keV."""
        return self.high_kev - self.low_kev

    def __str__(self) -> str:
        return f"{self.number}: {self.low_kev:g} to {self.high_kev:g} keV"


def choose_windows(header: Any, number: int) -> tuple[EnergyWindow, list[EnergyWindow]]:
    """Return the window of the photopeak, and those that adjoin it.

    Parameters
    ----------
    header
        Header of an NM image.
    number
        Number of the window of the photopeak from 1; 0 for the only one, or the only one that
        holds the usual photon of a nuclide that the header names (of Tc-99m where it names none).

    Raises
    ------
    FileFormatError
        There is no such window, or several.
    """
    windows = _windows(header)
    asked = f"no window {number}"
    if number:
        found = [window for window in windows if window.number == number]
    elif len(windows) == 1:
        found = windows
    else:
        photons = _usual_photons(header)
        found = [w for w in windows if any(w.low_kev <= e <= w.high_kev for e in photons)]
        asked = f"{len(found)} windows that hold {' or '.join(f'{e:g}' for e in photons)} keV"
    if len(found) != 1:
        listed = "; ".join(map(str, windows))
        raise FileFormatError(f"has {asked}; choose the photopeak with --peak NUMBER ({listed})")
    peak = found[0]
    beside = [w for w in windows if w is not peak and w.width_kev > 0 and _adjoins(w, peak)]
    return peak, beside


def scatter_counts(
    peak: EnergyWindow,
    beside: Sequence[tuple[EnergyWindow, NDArray[np.float32]]],
    shape: tuple[int, ...],
    spacing: Vector3,
) -> tuple[NDArray[np.float32], str]:
    """Estimate the scatter in the photopeak from the windows beside it.

    Triple-energy-window method (Ogawa et al. 1991, doi:10.1109/42.97591): the scatter is a
    trapezoid between the count rates per keV at both edges; where there is no upper window, 0.

    Returns
    -------
    tuple
        Scatter (views, z, bins), and a sentence that says how it was estimated.
    """
    if not any(window.high_kev <= peak.low_kev + MAX_GAP_KEV for window, _ in beside):
        return np.zeros(shape, np.float32), (
            "scatter is not corrected: no energy window adjoins the photopeak from below"
        )
    per_kev = np.sum([counts / window.width_kev for window, counts in beside], axis=0)
    sigma_mm = SMOOTHING_FWHM_MM / FWHM_PER_SIGMA
    sigmas = (0.0, sigma_mm / spacing[2], sigma_mm / spacing[0])
    scatter = gaussian_filter(per_kev * peak.width_kev / 2, sigmas, mode="nearest")
    names = " and ".join(f"{w.low_kev:g} to {w.high_kev:g} keV" for w, _ in beside)
    return np.asarray(scatter, np.float32), (
        f"scatter is estimated from the energy window {names} (triple-energy-window method)"
    )


def _usual_photons(header: Any) -> list[float]:
    """Return the energy of the usual photon of each nuclide that the header names, keV."""
    first: dict[str, float] = {}
    for nuclide, kev in named_nuclides(header) or USUAL_TRACER:
        first.setdefault(nuclide, kev)
    return list(first.values())


def _windows(header: Any) -> list[EnergyWindow]:
    items = header.get("EnergyWindowInformationSequence") or []
    windows = []
    for number, item in enumerate(items, start=1):
        ranges = item.get("EnergyWindowRangeSequence") or [{}]
        if len(ranges) > 1:
            raise FileFormatError(f"has an energy window {number} of {len(ranges)} ranges")
        windows.append(EnergyWindow(number, *window_limits(item)))
    return windows or [EnergyWindow(1, 0.0, 0.0)]


def _adjoins(window: EnergyWindow, peak: EnergyWindow) -> bool:
    below = abs(peak.low_kev - window.high_kev) <= MAX_GAP_KEV
    above = abs(window.low_kev - peak.high_kev) <= MAX_GAP_KEV
    return below or above
