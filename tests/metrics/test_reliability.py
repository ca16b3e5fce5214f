import pytest

from phantoms import MOTION, small_pair
from regkit import AffineTransform, Case, Estimate
from regkit.metrics.evaluation import Evaluation, NotKnownError
from regkit.metrics.reliability import overlap, verdict_brier, verdict_coverage, within_voxel
from regkit.registration.error_model import ErrorEstimate
from regkit.registration.run import RegistrationResult
from regkit.registration.verdict import Verdict, assess

VOXEL_MM = 9.0


def evaluation(miss_mm=0.0, status="OK", truth=MOTION, error=None):
    case = Case("a", small_pair(), truth)
    estimate = AffineTransform.shift((0.0, miss_mm, 0.0)) @ MOTION
    verdict = Verdict(status, (), {}, error)
    return Evaluation(
        case, RegistrationResult("told", {}, case.pair, Estimate(estimate), verdict, 0.0)
    )


@pytest.mark.parametrize(("miss_mm", "success"), [(0.0, 1), (8.99, 1), (9.01, 0), (80.0, 0)])
def test_success_is_to_come_within_a_voxel(miss_mm, success):
    assert within_voxel(evaluation(miss_mm)) == success


@pytest.mark.parametrize(
    ("status", "right", "wrong"), [("OK", 0, 1), ("CHECK", 0.25, 0.25), ("FAIL", 1, 0)]
)
def test_a_verdict_is_scored_as_a_forecast(status, right, wrong):
    assert verdict_brier(evaluation(0.0, status)) == right
    assert verdict_brier(evaluation(1.9 * VOXEL_MM, status)) == right
    assert verdict_brier(evaluation(2.1 * VOXEL_MM, status)) == wrong


def test_nothing_is_said_of_success_without_a_truth():
    for metric in (within_voxel, verdict_brier):
        with pytest.raises(NotKnownError, match="case a has no true transform"):
            metric(evaluation(truth=None))


@pytest.mark.parametrize("miss_mm", [0.0, 150.0, 2000.0])
def test_overlap_is_that_of_the_verdict(miss_mm):
    told = evaluation(miss_mm)
    judged = assess(told.case.pair, told.result.transform)
    assert overlap(told) == judged.measures["overlap"]
    assert (overlap(told) == 0) == (miss_mm == 2000.0)


@pytest.mark.parametrize(("miss_mm", "held", "wrong"), [(6.0, 1, 0), (12.0, 0, 0), (30.0, 0, 1)])
def test_an_estimate_of_the_error_is_scored_in_place_of_the_status(miss_mm, held, wrong):
    told = evaluation(miss_mm, "OK", error=ErrorEstimate(5.0, (2.0, 10.0), 0.3))
    assert verdict_brier(told) == pytest.approx((0.3 - wrong) ** 2)
    assert verdict_coverage(told) == held


def test_without_an_estimate_there_is_no_coverage():
    with pytest.raises(NotKnownError, match="case a has no interval"):
        verdict_coverage(evaluation())
