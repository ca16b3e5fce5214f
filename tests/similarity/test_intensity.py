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


@pytest.mark.parametrize("modality", ["", "pet", "spect", "mr"])
def test_a_unit_that_is_not_known_does_not_matter(modality: str) -> None:
    counts = NOISE**2 * 9
    ones = normalize_for_similarity(Volume(counts, GRID, modality)).array
    others = normalize_for_similarity(Volume(1e-4 * counts - 3, GRID)).array
    np.testing.assert_allclose(ones, others, atol=1e-3)
    rising = np.argsort(counts, axis=None)
    assert (np.diff(ones.ravel()[rising]) >= 0).all()


def test_few_hot_voxels_leave_the_body_much_of_the_scale() -> None:
    body = np.where(np.indices(GRID.shape_zyx)[2] < 10, 0.01 * NOISE**2, 5 + NOISE)
    hot = body.copy()
    hot[8:11, 8:11, 12:15] = 1e4  # 0.3 % of the field
    found = normalize_for_similarity(Volume(hot, GRID)).array
    assert np.ptp(np.quantile(found[body > 1], (0.05, 0.95))) > 0.3
    assert found[9, 9, 13] == pytest.approx(1)


def test_an_outlier_does_not_stretch_the_range() -> None:
    array = NOISE.copy()
    array[3, 4, 5] = 1e6
    found = normalize_for_similarity(Volume(array, GRID, "mr")).array
    assert np.ptp(np.quantile(found, (0.05, 0.95))) > 0.4


def test_percentiles_are_taken_in_the_mask() -> None:
    array = np.where(np.arange(20)[:, None, None] < 10, NOISE, 1000 + NOISE)
    mask = LabelMap(np.broadcast_to(np.arange(20)[:, None, None] < 8, GRID.shape_zyx), GRID)
    inner, everywhere = (normalize_for_similarity(Volume(array, GRID), m) for m in (mask, None))
    assert np.ptp(inner.array[:8]) == pytest.approx(1, abs=0.01)
    assert np.ptp(everywhere.array[:8]) < 0.2


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
