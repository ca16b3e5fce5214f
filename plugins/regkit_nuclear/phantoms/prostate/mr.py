"""T2-weighted MR: thick slices, a bias field of the coil, Rician noise."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from regkit.geometry.grid import Grid
from regkit_nuclear.painting.random_streams import uniform
from regkit_nuclear.painting.shapes import Field, RandomField

# Signal of T2 contrast 1, in scanner units; chosen by hand.
SIGNAL = 600.0
SLICE_MM, IN_PLANE_MM = 2.2, 0.7
"""Full widths at half maximum across and within slices, mm; chosen by hand."""


def blur_t2(t2: Field, grid: Grid) -> Field:
    """Return T2 contrast blurred by thick slices, in scanner units."""
    widths = (SLICE_MM, IN_PLANE_MM, IN_PLANE_MM)
    sigma = [w / 2.3548 / s for w, s in zip(widths, reversed(grid.spacing), strict=True)]
    image: Field = gaussian_filter(t2 * np.float32(SIGNAL), sigma, mode="nearest")
    return image


def add_bias_and_noise(image: Field, grid: Grid, rng: np.random.Generator) -> Field:
    """Add the bias field of the coils and Rician noise."""
    bias = RandomField.draw(rng, 0.12, (120.0, 300.0), count=8).on(grid)[0]
    noise = np.float32(SIGNAL * uniform(rng, 0.015, 0.035))
    signal = image * np.exp(bias)
    real = signal + noise * rng.standard_normal(image.shape, dtype=np.float32)
    imaginary = noise * rng.standard_normal(image.shape, dtype=np.float32)
    return np.asarray(np.hypot(real, imaginary), dtype=np.float32)
