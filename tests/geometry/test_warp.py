"""Compiled resampling through affine maps; SimpleITK is the judge."""

import numpy as np
import pytest
import SimpleITK as sitk

from regkit import AffineTransform, Grid, Volume, resample
from regkit.geometry import warp
from regkit.geometry.resampling import resampled_slabs
from regkit.geometry.sitk_bridge import transform_to_sitk, volume_to_sitk
from regkit.geometry.warp import warp_volume, warped_slabs

RNG = np.random.default_rng(0)
MOVING = Volume(RNG.random((20, 18, 22)), Grid((20, 18, 22), (1.1, 0.9, 1.3), (3, -4, 5)))
TURN = np.array([(0.98, 0.17, 0.02), (-0.17, 0.97, 0.1), (0.0, -0.1, 0.99)])
THROUGH = AffineTransform.about(TURN, (1.5, -2.0, 0.7), (10, 4, 16))


def index_map(onto: Grid, through: AffineTransform = THROUGH) -> np.ndarray:
    return MOVING.grid.inverse_affine @ through.matrix @ onto.affine


def resampled_by_itk(moving: Volume, onto: Grid, through: AffineTransform) -> np.ndarray:
    image = sitk.Resample(
        volume_to_sitk(moving),
        onto.shape_zyx[::-1],
        transform_to_sitk(through),
        sitk.sitkLinear,
        onto.origin,
        onto.spacing,
        onto.direction,
        -7.0,
    )
    return sitk.GetArrayFromImage(image)


@pytest.mark.parametrize("width", [40, 1200])
def test_values_are_those_of_itk(width) -> None:
    onto = Grid((25, 10, width), (20 / width, 2.0, 1.0), (2, -6, 4))
    to_index = index_map(onto)
    index = np.stack(np.indices(onto.shape_zyx), -1) @ to_index[:3, :3].T + to_index[:3, 3]
    decided = (np.abs(np.stack([index + 0.5, MOVING.array.shape - index - 0.5])) > 1e-5).all(
        axis=(0, -1)
    )  # on the edge of the field of view, rounding decides
    assert decided.mean() > 0.99
    found = resample(MOVING, onto, THROUGH, -7.0).array
    assert 0.3 < (found != -7.0).mean() < 0.95
    judge = resampled_by_itk(MOVING, onto, THROUGH)
    np.testing.assert_allclose(found[decided], judge[decided], rtol=0, atol=1e-7)


def test_at_a_center_the_neighbors_do_not_count() -> None:
    """An unknown or infinite voxel stays alone where grids coincide."""
    array = RNG.random((5, 6, 7)).astype(np.float32)
    array[2, 3, 4], array[1, 1, 1], array[4, 5, 6] = np.nan, np.inf, -np.inf
    volume = Volume(array, Grid((5, 6, 7)))
    np.testing.assert_array_equal(resample(volume, volume.grid).array, array)
    ahead = resample(volume, volume.grid, AffineTransform.shift((1, 0, 0)), -7.0).array
    np.testing.assert_array_equal(ahead[..., :-1], array[..., 1:])
    assert (ahead[..., -1] == -7.0).all()


@pytest.mark.parametrize("slab", [1, 1000, 10**9])
def test_slabs_are_parts_of_the_whole(monkeypatch, slab) -> None:
    onto = Grid((25, 10, 40), (0.5, 2.0, 1.0), (2, -6, 4))
    whole = warp_volume(MOVING.array, index_map(onto), onto.shape_zyx, -7.0)
    monkeypatch.setattr(warp, "SLAB_VOXELS", slab)
    slabs = list(warped_slabs(MOVING.array, index_map(onto), onto.shape_zyx, -7.0))
    assert len(slabs) == {1: 25, 1000: 13, 10**9: 1}[slab]
    np.testing.assert_array_equal(np.concatenate(slabs), whole)
    by_name = np.concatenate(list(resampled_slabs(MOVING, onto, THROUGH, -7.0)))
    np.testing.assert_array_equal(by_name, whole)


@pytest.mark.parametrize("threads", ["1", "3", "", "none"])
def test_threads_do_not_change_values(monkeypatch, threads) -> None:
    monkeypatch.setenv("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", threads)
    monkeypatch.setattr(warp, "SLAB_VOXELS", 900)
    onto = Grid((25, 10, 40), (0.5, 2.0, 1.0), (2, -6, 4))
    found = warp_volume(MOVING.array, index_map(onto), onto.shape_zyx, -7.0)
    np.testing.assert_array_equal(found, resample(MOVING, onto, THROUGH, -7.0).array)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300, -1e300])
def test_maps_that_are_nowhere_give_the_fill_value(bad) -> None:
    found = warp_volume(MOVING.array, np.full((3, 4), bad), (3, 4, 5), -7.0)
    assert (found == -7.0).all()
