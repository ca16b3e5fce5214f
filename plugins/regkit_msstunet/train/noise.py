"""Noise that images may have without a warning: the domain guard learns how it looks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regkit_msstunet.preprocessing import BRIGHTEST

# Standard deviations of the noise in the versions of an image, as fractions of its 99th
# percentile. Where noise is cut off at zero, and an exponent is taken of the rest, air becomes
# brighter. The network was trained without, and is as right at 0.15 (benchmarks/verdict.py,
# variant `noise`). Two of three versions have none, so that the limits are those of images
# without, too: chosen by hand.
NOISE_LEVELS = (0.0, 0.0, 0.15)


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
    brighter = np.quantile(noisy, BRIGHTEST) / np.quantile(linear, BRIGHTEST)
    return np.asarray(np.minimum(noisy / brighter, 1) ** gamma, np.float32)
