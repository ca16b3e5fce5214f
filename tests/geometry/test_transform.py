"""The laws of transforms; SimpleITK judges what a displacement field does."""

import numpy as np
import pytest
from hypothesis import given

from regkit import IDENTITY, AffineTransform, DisplacementField, Grid, TransformChain, rigid
from regkit.errors import NotInvertibleError, TransformError
from regkit.geometry.sitk_bridge import transform_to_sitk
from regkit.geometry.transform import linear_part
from strategies import MM, POINTS, RIGID, affines, chains, fields, triples


@given(affines(), affines(), POINTS)
def test_b_at_a_maps_through_a_first(a, b, points):
    expected = b.map_points(a.map_points(points))
    assert isinstance(b @ a, AffineTransform)
    np.testing.assert_allclose((b @ a).map_points(points), expected, atol=1e-6)


@given(affines(), fields(), affines(), POINTS)
def test_composition_is_associative(a, b, c, points):
    left, right = (c @ b) @ a, c @ (b @ a)
    np.testing.assert_allclose(left.map_points(points), right.map_points(points), atol=1e-9)


@given(affines(), fields())
def test_chains_stay_flat(a, f):
    chain = (a @ f) @ (f @ a)
    assert [type(t) for t in chain.transforms] == [
        AffineTransform,
        DisplacementField,
        DisplacementField,
        AffineTransform,
    ]


@given(affines(), POINTS)
def test_inverse_brings_points_back(transform, points):
    back = transform.inverse().map_points(transform.map_points(points))
    np.testing.assert_allclose(back, points, atol=1e-6)


@given(RIGID, POINTS)
def test_rigid_maps_keep_distances(transform, points):
    assert transform.is_rigid
    assert transform.determinant == pytest.approx(1)
    before = np.linalg.norm(points - points[0], axis=1)
    mapped = transform.map_points(points)
    np.testing.assert_allclose(np.linalg.norm(mapped - mapped[0], axis=1), before, atol=1e-9)


@given(affines(), triples(MM))
def test_linear_part_of_an_affine_map_is_its_matrix(transform, centre):
    np.testing.assert_allclose(linear_part(transform, centre), transform.matrix[:3, :3], atol=1e-9)


@given(fields())
def test_fields_map_as_simpleitk_does(field):
    judge = transform_to_sitk(field)
    rng = np.random.default_rng(0)
    # Off the lattice of half voxels, where the two may differ by rounding.
    index = rng.uniform(-1.5, np.array(field.grid.shape_zyx) + 0.5, (20, 3))
    points = field.grid.to_physical(index)
    expected = [judge.TransformPoint(p.tolist()) for p in points]
    np.testing.assert_allclose(field.map_points(points), expected, atol=1e-9)


@given(chains(), POINTS)
def test_chains_map_as_simpleitks_composites(chain, points):
    judge = transform_to_sitk(chain)
    expected = [judge.TransformPoint(p.tolist()) for p in points]
    np.testing.assert_allclose(chain.map_points(points), expected, atol=1e-6)


def smooth_field():
    grid = Grid((12, 14, 16), (2.0, 2.5, 3.0), (-20, 5, 8))
    z, y, x = np.meshgrid(
        *(np.sin(np.linspace(0, np.pi, n)) for n in grid.shape_zyx), indexing="ij"
    )
    bump = (z * y * x)[..., None]
    return DisplacementField(bump * (2.0, -1.5, 1.0), grid)


def test_inverse_of_a_field_brings_inner_points_back():
    field = smooth_field()
    rng = np.random.default_rng(0)
    points = field.grid.to_physical(rng.uniform(3, np.array(field.grid.shape_zyx) - 4, (50, 3)))
    back = field.inverse().map_points(field.map_points(points))
    assert np.abs(back - points).max() < 0.1


def test_inverse_of_a_chain_undoes_its_steps_in_reverse():
    field, turn = smooth_field(), rigid((3, 2, 1), (1, 0, 0))
    inverse = (field @ turn).inverse()
    assert [type(t) for t in inverse.transforms] == [DisplacementField, AffineTransform]


def test_a_folded_field_has_no_inverse():
    grid = Grid((6, 6, 6))
    folded = np.zeros((6, 6, 6, 3))
    folded[..., 0] = -3.0 * np.arange(6) * (np.arange(6) % 2)
    with pytest.raises(NotInvertibleError, match="folds, or is too steep"):
        DisplacementField(folded, grid).inverse()


def test_a_singular_matrix_has_no_inverse():
    with pytest.raises(NotInvertibleError, match="determinant is 0"):
        AffineTransform(np.diag([1, 1, 0, 1])).inverse()


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.eye(3), "needs a 4 x 4 matrix"),
        (np.diag([1, np.nan, 1, 1]), "finite"),
        (np.diag([1, 1, 1, 2]), "last row must be 0 0 0 1"),
    ],
)
def test_what_is_no_affine_matrix_is_refused(matrix, words):
    with pytest.raises(TransformError, match=words):
        AffineTransform(matrix)


@pytest.mark.parametrize(
    ("displacement", "words"),
    [(np.zeros((2, 3, 4)), "needs shape"), (np.full((2, 3, 4, 3), np.inf), "finite")],
)
def test_what_is_no_field_is_refused(displacement, words):
    with pytest.raises(TransformError, match=words):
        DisplacementField(displacement, Grid((2, 3, 4)))


def test_shapes_of_points_are_kept():
    assert IDENTITY.map_points([1, 2, 3]).shape == (3,)
    assert smooth_field().map_points(np.zeros((2, 5, 3))).shape == (2, 5, 3)
    assert TransformChain(()).map_points(np.zeros((2, 3))).shape == (2, 3)


def test_equal_matrices_are_equal_transforms():
    assert rigid((1, 2, 3)) == rigid((1, 2, 3))
    assert hash(rigid((1, 2, 3))) == hash(rigid((1, 2, 3)))
    assert rigid((1, 2, 3)) != rigid((1, 2, 4))
    assert AffineTransform.shift((1, 2, 3)).map_points((0, 0, 0)).tolist() == [1, 2, 3]
