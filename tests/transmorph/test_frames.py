"""Normalised maps against torch's own sampling, and against SimpleITK, on awkward grids."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from regkit import AffineTransform, Grid, resample, rigid
from regkit.errors import TransformError
from regkit.geometry.rotation import rotation_matrix
from regkit.report.description import describe
from regkit.testing.phantom import thorax
from regkit_transmorph.affine_parameterization import (
    lps_to_normalized,
    normalized_to_lps,
    shape_of,
    without_shears,
)
from regkit_transmorph.networks.affine import matrices


def oblique(shape, spacing, angles, origin=(40.0, -70.0, 15.0), flip=1.0) -> Grid:
    direction = rotation_matrix(angles) @ np.diag([1.0, 1.0, flip])
    return Grid(shape, spacing, origin, tuple(direction.ravel().tolist()))


FIXED = oblique((20, 30, 26), (9.0, 7.0, 12.0), (10, -20, 35))
MOVING = oblique((36, 22, 24), (11.0, 13.0, 6.0), (-30, 15, 5), flip=-1.0)


def normalised(seed: int = 0) -> np.ndarray:
    source = torch.Generator().manual_seed(seed)
    return matrices(0.05 * torch.randn((1, 15), generator=source).double())[0].numpy()


@pytest.mark.parametrize(("fixed", "moving"), [(FIXED, FIXED), (FIXED, MOVING), (MOVING, FIXED)])
def test_a_map_takes_voxels_where_torch_looks_them_up(fixed, moving) -> None:
    theta = normalised()
    size = [1, 1, *fixed.shape_zyx]
    where = functional.affine_grid(torch.from_numpy(theta)[None], size, align_corners=False)
    sizes = np.array(moving.shape_zyx[::-1])
    expected = (((where[0].numpy() + 1) * sizes - 1) / 2)[..., ::-1]
    index = np.stack(np.meshgrid(*map(np.arange, fixed.shape_zyx), indexing="ij"), axis=-1)
    transform = normalized_to_lps(theta, fixed, moving)
    found = moving.to_index(transform.map_points(fixed.to_physical(index)))
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_images_are_warped_as_simpleitk_resamples_them() -> None:
    """A map of a rotation, scales and shears between two oblique grids of other voxels."""
    theta = normalised(3)
    moving = thorax(MOVING, "pet", rigid((0, 0, 0), np.asarray(MOVING.centre)))
    where = functional.affine_grid(
        torch.from_numpy(theta)[None], [1, 1, *FIXED.shape_zyx], align_corners=False
    )
    volume = torch.from_numpy(moving.array.astype(np.float64))[None, None]
    found = functional.grid_sample(volume, where, padding_mode="border", align_corners=False)
    outside = float(moving.array.min())
    expected = resample(moving, FIXED, normalized_to_lps(theta, FIXED, MOVING), outside).array
    inside = expected > outside + 0.01
    assert inside.mean() > 0.1
    np.testing.assert_allclose(found[0, 0].numpy()[inside], expected[inside], atol=1e-3)


@given(seed=st.integers(0, 1000))
def test_there_and_back(seed) -> None:
    theta = normalised(seed)
    transform = normalized_to_lps(theta, FIXED, MOVING)
    np.testing.assert_allclose(lps_to_normalized(transform, FIXED, MOVING), theta, atol=1e-9)


def test_a_rotation_in_millimetres_is_none_in_an_oblong_field_of_view() -> None:
    turn = rigid((0, 0, 30), (5, 0, 0), FIXED.centre)
    theta = lps_to_normalized(turn, FIXED, FIXED)
    assert np.abs(theta[:, :3].T @ theta[:, :3] - np.eye(3)).max() > 0.05
    assert normalized_to_lps(theta, FIXED, FIXED).is_rigid


def test_what_is_no_map() -> None:
    with pytest.raises(TransformError, match="a normalised map is a 3 x 4 matrix, got"):
        normalized_to_lps(np.eye(3), FIXED, MOVING)


def sheared() -> AffineTransform:
    linear = rotation_matrix((5, -10, 20)) @ [[1.1, 0.05, 0], [0.05, 0.9, -0.02], [0, -0.02, 1.2]]
    return AffineTransform.about(linear, (5, 6, 7), FIXED.centre)


def test_shape_is_that_of_a_description_on_an_upright_grid() -> None:
    upright = Grid((20, 30, 26), (9.0, 7.0, 12.0), (40.0, -70.0, 15.0))
    told, found = describe(sheared(), upright), shape_of(sheared())
    np.testing.assert_allclose(found["scales"], told.scales)
    np.testing.assert_allclose(found["shears"], told.shears)
    assert found["determinant"] == pytest.approx(told.determinant)


def test_shape_goes_along_the_axes_of_the_patient() -> None:
    linear = rotation_matrix((3, 4, 5)) @ np.diag([1.2, 0.9, 1.05])
    found = shape_of(AffineTransform.about(linear, (0, 0, 0), FIXED.centre))
    np.testing.assert_allclose(found["scales"], [1.2, 0.9, 1.05])
    np.testing.assert_allclose(found["shears"], 0, atol=1e-12)


def test_a_mirror_has_a_determinant_and_no_scales() -> None:
    told = shape_of(AffineTransform(np.diag([-1.0, 1, 1.1, 1])))
    assert told == {"determinant": pytest.approx(-1.1), "scales": None, "shears": None}


def test_nine_parameters_have_no_shear_and_lose_little() -> None:
    nine = without_shears(sheared(), FIXED.centre)
    np.testing.assert_allclose(shape_of(nine)["shears"], 0, atol=1e-12)
    np.testing.assert_allclose(shape_of(nine)["scales"], shape_of(sheared())["scales"])
    np.testing.assert_allclose(
        nine.map_points(FIXED.centre), sheared().map_points(FIXED.centre), atol=1e-9
    )
    again = without_shears(nine, FIXED.centre)
    np.testing.assert_allclose(again.matrix, nine.matrix, atol=1e-9)
