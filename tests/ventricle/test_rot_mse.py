"""The error of the angles alpha, beta, gamma of Ni et al., R = Ry Rx Rz."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from phantoms import small_pair
from regkit import AffineTransform, Case, Estimate
from regkit.metrics.evaluation import Evaluation
from regkit.registration.run import RegistrationResult
from regkit.registration.verdict import Verdict
from regkit_ventricle.pose_metrics import rot_mse

TABLE_2_MEANS = (-0.83, -1.14, 1.22)


def turned(angles_rad) -> AffineTransform:
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("YXZ", angles_rad).as_matrix()
    matrix[:3, 3] = (40.0, -30.0, 60.0)
    return AffineTransform(matrix)


def score(true_rad, found_rad) -> float:
    pair = small_pair()
    estimate = Estimate(turned(found_rad))
    result = RegistrationResult("told", {}, pair, estimate, Verdict("OK", (), {}), 0.0)
    return rot_mse(Evaluation(Case("a", pair, turned(true_rad)), result))


def test_it_is_the_mean_squared_difference_of_the_papers_angles() -> None:
    miss = np.array([0.1, -0.2, 0.05])
    found = score(TABLE_2_MEANS, TABLE_2_MEANS + miss)
    assert found == pytest.approx((miss**2).mean(), rel=1e-9)


def test_the_extremes_of_table_2_beyond_a_right_angle_are_no_jump() -> None:
    """Beta reaches -1.68 rad; decomposed on its own, -1.60 and -1.54 rad are half a turn apart."""
    assert score((-0.8, -1.60, 1.2), (-0.8, -1.54, 1.2)) == pytest.approx(0.06**2 / 3, rel=1e-6)


def test_whole_turns_do_not_count() -> None:
    assert score((3.1, 0.2, -3.1), (-3.1, 0.2, 3.1)) == pytest.approx(
        2 * (2 * np.pi - 6.2) ** 2 / 3, rel=1e-6
    )
