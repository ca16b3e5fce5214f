"""Blur and noise of the scanners, applied to exact HU and SUV."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from regkit.geometry.grid import Grid
from regkit_nuclear.painting.shapes import Field

# Standard deviation of the noise of CT, and resolution of PET; chosen by hand.
CT_NOISE_HU = 14.0
PET_FWHM_MM = 5.5
# Relative noise of 10 % in the liver (SUV 2.25) in voxels of the reference size.
PET_NOISE = 0.15
REFERENCE_VOXEL_MM3 = 2.8 * 2.8 * 3.8


def ct_image(hu: Field, grid: Grid, rng: np.random.Generator) -> Field:
    """Add noise to HU, slightly correlated between neighbours and weaker in large voxels."""
    noise = _noise(hu.shape, (0.5, 0.5, 0.5), rng)
    return np.maximum(hu + np.float32(CT_NOISE_HU * _averaging(grid)) * noise, np.float32(-1024))


def pet_image(suv: Field, grid: Grid, rng: np.random.Generator | None) -> Field:
    """Blur SUV by the scanner's resolution and add noise that grows with the square root.

    Without a random generator there is no noise.
    """
    sigma = tuple(PET_FWHM_MM / 2.3548 / s for s in reversed(grid.spacing))
    blurred: Field = gaussian_filter(suv, sigma, mode="nearest", truncate=3.0)
    if rng is None:
        return blurred
    level = np.float32(PET_NOISE * _averaging(grid))
    noise = _noise(suv.shape, sigma, rng)
    noise *= level * np.sqrt(blurred + np.float32(0.05))
    blurred += noise
    return np.maximum(blurred, 0, out=blurred)


def _noise(shape: tuple[int, ...], sigma: tuple[float, ...], rng: np.random.Generator) -> Field:
    """Return white noise smoothed by a Gaussian (voxels) and rescaled to standard deviation 1."""
    noise: Field = gaussian_filter(
        rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap", truncate=3.0
    )
    noise /= noise.std()
    return noise


def _averaging(grid: Grid) -> float:
    return float(min(1.0, REFERENCE_VOXEL_MM3 / float(np.prod(grid.spacing))) ** 0.5)
