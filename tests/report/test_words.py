"""What is said about a transform is true."""

import json

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from regkit import IDENTITY, AffineTransform, DisplacementField, Grid, TransformChain, rigid
from regkit.geometry.transform import model_of
from regkit.report.description import describe, transform_record
from regkit.report.transform_text import explain_transform
from strategies import DEGREES, MM, affines, grids, triples

FIXED = Grid((20, 30, 40), (2.0, 2.0, 3.0), (-40.0, -30.0, 10.0))
MOVING = Grid((30, 30, 30), (2.0, 2.0, 2.0), (5, 6, 7), (-1, 0, 0, 0, 0, 1, 0, 1, 0))


def words(transform, fixed=FIXED, moving=None):
    """Return the explanation as one line."""
    return " ".join(explain_transform(transform, fixed, moving).plain.split())


@pytest.mark.parametrize(
    ("transform", "model"),
    [
        (IDENTITY, "identity"),
        (AffineTransform.shift((0, 0, 1e-3)), "translation"),
        (rigid((0, 0, 0.1)), "rigid"),
        (AffineTransform(rigid((3, 4, 5)).matrix @ np.diag([1.2, 1.2, 1.2, 1])), "similarity"),
        (AffineTransform(np.diag([1.2, 1.0, 1.0, 1])), "affine"),
        (AffineTransform(np.diag([-1.0, 1.0, 1.0, 1])), "affine"),
        (AffineTransform(np.diag([-1.0, -1.0, -1.0, 1])), "affine"),
        (DisplacementField(np.zeros((2, 2, 2, 3)), Grid((2, 2, 2))), "displacement field"),
        (TransformChain((IDENTITY, IDENTITY)), "chain"),
    ],
)
def test_the_simplest_model_is_named(transform, model):
    assert model_of(transform) == model


@pytest.mark.parametrize(
    ("angles", "said", "pole", "towards"),
    [
        ((0, 0, 5), "head-foot axis: left towards posterior", (1, 0, 0), (0, 1, 0)),
        ((0, 0, -5), "head-foot axis: left towards anterior", (1, 0, 0), (0, -1, 0)),
        ((5, 0, 0), "left-right axis: posterior towards superior", (0, 1, 0), (0, 0, 1)),
        ((-5, 0, 0), "left-right axis: posterior towards inferior", (0, 1, 0), (0, 0, -1)),
        ((0, 5, 0), "front-back axis: superior towards left", (0, 0, 1), (1, 0, 0)),
        ((0, -5, 0), "front-back axis: superior towards right", (0, 0, 1), (-1, 0, 0)),
    ],
)
def test_turns_go_the_way_that_is_said(angles, said, pole, towards):
    """From fixed to moving, the side that is named first moves towards the second."""
    turn = rigid(angles)
    assert np.dot(turn.map_points(pole), towards) == pytest.approx(np.sin(np.deg2rad(5)))
    assert f"in the moving image the patient is rotated by 5.00 degrees about the {said}" in words(
        turn
    )


def test_an_oblique_turn_names_the_nearest_axis():
    assert "about an oblique axis, nearest to head-foot: left towards posterior" in words(
        rigid((3, 2, 6))
    )


def test_where_the_centre_lands_and_how_to_bring_it_back():
    said = words(AffineTransform.shift((4, -5, 6)))
    x, y, z = FIXED.centre
    assert f"the centre of the fixed image, ({x:.2f}, {y:.2f}, {z:.2f}), maps to " in said
    assert f"({x + 4:.2f}, {y - 5:.2f}, {z + 6:.2f}) in the moving image" in said
    assert "must be shifted by (-4.00, 5.00, -6.00) mm" in said
    assert "(4.0 right, 5.0 posterior, 6.0 inferior)" in said


@given(triples(st.floats(-80, 80)), triples(MM), grids())
def test_motion_is_told_about_the_fixed_centre(angles, shift, grid):
    found = describe(rigid(angles, shift, grid.centre), grid)
    np.testing.assert_allclose(found.motion.euler_deg, angles, atol=1e-6)
    np.testing.assert_allclose(found.motion.translation_mm, shift, atol=1e-6)
    np.testing.assert_allclose(found.mapped_centre, np.add(grid.centre, shift), atol=1e-6)
    magnitude = Rotation.from_euler("xyz", angles, degrees=True).magnitude()
    assert found.motion.rotation_deg == pytest.approx(np.rad2deg(magnitude), abs=1e-6)


@given(affines(), grids())
def test_largest_displacement_is_at_a_corner_and_mean_below_it(transform, grid):
    found = describe(transform, grid).displacement
    corners = grid.corners()
    largest = np.linalg.norm(transform.map_points(corners) - corners, axis=1).max()
    assert found.largest_mm == pytest.approx(largest)
    assert found.mean_mm <= largest + 1e-9


def test_mean_displacement_of_a_turn_worked_out_by_hand():
    """About z every point moves 2 sin(angle / 2) times its distance from the axis."""
    grid = Grid((3, 9, 9))
    x, y = np.meshgrid(np.arange(9) - 4, np.arange(9) - 4)
    expected = 2 * np.sin(np.deg2rad(5)) * np.hypot(x, y).mean()
    turn = rigid((0, 0, 10), centre_mm=grid.centre)
    assert describe(turn, grid).displacement.mean_mm == pytest.approx(expected)


def test_determinant_of_a_field_is_its_smallest_jacobian():
    grid = Grid((5, 7, 9), (1.0, 1.0, 2.0))
    ramp = np.zeros((*grid.shape_zyx, 3))
    ramp[..., 0] = -0.25 * grid.to_physical(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))[..., 0]
    found = describe(DisplacementField(ramp, grid), grid)
    assert found.displacement.smallest_determinant == pytest.approx(0.75)
    image = sitk.GetImageFromArray(ramp, isVector=True)
    image.SetSpacing(grid.spacing)
    jacobian = sitk.GetArrayFromImage(sitk.DisplacementFieldJacobianDeterminant(image))
    inner = jacobian[1:-1, 1:-1, 1:-1]
    assert found.displacement.smallest_determinant == pytest.approx(inner.min(), abs=1e-5)


def test_scales_and_shears_are_those_put_in():
    stretch = np.array([[1.2, 0.05, 0], [0.05, 0.9, -0.02], [0, -0.02, 1]])
    turn = rigid((10, -20, 30)).matrix[:3, :3]
    found = describe(AffineTransform.about(turn @ stretch, (0, 0, 0), FIXED.centre), FIXED)
    np.testing.assert_allclose(found.scales, (1.2, 0.9, 1), atol=1e-9)
    np.testing.assert_allclose(found.shears, (0.05, 0, -0.02), atol=1e-9)
    np.testing.assert_allclose(found.motion.euler_deg, (10, -20, 30), atol=1e-6)


@given(affines(), grids(), grids(), triples(st.floats(0, 8)))
def test_every_matrix_maps_what_it_says(transform, fixed, moving, index):
    """One anatomical point, written down in each convention, goes where its matrix says."""
    forms = {form.name: form.matrix for form in describe(transform, fixed, moving).matrices}
    in_fixed = fixed.to_physical(index)
    in_moving = transform.map_points(in_fixed)
    ras = np.array([-1, -1, 1])
    cases = {
        "lps": (in_fixed, in_moving),
        "ras": (in_fixed * ras, in_moving * ras),
        "freesurfer": (in_moving * ras, in_fixed * ras),
        "voxel": (fixed.to_index(in_fixed)[::-1], moving.to_index(in_moving)[::-1]),
        "fsl": (fsl_coordinates(moving, in_moving), fsl_coordinates(fixed, in_fixed)),
    }
    for name, (source, target) in cases.items():
        mapped = forms[name] @ np.append(source, 1)
        np.testing.assert_allclose(mapped[:3], target, atol=1e-5, err_msg=name)


def fsl_coordinates(grid, point):
    i, j, k = grid.to_index(point)[::-1]
    if np.linalg.det(grid.affine[:3, [2, 1, 0]]) > 0:
        i = grid.shape_zyx[2] - 1 - i
    return np.array([i, j, k]) * grid.spacing


def test_each_matrix_states_its_direction():
    said = words(rigid((1, 2, 3)), FIXED, MOVING)
    for statement in (
        "lps FIXED -> MOVING, LPS mm",
        "ras FIXED -> MOVING, RAS mm",
        "fsl MOVING -> FIXED, FSL's mm",
        "freesurfer MOVING (src) -> FIXED (dst), RAS mm",
        "voxel FIXED (i, j, k) -> MOVING (i, j, k)",
    ):
        assert statement in said


@pytest.mark.parametrize(
    ("fixed", "moving", "needs"),
    [(None, None, "--fixed and --moving"), (FIXED, None, "--moving"), (None, MOVING, "--fixed")],
)
def test_forms_that_need_images_say_so(fixed, moving, needs):
    said = words(rigid((1, 2, 3)), fixed, moving)
    assert said.count(f"needs {needs}") >= 2


def test_without_a_fixed_image_the_origin_is_the_centre():
    found = describe(rigid((0, 0, 90), centre_mm=(10, 0, 0)))
    assert found.centre == (0, 0, 0)
    np.testing.assert_allclose(found.motion.translation_mm, (10, -10, 0), atol=1e-9)
    assert "Motion about the origin (no fixed image was given)" in words(IDENTITY, None)


@pytest.mark.parametrize(
    ("diagonal", "said"),
    [
        ((1, 1, 1), "1.000000: volumes are preserved"),
        ((1.1, 1, 1), "1.100000: volumes grow by 10.00 %"),
        ((1, 0.5, 1), "0.500000: volumes shrink by 50.00 %"),
        ((-1, 1, 1), "a reflection: it swaps left and right"),
        ((1, 1, 0), "singular: the map has no inverse"),
    ],
)
def test_determinant_in_words(diagonal, said):
    assert said in words(AffineTransform(np.diag([*diagonal, 1.0])))


def test_a_singular_map_has_no_inverse_matrices():
    said = words(AffineTransform(np.diag([1, 1, 0, 1.0])), FIXED, MOVING)
    assert said.count("needs an inverse, which this transform does not have") == 2


def test_a_chain_lists_its_steps_and_its_linear_part():
    field = DisplacementField(np.full((20, 30, 40, 3), 0.5), FIXED)
    said = words(field @ rigid((0, 0, 3), centre_mm=FIXED.centre))
    assert "transforms one after the other (rigid, then displacement field)" in said
    assert "Linear part at the centre (FIXED -> MOVING, LPS mm)" in said


def test_no_line_is_wider_than_a_terminal():
    lines = explain_transform(
        rigid((14, -23, 5), (100, -200, 300)), FIXED, MOVING
    ).plain.splitlines()
    assert max(map(len, lines)) <= 92


def test_no_minus_zero_is_shown():
    said = words(rigid((0, 0, 0), (-1e-9, 0, 0)), FIXED, MOVING)
    assert "-0.00 " not in said
    assert "-0.000000" not in said


@given(affines(), grids())
def test_the_description_is_plain_data(transform, grid):
    data = json.loads(json.dumps(describe(transform, grid, grid).as_data(), allow_nan=False))
    np.testing.assert_array_equal(data["matrices"]["lps"]["matrix"], transform.matrix)
    assert data["centre_mm"] == list(grid.centre)


RECORD_KEYS = ["model", "matrix", "centre_mm", "euler_deg", "translation_mm", "rotation_deg"]


@given(triples(DEGREES), triples(MM), grids())
def test_the_record_rebuilds_the_transform(angles, shift, grid):
    transform = rigid(angles, shift, grid.centre)
    record = transform_record(transform, grid, "out.tfm")
    assert list(record) == [*RECORD_KEYS, "file"]
    assert (record["file"], record["centre_mm"]) == ("out.tfm", list(grid.centre))
    rebuilt = rigid(record["euler_deg"], record["translation_mm"], record["centre_mm"])
    np.testing.assert_allclose(rebuilt.matrix, transform.matrix, atol=1e-5)
    json.dumps(record, allow_nan=False)


def test_the_record_of_a_field_holds_its_tangent_at_the_centre():
    turn = rigid((4, 5, 6), (1, 2, 3), FIXED.centre)
    index = np.moveaxis(np.indices(FIXED.shape_zyx), 0, -1)
    points = FIXED.to_physical(index)
    field = DisplacementField(turn.map_points(points) - points, FIXED)
    record = transform_record(field, FIXED, "out.h5")
    assert record["model"] == "deformable"
    np.testing.assert_allclose(record["matrix"], turn.matrix, atol=1e-9)
    np.testing.assert_allclose(record["euler_deg"], (4, 5, 6), atol=1e-6)
