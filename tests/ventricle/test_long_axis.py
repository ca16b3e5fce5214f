"""Axes, frames and volumes of shells are those they were made with, however they lie."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regkit.errors import RegistrationError
from regkit.geometry.rigid import rigid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap
from regkit_ventricle.axis import long_axis
from regkit_ventricle.frame import frame_along_axis, offset_mm, tilt_deg, upright_frame
from regkit_ventricle.labels import ventricle_of
from ventricle_shells import POSE, Shell, box, cube, holed

SHELL = Shell()
ANGLES = st.tuples(*[st.floats(-180, 180)] * 3)


def angle_deg(a, b):
    return np.rad2deg(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1)))


@settings(max_examples=15)
@given(
    turned=ANGLES,
    oblique=ANGLES,
    spacing=st.tuples(*[st.floats(2.0, 4.5)] * 3),
    flips=st.tuples(*[st.sampled_from((-1.0, 1.0))] * 3),
)
def test_the_axis_is_found_on_any_grid(turned, oblique, spacing, flips):
    pose = rigid(turned, (40.0, -300.0, 900.0))
    direction = rotation_matrix(oblique) * flips
    _, labels = SHELL.draw(box(spacing, direction, pose=pose), pose)
    axis = long_axis(labels)
    voxel = max(spacing)
    assert angle_deg(axis.direction, pose.matrix[:3, 2]) < 2.5
    there = pose.inverse()
    assert there.map_points(axis.base) == pytest.approx([0, 0, SHELL.cut], abs=voxel)
    assert there.map_points(axis.apex) == pytest.approx([0, 0, -SHELL.depth], abs=voxel)
    cavity_end = [0, 0, SHELL.wall - SHELL.depth]
    assert there.map_points(axis.cavity_end) == pytest.approx(cavity_end, abs=voxel)
    ventricle = ventricle_of(labels)
    assert ventricle.myocardium_ml == pytest.approx(SHELL.myocardium_ml, rel=0.05)
    assert ventricle.cavity_ml == pytest.approx(SHELL.cavity_ml, rel=0.05)


def test_a_finer_grid_gives_finer_answers():
    _, labels = SHELL.draw(cube(1.5))
    axis, ventricle = long_axis(labels), ventricle_of(labels)
    assert angle_deg(axis.direction, POSE.matrix[:3, 2]) < 0.3
    assert axis.length_mm == pytest.approx(SHELL.depth + SHELL.cut, abs=1.0)
    assert ventricle.myocardium_ml == pytest.approx(SHELL.myocardium_ml, rel=0.01)
    assert ventricle.cavity_ml == pytest.approx(SHELL.cavity_ml, rel=0.01)


def test_a_round_cavity_has_the_axis_of_its_opening():
    stout = Shell(radius=40.0, depth=44.0, wall=9.0, cut=22.0)
    _, labels = stout.draw(cube(2.5))
    assert angle_deg(long_axis(labels).direction, POSE.matrix[:3, 2]) < 3.0


def test_other_pieces_and_other_labels_do_not_turn_the_axis():
    _, labels = SHELL.draw(cube())
    array = labels.array.copy()
    array[:4, :4, :4] = 1
    array[-5:, -5:, -5:] = 7
    found = ventricle_of(labels.with_array(array))
    np.testing.assert_array_equal(long_axis(found).apex, long_axis(labels).apex)
    strays = 64 / ((labels.array > 0).sum() + 64)
    assert found.stray_fraction == pytest.approx(strays)


def test_a_hole_in_the_wall_is_not_the_base():
    _, labels = SHELL.draw(cube())
    array = labels.array.copy()
    z, y, x = np.rint(labels.grid.to_index(POSE.map_points((0.0, 0.0, -50.0)))).astype(int)
    array[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] = 2
    holed = long_axis(labels.with_array(array))
    assert angle_deg(holed.direction, POSE.matrix[:3, 2]) < 3.0


@settings(max_examples=8, deadline=None)
@given(
    turned=ANGLES,
    where=st.tuples(st.floats(-np.pi, np.pi), st.floats(0.0, 1.0)),
    fraction=st.floats(0.05, 1 / 3),
    wall=st.floats(8.0, 12.5),
)
def test_no_defect_of_the_wall_is_the_base(turned, where, fraction, wall):
    """A third of the wall may be missing, at the apex, at the base or all along one side."""
    pose = rigid(turned, (40.0, -300.0, 900.0))
    shell = Shell(wall=wall)
    _, labels = shell.draw(cube(3.0, pose=pose), pose)
    angle, height = where
    z = -shell.depth + height * (shell.cut + shell.depth)
    about = pose.map_points((34.0 * np.cos(angle), 34.0 * np.sin(angle), z))
    axis = long_axis(holed(labels, about, fraction))
    assert angle_deg(axis.direction, pose.matrix[:3, 2]) < 2.5
    whole = long_axis(labels)
    for end in ("cavity_end", "base"):
        np.testing.assert_allclose(getattr(axis, end), getattr(whole, end), atol=2.0)
    # Where the wall is missing at the apex, nothing shows how far out it reached.
    np.testing.assert_allclose(axis.apex, whole.apex, atol=wall)
    np.testing.assert_allclose(axis.centre, whole.centre, atol=wall / 2)


@pytest.mark.parametrize("side", [(-20.0, -58.0), (34.0, -10.0), (30.0, 25.0)])
def test_a_cavity_that_leaks_through_a_defect_keeps_its_axis(side):
    _, labels = SHELL.draw(cube(3.0))
    x, z = side
    leaking = holed(labels, POSE.map_points((x, 0.0, z)), 0.25, number=2)
    assert angle_deg(long_axis(leaking).direction, POSE.matrix[:3, 2]) < 8.0


def test_a_ventricle_at_the_edge_of_the_image_is_cut_not_wrapped():
    _, labels = SHELL.draw(cube())
    first = np.argwhere(labels.array > 0).min(axis=0)
    rest = labels.array[first[0] :, first[1] :, first[2] :]
    origin = tuple(labels.grid.to_physical(first))
    grid = type(labels.grid)(rest.shape, labels.grid.spacing, origin)
    np.testing.assert_allclose(
        long_axis(LabelMap(rest, grid)).direction, long_axis(labels).direction, atol=1e-9
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (np.zeros_like, r"0 voxels of myocardium \(label 1\)"),
        (lambda a: np.where(a == 1, 0, a), r"0 voxels of myocardium \(label 1\)"),
        (lambda a: np.where(a == 2, 0, a), r"0 voxels of blood pool \(label 2\)"),
    ],
)
def test_labels_without_a_ventricle_are_refused(change, words):
    _, labels = SHELL.draw(cube())
    with pytest.raises(RegistrationError, match=f"show no left ventricle: {words}"):
        long_axis(labels.with_array(change(labels.array)))


def test_a_cavity_that_opens_nowhere_has_no_base():
    closed = Shell(cut=60.0)
    _, labels = closed.draw(cube())
    with pytest.raises(RegistrationError, match="encloses the blood pool on all sides"):
        long_axis(labels)


@given(turn=st.floats(-180, 180), lean=st.floats(-40, 40))
@settings(max_examples=10)
def test_a_frame_keeps_its_turn_and_takes_the_axis(turn, lean):
    _, labels = SHELL.draw(cube(4.0))
    axis = long_axis(labels)
    about = POSE @ rigid((0, 0, turn))
    leaning = about @ rigid((lean, 0, 0), (5.0, -9.0, 3.0))
    frame = frame_along_axis(axis, leaning)
    assert frame.is_rigid
    assert tilt_deg(axis, frame) == pytest.approx(0, abs=1e-6)
    assert offset_mm(axis, frame) == pytest.approx(0, abs=1e-6)
    # Leaning about x turns nothing about z: the lateral wall stays.
    assert angle_deg(frame.matrix[:3, 0], about.matrix[:3, 0]) < 3.0


def test_tilt_and_offset_are_what_was_done():
    _, labels = SHELL.draw(cube(2.0))
    axis = long_axis(labels)
    straight = frame_along_axis(axis, POSE)
    moved = straight @ rigid((0, 30, 0), (3.0, 4.0, 12.0))
    assert tilt_deg(axis, moved) == pytest.approx(30, abs=1e-6)
    assert offset_mm(axis, moved) == pytest.approx(13, abs=1e-6)
    assert tilt_deg(axis, straight @ rigid((180, 0, 0))) == pytest.approx(180, abs=1e-4)


def test_a_frame_whose_inferior_wall_is_at_the_base_still_gives_one():
    _, labels = SHELL.draw(cube(4.0))
    axis = long_axis(labels)
    upside_down = frame_along_axis(axis, POSE) @ rigid((90, 0, 0))
    frame = frame_along_axis(axis, upside_down)
    assert frame.is_rigid
    assert tilt_deg(axis, frame) == pytest.approx(0, abs=1e-6)
    assert offset_mm(axis, frame) == pytest.approx(0, abs=1e-6)


def test_an_upright_frame_has_superior_up():
    _, labels = SHELL.draw(cube(4.0))
    frame = upright_frame(long_axis(labels))
    assert frame.is_rigid
    x, y, _ = frame.matrix[:3, :3].T
    assert x[2] == pytest.approx(0, abs=1e-9)  # the lateral direction lies in a transaxial plane
    assert y[2] < 0


def test_an_axis_along_the_patient_still_gives_an_upright_frame():
    _, labels = SHELL.draw(cube(4.0, pose=AffineTransform(np.eye(4))), AffineTransform(np.eye(4)))
    axis = long_axis(labels)
    ends = (np.array([0.0, 0.0, z]) for z in (-58.0, -47.5, -10.0, 30.0))
    exact = type(axis)(*ends, axis.cup)
    frame = upright_frame(exact)
    assert frame.is_rigid
    assert tilt_deg(exact, frame) == pytest.approx(0, abs=1e-6)
