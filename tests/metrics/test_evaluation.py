import dataclasses

import numpy as np
import pytest

from phantoms import MOTION, SMALL, small_pair
from regkit import IDENTITY, Case, Estimate, rigid
from regkit.metrics.evaluation import evaluate
from regkit.registration.run import RegistrationResult
from regkit.registration.verdict import Verdict
from regkit.registry import default_registry
from regkit.testing.phantom import thorax_labels

POSE = {"dt_mm", "dr_deg", "rotation_deg", "rot_mse", "tre_mm"}
INTENSITY = {"nmse_pct", "nmae_pct"}
OVERLAP = {"dice", "hd95_mm"}


def scores(case, estimate):
    metrics = {offer.spec.name: offer.load() for offer in default_registry().metrics}
    verdict = Verdict("OK", (), {})
    result = RegistrationResult("told", {}, case.pair, Estimate(estimate), verdict, 0.0)
    return evaluate(case, result, metrics)


def full_case():
    labels = thorax_labels(SMALL), thorax_labels(SMALL, MOTION)
    return Case("a", small_pair(), MOTION, "p", *labels)


def test_the_truth_scores_best():
    found = scores(full_case(), MOTION)
    assert set(found) >= POSE | INTENSITY | OVERLAP
    for name in POSE | INTENSITY:
        assert found[name] == pytest.approx(0.0, abs=1e-9), name
    assert found["dice"] > 0.75  # nearest neighbour on 9 mm voxels, twice
    assert found["hd95_mm"] < 14.0


def test_a_known_error_scores_what_it_is():
    centre = SMALL.centre
    off = rigid((0.0, 0.0, 3.0), (1.0, -2.0, 6.0), MOTION.map_points(centre))
    found = scores(full_case(), off @ MOTION)
    assert found["dt_mm"] == pytest.approx(3.0)
    assert found["rotation_deg"] == pytest.approx(3.0)
    assert found["dr_deg"] == pytest.approx(1.0, abs=1e-6)  # Rz is the outermost factor
    assert found["dice"] < 0.75


def test_no_registration_scores_the_motion_itself():
    found = scores(full_case(), IDENTITY)
    assert found["dt_mm"] == pytest.approx(np.mean([12.0, 8.0, 10.0]), abs=0.2)
    assert found["dr_deg"] == pytest.approx(np.mean([4.0, 3.0, 6.0]), rel=1e-6)
    assert found["nmse_pct"] > 10


def test_angles_differ_the_short_way_round():
    truth = rigid((0.0, 0.0, 179.0))
    case = dataclasses.replace(full_case(), truth=truth)
    assert scores(case, rigid((0.0, 0.0, -179.0)))["dr_deg"] == pytest.approx(2 / 3, abs=1e-6)


def test_tre_is_the_mean_distance_of_the_landmarks():
    fixed = np.array([[0.0, 0.0, 0.0], [50.0, 0.0, 0.0]])
    moving = np.array([[3.0, 0.0, 0.0], [50.0, 4.0, 0.0]])
    case = Case("a", small_pair(), fixed_landmarks=fixed, moving_landmarks=moving)
    found = scores(case, IDENTITY)
    assert found["tre_mm"] == pytest.approx(3.5)


@pytest.mark.parametrize(
    ("missing", "left"),
    [
        ({"truth": None}, OVERLAP),
        ({"fixed_labels": None}, POSE | INTENSITY),
        ({"truth": None, "moving_labels": None}, set()),
    ],
)
def test_what_the_case_does_not_know_is_left_out(missing, left):
    found = scores(dataclasses.replace(full_case(), **missing), MOTION)
    assert set(found) & (POSE | INTENSITY | OVERLAP) == left
