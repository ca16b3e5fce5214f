"""The angles of Ry Rx Rz agree with SciPy and are the set nearest to a wanted one."""

import numpy as np
import pytest
from hypothesis import given
from scipy.spatial.transform import Rotation

from regkit_ventricle.reorientation_angles import euler_angles_yxz, rotation_matrix_yxz
from strategies import DEGREES, triples


@given(triples(DEGREES))
def test_the_yxz_order_is_scipys(angles):
    expected = Rotation.from_euler("YXZ", angles, degrees=True).as_matrix()
    np.testing.assert_allclose(rotation_matrix_yxz(angles), expected, atol=1e-12)


@given(triples(DEGREES), triples(DEGREES))
def test_yxz_angles_make_the_rotation_and_are_the_nearer_set(angles, near):
    rotation = rotation_matrix_yxz(angles)
    found = np.array(euler_angles_yxz(rotation, near))
    np.testing.assert_allclose(rotation_matrix_yxz(found), rotation, atol=1e-8)
    y, x, z = found
    other = np.array([y + 180, 180 - x, z + 180])
    np.testing.assert_allclose(rotation_matrix_yxz(other), rotation, atol=1e-8)
    other = np.add(near, (other - near + 180) % 360 - 180)
    assert np.linalg.norm(found - near) <= np.linalg.norm(other - near) + 1e-6
    assert np.abs(found - near).max() <= 180 + 1e-9


@pytest.mark.parametrize("x", [90.0, -90.0])
def test_yxz_angles_at_gimbal_lock_keep_the_last_angle(x):
    rotation = rotation_matrix_yxz((20.0, x, 35.0))
    found = euler_angles_yxz(rotation, (0.0, 80.0, 35.0))
    np.testing.assert_allclose(rotation_matrix_yxz(found), rotation, atol=1e-8)
    assert found[2] == 35.0
    assert found[0] == pytest.approx(20.0, abs=1e-6)


def test_yxz_angles_beyond_a_right_angle_are_found_near_themselves():
    angles = np.rad2deg((-0.8, -1.68, 1.2))
    found = euler_angles_yxz(rotation_matrix_yxz(angles), np.rad2deg((-0.83, -1.14, 1.22)))
    np.testing.assert_allclose(found, angles, atol=1e-9)
