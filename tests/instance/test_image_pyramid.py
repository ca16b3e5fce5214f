"""Levels of images: blocks averaged where they are in space."""

import numpy as np
import pytest
import SimpleITK as sitk

from regkit import Grid, LabelMap, Volume
from regkit.errors import RegistrationError
from regkit.geometry.derived import derivations_kept
from regkit.geometry.grid import FloatArray
from regkit.geometry.resampling import resample
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.sitk_bridge import volume_to_sitk
from regkit.similarity.point_sample import PointSample
from regkit_instance.pyramid import level_curve, pyramid, spacings_mm

OBLIQUE = tuple((rotation_matrix((20, -10, 30)) @ np.diag((1, -1, 1))).ravel().tolist())
SLABS = Grid((40, 128, 96), (1.0, 1.0, 4.0), (10, 20, 30), OBLIQUE)
STRAIGHT = np.array(((0.0, 1.0), (0.0, 1.0)))
RNG = np.random.default_rng(0)


def test_levels_halve_down_to_between_both_voxel_sizes() -> None:
    levels = spacings_mm(Grid((50,) * 3, (2,) * 3), Grid((50,) * 3, (8,) * 3), 3)
    assert levels == pytest.approx((16, 8, 4))


def test_a_finer_level_follows_in_large_images() -> None:
    huge = Grid((1600,) * 3, (0.2,) * 3)
    assert spacings_mm(huge, huge, 2) == pytest.approx((4.0, 2.0, 1.0))
    assert spacings_mm(huge, huge, 2, finest_mm=1.25) == pytest.approx((2.5, 1.25))


def test_blocks_are_those_of_itk() -> None:
    image = Volume(RNG.random(SLABS.shape_zyx), SLABS)
    level = pyramid(image, STRAIGHT, (4.0,))[0]
    judge = sitk.BinShrink(volume_to_sitk(image), (4, 4, 1))
    assert level.array == pytest.approx(sitk.GetArrayFromImage(judge), abs=1e-6)
    assert level.grid.origin == pytest.approx(judge.GetOrigin(), abs=1e-6)
    assert level.grid.spacing == pytest.approx(judge.GetSpacing())


def test_all_pyramids_of_fine_voxels_come_from_one_image_of_half_their_resolution() -> None:
    array = RNG.random((97, 100, 96))
    image = Volume(array, Grid(array.shape, (0.5,) * 3, (3.0, 2.0, 1.0)))
    with derivations_kept(image):
        of_four, of_eight = (pyramid(image, STRAIGHT, (size,))[0] for size in (2.0, 4.0))
        again = pyramid(image, STRAIGHT, (2.0,), threads=2)[0]
    blocks = array[:96].reshape(24, 4, 25, 4, 24, 4)
    assert of_four.array == pytest.approx(blocks.mean(axis=(1, 3, 5)), abs=1e-6)
    assert of_four.grid.origin == pytest.approx((3.75, 2.75, 1.75))
    assert of_eight.grid.spacing == pytest.approx((4.0,) * 3)
    np.testing.assert_array_equal(again.array, of_four.array)


def test_a_ramp_stays_where_it_is_in_space_at_every_level() -> None:
    grid = Grid((41, 127, 98), (1.0, 1.1, 4.0), (10, 20, 30), OBLIQUE)
    index = np.stack(np.indices(grid.shape_zyx), axis=-1)
    direction = np.array((0.003, -0.002, 0.001))
    ramp = Volume(grid.to_physical(index) @ direction + 0.5, grid)
    for level in pyramid(ramp, STRAIGHT, (16.0, 8.0, 4.0)):
        inner = np.stack(np.indices(level.grid.shape_zyx), axis=-1)
        expected = np.clip(level.grid.to_physical(inner) @ direction + 0.5, 0, 1)
        assert level.array == pytest.approx(expected, abs=0.02)


def test_indices_are_those_of_the_grid() -> None:
    level = pyramid(Volume(RNG.random(SLABS.shape_zyx), SLABS), STRAIGHT, (4.0,))[0]
    origin = np.array((5.0, -3.0, 40.0))
    points = RNG.normal(size=(10, 3)) * 30
    matrix = level.to_index(origin)
    expected = level.grid.to_index(points + origin)
    assert points @ matrix[:, :3].T + matrix[:, 3] == pytest.approx(expected)


def test_what_a_mask_leaves_out_is_unknown_and_not_averaged() -> None:
    grid = Grid((32, 32, 32))
    image = np.where(np.arange(32) < 15, 0.25, 9.0) * np.ones((32, 32, 1))
    mask = LabelMap((np.arange(32) < 15) * np.ones((32, 32, 1), np.uint8), grid)
    level = pyramid(Volume(image, grid), STRAIGHT, (2.0,), mask)[0]
    assert np.isnan(level.array[:, :, 8:]).all()
    assert level.array[:, :, :8] == pytest.approx(np.full((16, 16, 8), 0.25))


def test_a_mask_on_a_finer_grid_marks_the_same_voxels() -> None:
    grid, fine = Grid((12, 14, 16), (2.0,) * 3), Grid((36, 42, 48), (2 / 3,) * 3, (-2 / 3,) * 3)
    image = Volume(RNG.random(grid.shape_zyx), grid)
    marks = RNG.random(grid.shape_zyx) < 0.5
    finer = np.kron(marks, np.ones((3, 3, 3))) * 5
    one, other = (
        pyramid(image, STRAIGHT, (4.0, 2.0), mask)
        for mask in (LabelMap(marks, grid), LabelMap(finer, fine))
    )
    for level, same in zip(one, other, strict=True):
        np.testing.assert_array_equal(level.array, same.array)
    np.testing.assert_array_equal(one[1].array, np.where(marks, image.array, np.nan))


def test_an_oblique_mask_marks_the_voxels_that_itk_gives_it() -> None:
    grid = Grid((11, 60, 50), (1.0, 1.2, 3.0), (4.0, -7.0, 2.0))
    tilted = rotation_matrix((25, -15, 40)).ravel().tolist()
    marks = LabelMap(
        RNG.random((20, 30, 40)) < 0.6, Grid((20, 30, 40), (2.1,) * 3, (9, 3, 5), tilted)
    )
    image = Volume(RNG.random(grid.shape_zyx), grid)
    level = pyramid(image, STRAIGHT, (1.0,), marks)[0]
    judge = resample(marks, grid).array != 0  # by ITK
    np.testing.assert_array_equal(level.array, np.where(judge, image.array, np.nan))
    assert 0.05 < judge.mean() < 0.55


def test_threads_share_slices_without_a_difference() -> None:
    array = RNG.random((25, 37, 50))
    array[RNG.random(array.shape) < 0.1] = np.nan
    image = Volume(array, Grid(array.shape))
    one, three = (pyramid(image, STRAIGHT, (4.0, 2.0, 1.0), threads=n) for n in (1, 3))
    for level, other in zip(one, three, strict=True):
        np.testing.assert_array_equal(level.array, other.array)
    blocks = array[:24, :36].reshape(12, 2, 18, 2, 25, 2)
    # Of an odd number of voxels the last one is left out.
    assert one[1].array == pytest.approx(np.nanmean(blocks, axis=(1, 3, 5)), abs=1e-6)


def test_thin_axes_are_left_as_they_are() -> None:
    grid = Grid((1, 20, 100))
    shapes = [
        p.grid.shape_zyx
        for p in pyramid(Volume(RNG.random((1, 20, 100)), grid), STRAIGHT, (4.0, 2.0))
    ]
    assert shapes == [(1, 20, 25), (1, 20, 50)]


def test_intensities_go_through_their_curve() -> None:
    grid = Grid((1, 1, 6))
    hounsfield = Volume(np.array([[[-2000, -1000, -150, 0, 150, 3000]]]), grid, "ct")
    curve = level_curve(_sample_of(np.linspace(-1000.0, 2000.0, 50)), "ct", masked=False)
    seen = pyramid(hounsfield, curve, (1.0,))[0].array[0, 0]
    assert seen == pytest.approx((0, 0, 0.25, 0.525, 0.8, 1.0), abs=1e-6)
    counts = Volume(np.array([[[-5, 0, 25, 100, 100, 400]]]), grid, "pet")
    seen = pyramid(counts, np.array(((0.0, 100.0), (0.0, 1.0))), (1.0,))[0].array[0, 0]
    assert seen == pytest.approx((0, 0, 0.25, 1, 1, 1), abs=1e-6)


def test_a_constant_image_is_refused() -> None:
    with pytest.raises(RegistrationError, match="an image is constant in its mask"):
        level_curve(_sample_of(np.full(100, 3.0)), "mr", masked=True)


def _sample_of(values: FloatArray) -> PointSample:
    return PointSample(np.zeros((len(values), 3)), values, values > values.mean())
