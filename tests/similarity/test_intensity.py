"""Intensities made ready for measures of similarity."""

import numpy as np
import pytest

from regkit import Grid, LabelMap, Volume
from regkit.errors import RegistrationError
from regkit.similarity.intensity import CT_WINDOW_HU, normalize_for_similarity

GRID = Grid((20, 20, 20))
NOISE = np.random.default_rng(0).normal(size=GRID.shape_zyx)


def test_ct_is_clipped_to_a_window_and_otherwise_kept() -> None:
    ct = Volume(NOISE * 1000, GRID, "ct")
    low, high = CT_WINDOW_HU
    np.testing.assert_array_equal(normalize_for_similarity(ct).array, np.clip(ct.array, low, high))


def test_emission_gets_its_square_root_and_no_negative_values() -> None:
    pet = Volume(NOISE**2 * 9 - 0.5, GRID, "pet")
    found = normalize_for_similarity(pet).array
    inside = (found > found.min()) & (found < found.max())
    assert inside.mean() > 0.7
    np.testing.assert_allclose(found[inside] ** 2, pet.array[inside], rtol=1e-5)


def test_an_outlier_does_not_stretch_the_range() -> None:
    array = NOISE.copy()
    array[3, 4, 5] = 1e6
    assert normalize_for_similarity(Volume(array, GRID, "mr")).array.max() < 5


def test_percentiles_are_taken_in_the_mask() -> None:
    array = np.where(np.arange(20)[:, None, None] < 10, NOISE, 1000 + NOISE)
    mask = LabelMap(np.broadcast_to(np.arange(20)[:, None, None] < 8, GRID.shape_zyx), GRID)
    assert normalize_for_similarity(Volume(array, GRID), mask).array.max() < 5
    assert normalize_for_similarity(Volume(array, GRID)).array.max() > 900


def test_a_ct_beyond_the_window_keeps_its_contrast() -> None:
    metal = Volume(2000 + 100 * NOISE, GRID, "ct")
    assert np.ptp(normalize_for_similarity(metal).array) > 0


def test_an_image_that_is_constant_in_its_mask_is_refused() -> None:
    array = np.where(np.arange(20)[:, None, None] < 10, 0.0, NOISE)
    mask = LabelMap(np.broadcast_to(np.arange(20)[:, None, None] < 8, GRID.shape_zyx), GRID)
    with pytest.raises(RegistrationError, match="constant in its mask"):
        normalize_for_similarity(Volume(array, GRID), mask)


def test_a_mask_of_nothing_is_refused() -> None:
    mask = LabelMap(np.zeros(GRID.shape_zyx, dtype=np.uint8), GRID)
    with pytest.raises(RegistrationError, match="almost nothing"):
        normalize_for_similarity(Volume(NOISE, GRID), mask)
