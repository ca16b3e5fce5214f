"""Noise of the images that the domain guard learns from."""

import numpy as np
import pytest

from regkit import Volume
from regkit.learning.network_grid import centered_grid
from regkit_msstunet.preprocessing import preprocess_emission
from regkit_msstunet.train.noise import with_noise

GRID = centered_grid((0.0, 0.0, 0.0), (32, 32, 32), (3.4, 3.4, 3.4))
GAMMA = 0.5


def heart() -> Volume:
    """Return a bright blob in a body in air."""
    z, y, x = np.indices(GRID.shape_zyx) - 15.5
    radius = np.sqrt(x**2 + y**2 + z**2)
    return Volume(np.where(radius < 5, 100.0, np.where(radius < 12, 10.0, 0.0)), GRID)


def test_it_is_that_of_a_noisy_original() -> None:
    volume = heart()
    rng = np.random.default_rng(5)
    added = 0.15 * np.quantile(volume.array, 0.99) * rng.standard_normal(GRID.shape_zyx)
    truly = preprocess_emission(volume.with_array(volume.array + added), 3.4, GAMMA).array
    ready = preprocess_emission(volume, 3.4, GAMMA).array
    made = with_noise(ready, 0.15, GAMMA, 0)
    for value, tolerance in ((0.0, 0.02), (10.0, 0.02), (100.0, 0.06)):
        there = volume.array == value
        assert made[there].mean() == pytest.approx(truly[there].mean(), abs=tolerance)
    air = volume.array == 0
    assert made[air].mean() > ready[air].mean() + 0.1


def test_without_noise_an_image_stays() -> None:
    ready = preprocess_emission(heart(), 3.4, GAMMA).array
    np.testing.assert_allclose(with_noise(ready, 0.0, GAMMA, 0), ready, atol=1e-6)
