"""An average left ventricle in its own short-axis frame: the fixed image of a reorientation."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from regkit.geometry.grid import FloatArray
from regkit.geometry.volume import Volume
from regkit_ventricle.views import SHORT_AXIS

# Half-axes (across, along) of two concentric ellipsoids, and the distance from their centre at
# which the base is cut off, mm. Chosen by hand for an adult's ventricle of 140 ml of wall and 95
# ml of cavity.
EPICARDIUM, ENDOCARDIUM, CUT = (34.0, 58.0), (23.5, 49.5), 30.0
# Uptake of the blood relative to the myocardium, as in the simulated patients (0.04 to 0.14).
CAVITY_UPTAKE = 0.1
# Full width at half maximum of typical reconstructed images, mm; chosen by hand.
RESOLUTION = {"spect": 13.0, "pet": 7.0}
SIGMA_OF_FWHM = 1 / np.sqrt(8 * np.log(2))


def average_ventricle(side_mm: float, spacing_mm: float, modality: str = "spect") -> Volume:
    """Paint an average left ventricle.

    Parameters
    ----------
    side_mm, spacing_mm
        Side and voxel size of the cube of short-axis planes; see `SliceView.grid`.
    modality
        ``spect`` or ``pet``, which decides the resolution; any other is treated like ``spect``.

    Returns
    -------
    Volume
        Myocardium 1, cavity 0.1, elsewhere 0, smoothed; its centre is at the origin.
    """
    grid = SHORT_AXIS.grid(side_mm, spacing_mm)
    x, y, z = np.moveaxis(grid.to_physical(np.moveaxis(np.indices(grid.shape_zyx), 0, -1)), -1, 0)
    along = z + _centre()
    across = np.hypot(x, y)
    whole = _inside(across, along, EPICARDIUM)
    cavity = _inside(across, along, ENDOCARDIUM)
    uptake = np.where(cavity, CAVITY_UPTAKE, whole.astype(np.float64))
    kind = modality if modality in RESOLUTION else "spect"
    sigma = RESOLUTION[kind] * SIGMA_OF_FWHM / spacing_mm
    return Volume(gaussian_filter(uptake, sigma), grid, kind)


def _inside(across: FloatArray, along: FloatArray, half_axes: tuple[float, float]) -> FloatArray:
    short, long = half_axes
    return np.asarray(((across / short) ** 2 + (along / long) ** 2 <= 1) & (along <= CUT))


def _centre() -> float:
    """Return the offset along the axis between the centres of the cut and the whole ellipsoid."""
    along = np.linspace(-EPICARDIUM[1], CUT, 10_001)
    return float(np.average(along, weights=1 - (along / EPICARDIUM[1]) ** 2))
