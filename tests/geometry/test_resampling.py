"""Resampling: values follow the map, on any grid; SciPy interpolates as the outside judge."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy.ndimage import map_coordinates

from regkit import IDENTITY, AffineTransform, Grid, LabelMap, Volume, resample, rigid
from regkit.errors import ParameterError
from regkit.testing.phantom import thorax
from strategies import affines, fields, grids

COARSE = Grid((24, 24, 24), (13.0, 13.0, 13.0), (-149.5, -149.5, -149.5))


@settings(max_examples=40)
@given(grids(), grids(), affines())
def test_values_are_those_scipy_interpolates(moving_grid, onto, transform):
    moving = Volume(np.random.default_rng(0).normal(size=moving_grid.shape_zyx), moving_grid)
    index = np.stack(np.meshgrid(*map(np.arange, onto.shape_zyx), indexing="ij"), axis=-1)
    places = moving_grid.to_index(transform.map_points(onto.to_physical(index)))
    expected = map_coordinates(
        moving.array.astype(float), np.moveaxis(places, -1, 0), order=1, mode="nearest"
    )
    upper = np.subtract(moving_grid.shape_zyx, 0.5)
    # Rounding decides about points on the very edge.
    within = ((places > -0.499) & (places < upper - 0.001)).all(axis=-1)
    beyond = ((places < -0.501) | (places > upper + 0.001)).any(axis=-1)
    found = resample(moving, onto, transform, outside=-7).array
    np.testing.assert_allclose(found[within], expected[within], atol=1e-4)
    assert (found[beyond] == -7).all()


@given(grids())
def test_identity_on_its_own_grid_changes_nothing(grid):
    volume = Volume(np.random.default_rng(0).normal(size=grid.shape_zyx), grid, "pet")
    same = resample(volume, grid)
    np.testing.assert_allclose(same.array, volume.array, atol=1e-5)
    assert (same.grid, same.modality) == (grid, "pet")


def test_a_shift_by_whole_voxels_takes_values_from_where_it_maps():
    array = np.arange(60.0).reshape(3, 4, 5)
    grid = Grid((3, 4, 5), (2, 3, 4))
    moved = resample(Volume(array, grid), grid, AffineTransform.shift((2, 0, 0)), outside=-1)
    np.testing.assert_allclose(moved.array[..., :-1], array[..., 1:], atol=1e-5)
    assert (moved.array[..., -1] == -1).all()


def test_the_phantom_comes_back_onto_itself():
    """Painting in a pose and resampling through it undo each other; through its inverse, not."""
    pose = rigid((8, -5, 6), (10, -14, 8))
    still, moved = thorax(COARSE, "pet"), thorax(COARSE, "pet", pose)
    before = np.abs(moved.array - still.array).mean()
    after = np.abs(resample(moved, COARSE, pose).array - still.array).mean()
    wrong_way = np.abs(resample(moved, COARSE, pose.inverse()).array - still.array).mean()
    assert after < 0.5 * before < before < wrong_way


def test_labels_are_never_mixed():
    array = np.zeros((8, 8, 8), np.uint8)
    array[2:6, 2:6, 2:6] = 40
    labels = LabelMap(array, Grid((8, 8, 8)))
    turned = resample(labels, Grid((20, 20, 20), (0.4, 0.4, 0.4)), rigid((20, 10, 5)))
    assert isinstance(turned, LabelMap)
    assert turned.labels == (40,)
    assert turned.array.dtype == np.uint8


@settings(max_examples=20)
@given(fields())
def test_a_field_is_followed(field):
    ramp = Volume(
        field.grid.to_physical(np.moveaxis(np.indices((9, 9, 9)), 0, -1))[..., 0],
        Grid((9, 9, 9), field.grid.spacing, field.grid.origin, field.grid.direction),
    )
    onto = field.grid
    index = np.moveaxis(np.indices(onto.shape_zyx), 0, -1)
    places = field.map_points(onto.to_physical(index))
    inner = ((ramp.grid.to_index(places) >= 0) & (ramp.grid.to_index(places) <= 8)).all(axis=-1)
    found = resample(ramp, onto, field).array
    np.testing.assert_allclose(found[inner], places[..., 0][inner], atol=1e-3)


def test_the_outside_value_is_kept_exactly():
    volume = Volume(np.ones((3, 3, 3)), Grid((3, 3, 3)))
    away = resample(volume, Grid((2, 2, 2), origin=(50, 0, 0)), IDENTITY, outside=-1024)
    assert (away.array == -1024).all()


@pytest.mark.parametrize("modality", ["ct", ""])
def test_modality_is_kept(modality):
    volume = Volume(np.ones((3, 3, 3)), Grid((3, 3, 3)), modality)
    assert resample(volume, Grid((4, 2, 2))).modality == modality


@pytest.mark.parametrize("outside", [256, -1, 0.5, np.nan, np.inf])
def test_labels_have_no_value_outside_that_their_type_cannot_hold(outside):
    grid = Grid((3, 3, 3))
    labels = LabelMap(np.ones((3, 3, 3), np.uint8), grid)
    with pytest.raises(ParameterError, match="does not fit a label map of type uint8"):
        resample(labels, grid, AffineTransform.shift((1, 0, 0)), outside)
    assert resample(labels, grid, AffineTransform.shift((1, 0, 0)), 255).labels == (1, 255)
