import numpy as np
import pytest
from skimage.metrics import normalized_mutual_information as reference_nmi

from phantoms import MOTION, SMALL, small_pair
from regkit import IDENTITY, Grid, LabelMap, Volume, rigid
from regkit.similarity.mutual_information import (
    normalized_mutual_information,
    overlap_weighted_nmi,
)
from regkit.similarity.point_sample import (
    in_field_of_view,
    sample_points,
    sample_points_in_mask,
    values_at,
)
from regkit.testing.phantom import thorax, thorax_labels


def test_values_are_those_of_the_voxels_on_the_grid_and_nan_outside():
    volume = thorax(SMALL, "ct")
    index = np.random.default_rng(1).integers(0, 36, (50, 3))
    values = values_at(volume, SMALL.to_physical(index))
    np.testing.assert_allclose(values, volume.array[tuple(index.T)], rtol=1e-6)
    assert np.isnan(values_at(volume, np.array([[1e4, 0.0, 0.0]]))).all()


def test_sampled_points_stay_in_the_mask():
    volume = thorax(SMALL, "ct")
    marked = np.zeros(SMALL.shape_zyx, dtype=np.uint8)
    marked[10:14, 5:9, 20:30] = 1
    mask = LabelMap(marked, SMALL)
    sample = sample_points(volume, mask)
    index = SMALL.to_index(sample.points)
    assert len(sample.points) > 50
    assert (index >= np.array([9.5, 4.5, 19.5])).all()
    assert (index <= np.array([13.5, 8.5, 29.5])).all()
    assert in_field_of_view(volume, mask, sample.points).all()


def test_a_small_mask_gets_as_many_points_spread_evenly():
    marked = np.zeros(SMALL.shape_zyx, dtype=np.int8)
    marked[10, 5, 20:22] = -1  # any value but zero marks
    mask = LabelMap(marked, SMALL)
    sample = sample_points_in_mask(thorax(SMALL, "ct"), mask, 4000)
    assert len(sample.points) == 4000
    assert in_field_of_view(thorax(SMALL, "ct"), mask, sample.points).all()
    index = SMALL.to_index(sample.points)
    np.testing.assert_allclose(index.mean(axis=0), (10, 5, 20.5), atol=0.05)
    np.testing.assert_allclose(index.std(axis=0), np.array([1, 1, 2]) / np.sqrt(12), rtol=0.05)


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int32])
def test_points_in_a_mask_lie_in_voxels_drawn_from_all_of_it(dtype):
    marked = (np.random.default_rng(3).random(SMALL.shape_zyx) < 0.2).astype(dtype) * 3
    sample = sample_points_in_mask(thorax(SMALL, "ct"), LabelMap(marked, SMALL), 500)
    voxels = np.random.default_rng(0).choice(np.argwhere(marked), 500)
    inside = SMALL.contains(sample.points)
    assert inside.all()
    found = {tuple(voxel) for voxel in np.rint(SMALL.to_index(sample.points)).astype(int)}
    assert found <= {tuple(voxel) for voxel in voxels}
    assert len(found) > 450


def test_points_in_a_mask_stay_in_the_image():
    volume = thorax(SMALL, "ct")
    around = Grid((8, 8, 8), (100.0, 100.0, 100.0), (-400.0, -400.0, -400.0))
    sample = sample_points_in_mask(volume, LabelMap(np.ones((8, 8, 8), np.uint8), around), 4000)
    assert 0 < len(sample.points) < 4000
    assert volume.grid.contains(sample.points).all()


@pytest.mark.parametrize("contrast", ["ct", "pet"])
def test_the_foreground_is_the_body(contrast):
    sample = sample_points(thorax(SMALL, contrast))
    body = values_at(thorax_labels(SMALL), sample.points) > 0
    both, either = (sample.foreground & body).sum(), (sample.foreground | body).sum()
    lungs = np.isin(values_at(thorax_labels(SMALL), sample.points), (2, 3))
    assert both / either > 0.55
    assert sample.foreground[body & ~lungs].mean() > 0.95
    assert sample.foreground[~body].mean() < 0.1


def test_samples_interpolate_between_voxels():
    volume = thorax(SMALL, "ct")
    sample = sample_points(volume, count=2000)
    np.testing.assert_allclose(sample.values, values_at(volume, sample.points), atol=0.05)  # HU


def test_shared_information_agrees_with_scikit_image():
    # The same measure on voxels and with equal-width bins: close, as intensities are made uniform.
    rng = np.random.default_rng(0)
    grid = Grid((40, 40, 40))
    a = rng.random(grid.shape_zyx)
    b = 0.7 * a + 0.3 * rng.random(grid.shape_zyx)
    ours = normalized_mutual_information(sample_points(Volume(a, grid)), Volume(a, grid), IDENTITY)
    sample = sample_points(Volume(a, grid))
    at_points = values_at(Volume(b, grid), sample.points)
    ranks = [np.argsort(np.argsort(v)) for v in (sample.values, at_points)]
    theirs = reference_nmi(*ranks, bins=24)
    assert ours == pytest.approx(2.0, abs=0.01)
    assert normalized_mutual_information(sample, Volume(b, grid), IDENTITY) == pytest.approx(
        theirs, abs=0.01
    )


def test_shared_information_is_highest_at_the_truth_and_low_for_unrelated_images():
    pair = small_pair()
    sample = sample_points(pair.fixed)
    at_truth = normalized_mutual_information(sample, pair.moving, MOTION)
    for motion in (
        rigid((8, 0, 0)),
        rigid(translation_mm=(0, 10, 0)),
        rigid((0, 0, -6), (5, 5, 5)),
    ):
        assert normalized_mutual_information(sample, pair.moving, MOTION @ motion) < at_truth
    noise = Volume(np.random.default_rng(0).random(SMALL.shape_zyx), SMALL)
    assert normalized_mutual_information(sample, noise, IDENTITY) == pytest.approx(1.0, abs=0.005)


def test_shared_information_does_not_change_with_monotone_intensities():
    pair = small_pair()
    stretched = Volume(np.exp(pair.moving.array / 300.0), SMALL)
    sample = sample_points(pair.fixed)
    plain = normalized_mutual_information(sample, pair.moving, MOTION)
    assert normalized_mutual_information(sample, stretched, MOTION) == pytest.approx(
        plain, abs=0.02
    )


def test_a_corner_that_overlaps_explains_little_of_the_whole():
    pair = small_pair()
    sample = sample_points(pair.fixed, count=4000)
    corner = rigid(translation_mm=np.multiply(SMALL.extent, 0.5))
    explained = [overlap_weighted_nmi(sample, pair.moving, t) for t in (MOTION, corner)]
    assert explained[1] < 0.1 * explained[0]


def test_air_between_voxels_is_air_at_whatever_place():
    # At the identity both images would share how their air is rounded.
    truth = rigid(translation_mm=(17.0, -9.0, 12.0))
    images = thorax(SMALL, "ct"), thorax(SMALL, "ct", truth)
    sample = sample_points(images[0])
    at_truth, at_start = (
        normalized_mutual_information(sample, images[1], t) for t in (truth, IDENTITY)
    )
    assert at_truth - 1 > 2 * (at_start - 1)


def test_unrelated_images_explain_nothing_however_few_points_there_are():
    rng = np.random.default_rng(0)
    noise = [Volume(rng.random(SMALL.shape_zyx), SMALL) for _ in range(2)]
    sample = sample_points(noise[0], count=300)
    assert normalized_mutual_information(sample, noise[1], IDENTITY) > 1.1
    assert overlap_weighted_nmi(sample, noise[1], IDENTITY) == pytest.approx(0, abs=0.02)


def test_nothing_in_common_counts_as_independent():
    pair = small_pair()
    far = rigid(translation_mm=(1e4, 0, 0))
    assert normalized_mutual_information(sample_points(pair.fixed), pair.moving, far) == 1.0
