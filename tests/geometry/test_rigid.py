"""Angles and axes agree with SimpleITK and SciPy."""

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from regkit import AffineTransform, rigid
from regkit.geometry.rigid import rigid_parameters
from regkit.geometry.rotation import (
    euler_angles,
    nearest_rotation,
    rotation_angle,
    rotation_axis,
    rotation_matrix,
)
from strategies import DEGREES, MM, POINTS, affines, triples


@given(triples(DEGREES), triples(MM), triples(MM), POINTS)
def test_rigid_is_simpleitks_euler_transform_in_zyx_order(angles, shift, centre, points):
    judge = sitk.Euler3DTransform(centre, *np.deg2rad(angles).tolist(), shift)
    judge.SetComputeZYX(True)
    expected = [judge.TransformPoint(p.tolist()) for p in points]
    mapped = rigid(angles, shift, centre).map_points(points)
    np.testing.assert_allclose(mapped, expected, atol=1e-9)


@given(triples(DEGREES))
def test_angles_give_back_the_same_rotation(angles):
    rotation = rotation_matrix(angles)
    np.testing.assert_allclose(rotation_matrix(euler_angles(rotation)), rotation, atol=1e-8)


@given(DEGREES, st.floats(-89, 89), DEGREES)
def test_angles_away_from_gimbal_lock_are_found_again(x, y, z):
    found = euler_angles(rotation_matrix((x, y, z)))
    difference = (np.subtract(found, (x, y, z)) + 180) % 360 - 180
    np.testing.assert_allclose(difference, 0, atol=1e-6)


@pytest.mark.parametrize("y", [90.0, -90.0])
def test_gimbal_lock_sets_the_first_angle_to_zero(y):
    rotation = rotation_matrix((25, y, 40))
    x, found_y, z = euler_angles(rotation)
    assert (x, found_y) == (0.0, pytest.approx(y))
    np.testing.assert_allclose(rotation_matrix((x, found_y, z)), rotation, atol=1e-12)


@given(triples(st.floats(-1, 1)).filter(lambda a: np.linalg.norm(a) > 0.1), st.floats(0.01, 179.9))
def test_axis_and_angle_are_those_of_scipy(direction, angle):
    axis = np.array(direction) / np.linalg.norm(direction)
    rotation = Rotation.from_rotvec(axis * angle, degrees=True).as_matrix()
    assert rotation_angle(rotation) == pytest.approx(angle, abs=1e-6)
    np.testing.assert_allclose(rotation_axis(rotation), axis, atol=1e-6)


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, 0, 0.8)])
def test_half_turns_have_their_axis(axis):
    rotation = Rotation.from_rotvec(np.pi * np.array(axis)).as_matrix()
    assert rotation_angle(rotation) == pytest.approx(180)
    assert abs(np.dot(rotation_axis(rotation), axis)) == pytest.approx(1)


def test_tiny_angles_are_exact():
    assert rotation_angle(rotation_matrix((0, 0, 1e-7))) == pytest.approx(1e-7, rel=1e-6)


def test_no_rotation_has_a_conventional_axis():
    assert rotation_axis(np.eye(3)) == (0.0, 0.0, 1.0)


@given(affines())
def test_nearest_rotation_is_a_rotation_and_no_other_is_nearer(transform):
    linear = transform.matrix[:3, :3]
    nearest = nearest_rotation(linear)
    np.testing.assert_allclose(nearest.T @ nearest, np.eye(3), atol=1e-9)
    assert np.linalg.det(nearest) == pytest.approx(1)
    distance = np.linalg.norm(linear - nearest)
    for turn in np.concatenate([np.eye(3), -np.eye(3)]) * 0.5:
        other = rotation_matrix(turn) @ nearest
        assert np.linalg.norm(linear - other) >= distance - 1e-9


@given(triples(st.floats(-80, 80)), triples(MM), triples(MM))
def test_parameters_describe_what_was_built(angles, shift, centre):
    found = rigid_parameters(rigid(angles, shift, centre), centre)
    np.testing.assert_allclose(found.euler_deg, angles, atol=1e-6)
    np.testing.assert_allclose(found.translation_mm, shift, atol=1e-9)
    turn = Rotation.from_euler("xyz", angles, degrees=True)
    assert found.rotation_deg == pytest.approx(np.rad2deg(turn.magnitude()), abs=1e-6)
    assert found.centre_mm == centre


def test_scaling_has_no_rotation():
    found = rigid_parameters(AffineTransform(np.diag([2, 1.5, 1, 1])), (0, 0, 0))
    assert found.rotation_deg == pytest.approx(0)
