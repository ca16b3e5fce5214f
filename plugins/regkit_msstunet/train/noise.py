"""Noise that images may have without a warning: the domain guard learns how it looks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regkit_msstunet.preprocessing import BRIGHTEST

# Standard deviations of the noise, as fractions of the 99th percentile of the image. Where noise
# is cut off at zero, and an exponent is taken of the rest, air becomes brighter. The network was
# trained without: it is as right at the greatest of these, measured on simulated ventricles of
# other patients (benchmarks/verdict.py, variant `noise`).
NOISE_LEVELS = (0.0, 0.05, 0.1, 0.15)


def with_noise(
    image: NDArray[np.float32], level: float, gamma: float, seed: int
) -> NDArray[np.float32]:
    """Return a preprocessed image as it would be had the original been noisy.

    Parameters
    ----------
    image
        Intensities as of `regkit_msstunet.preprocessing.preprocess_emission`.
    level
        Standard deviation of the noise as a fraction of the 99th percentile.
    gamma
        Exponent that the intensities have.
    seed
        Seed of the noise.
    """
    linear = image ** (1 / gamma)
    noise = np.random.default_rng(seed).standard_normal(image.shape, np.float32)
    noisy = np.maximum(linear + level * np.quantile(linear, 0.99) * noise, 0)
    return np.asarray(np.minimum(noisy / np.quantile(noisy, BRIGHTEST), 1) ** gamma, np.float32)
