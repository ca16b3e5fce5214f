"""A grid says the same about space as SimpleITK and nibabel."""

import itertools

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st

from regkit import Grid
from regkit.errors import GeometryError
from strategies import POINTS, grids


def as_image(grid):
    image = sitk.Image(grid.shape_zyx[::-1], sitk.sitkUInt8)
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(grid.direction)
    return image


@given(grids(), st.tuples(*[st.floats(-5, 15)] * 3))
def test_physical_points_are_those_of_simpleitk(grid, index_zyx):
    expected = as_image(grid).TransformContinuousIndexToPhysicalPoint(index_zyx[::-1])
    np.testing.assert_allclose(grid.to_physical(index_zyx), expected, atol=1e-9)


@given(grids(), POINTS)
def test_indices_are_those_of_simpleitk(grid, points):
    image = as_image(grid)
    expected = [image.TransformPhysicalPointToContinuousIndex(p.tolist())[::-1] for p in points]
    np.testing.assert_allclose(grid.to_index(points), expected, atol=1e-9)


@given(grids(), POINTS)
def test_index_and_point_undo_each_other(grid, points):
    np.testing.assert_allclose(grid.to_physical(grid.to_index(points)), points, atol=1e-9)


@given(grids())
def test_a_grid_is_known_by_its_affine(grid):
    rebuilt = Grid.from_affine(grid.shape_zyx, grid.affine)
    assert rebuilt.matches(grid, tolerance=1e-9)
    np.testing.assert_allclose(rebuilt.spacing, grid.spacing, rtol=1e-12)


@given(grids())
def test_affine_has_nibabels_axis_codes(grid):
    """Nibabel speaks RAS and x, y, z; the letters say the same."""
    ras = np.diag([-1, -1, 1, 1]) @ grid.affine[:, [2, 1, 0, 3]]
    np.testing.assert_allclose(nib.affines.voxel_sizes(ras), grid.spacing, rtol=1e-9)
    middle = nib.affines.apply_affine(ras, (np.array(grid.shape_zyx[::-1]) - 1) / 2)
    np.testing.assert_allclose(middle * (-1, -1, 1), grid.centre, atol=1e-9)


@given(grids())
def test_corners_are_the_ends_of_the_outer_voxels(grid):
    ends = [(-0.5, n - 0.5) for n in grid.shape_zyx]
    image = as_image(grid)
    expected = [
        image.TransformContinuousIndexToPhysicalPoint(index[::-1])
        for index in itertools.product(*ends)
    ]
    np.testing.assert_allclose(grid.corners(), expected, atol=1e-9)
    assert grid.contains(grid.corners()).all()
    outwards = grid.corners() + 0.01 * (grid.corners() - grid.centre)
    assert not grid.contains(outwards).any()


@given(grids())
def test_extent_is_the_length_of_the_edges(grid):
    corners = grid.corners()
    along_x, along_y, along_z = (np.linalg.norm(corners[i] - corners[0]) for i in (1, 2, 4))
    np.testing.assert_allclose(grid.extent, (along_x, along_y, along_z), rtol=1e-9)


def test_equal_grids_are_equal_and_hash_alike():
    a, b = (Grid(np.array([2, 3, 4]), np.array([1.0, 2, 3])) for _ in range(2))
    assert a == b
    assert hash(a) == hash(b)
    assert a != Grid((2, 3, 4), (1, 2, 3.1))


def test_matches_allows_a_share_of_a_voxel():
    grid = Grid((10, 10, 10), (1, 1, 2))
    assert grid.matches(Grid((10, 10, 10), (1, 1, 2), (0.0005, 0, 0)))
    assert not grid.matches(Grid((10, 10, 10), (1, 1, 2), (0.002, 0, 0)))
    assert not grid.matches(Grid((10, 10, 11), (1, 1, 2)))


def test_rounded_direction_is_made_orthonormal():
    turned = np.round(
        [[np.cos(0.3), -np.sin(0.3), 0], [np.sin(0.3), np.cos(0.3), 0], [0, 0, 1]], 4
    )
    direction = np.reshape(Grid((2, 2, 2), direction=tuple(turned.ravel())).direction, (3, 3))
    np.testing.assert_allclose(direction.T @ direction, np.eye(3), atol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"shape_zyx": (0, 2, 2)}, "three axes of at least one voxel"),
        ({"shape_zyx": (2.5, 2, 2)}, "of at least one voxel, whole numbers, got"),
        ({"shape_zyx": (2, 2)}, "shape_zyx must be 3 finite numbers"),
        ({"spacing": (1, 0, 1)}, "spacing must be positive"),
        ({"spacing": (1, -1, 1)}, "spacing must be positive"),
        ({"spacing": (1, np.nan, 1)}, "spacing must be 3 finite numbers"),
        ({"origin": (np.inf, 0, 0)}, "origin must be 3 finite numbers"),
        ({"direction": (1, 0, 0, 0, 1, 0, 0, 0, 0)}, "singular"),
        ({"direction": (1, 0.2, 0, 0, 1, 0, 0, 0, 1)}, "sheared or scaled"),
        ({"direction": (1, 0, 0)}, "direction must be 9 finite numbers"),
    ],
)
def test_impossible_grids_are_refused(arguments, words):
    with pytest.raises(GeometryError, match=words):
        Grid(**{"shape_zyx": (2, 2, 2), **arguments})


@pytest.mark.parametrize(
    ("affine", "words"),
    [
        (np.eye(3), "finite 4 x 4"),
        (np.diag([1, 1, np.nan, 1]), "finite 4 x 4"),
        (np.diag([1, 0, 1, 1]), "singular"),
    ],
)
def test_impossible_affines_are_refused(affine, words):
    with pytest.raises(GeometryError, match=words):
        Grid.from_affine((2, 2, 2), affine)


def test_an_affine_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        Grid((2, 2, 2)).affine[0, 0] = 2
