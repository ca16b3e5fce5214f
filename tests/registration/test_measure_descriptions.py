"""Limits of the measures as they are told are those by which the verdict decides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phantoms import MOTION, small_pair
from regkit.registration import verdict_rules as checks
from regkit.registration.measure_descriptions import MEASURES, measure_outcomes
from regkit.registration.result_measures import measure_result

SCALE = st.floats(1e-4, 1)
BY_NAME = {described.name: described for described in MEASURES}
SEVERITY = {"": 0, "passes": 0, "weighed": 0, "CHECK": 1, "FAIL": 2}
# Every measure that a check reads, from harmless to hopeless.
RANDOM = st.fixed_dictionaries(
    {
        "overlap": st.floats(0, 1),
        "similarity": st.floats(1.001, 2),
        "chance_similarity": st.floats(1.0, 1.3),
        "gain_over_start": st.floats(-0.1, 0.1),
        "improvement_over_start": st.floats(-10, 10),
        "peak_offset_mm": st.floats(0, 20),
        "peak_offset_without_masks_mm": st.floats(0, 40),
        "looseness_mm": st.floats(0, 100),
        "mirror_gain": st.floats(-0.1, 0.1),
        "mean_displacement_from_initial_mm": st.floats(0, 20),
        "determinant": st.floats(-2, 5),
        "stretch": st.floats(1, 3),
        "inverse_mm": st.floats(0, 30),
    }
)


@given(RANDOM, SCALE, st.floats(0.5, 8), st.booleans())
def test_they_decide_as_the_checks_do(measures, similarity, voxel_mm, estimated):
    measures["mirror_gain_fraction"] = measures["mirror_gain"] / similarity
    verdict = {"measures": measures}
    if estimated:
        verdict |= {"expected_error_mm": 0.1, "probability_bad": 0.0}
    told = measure_outcomes(verdict, voxel_mm)
    found = [(check, check(measures, voxel_mm)) for check in checks.CHECKS]
    issues = [(check in checks.DOUBTS, issue[0]) for check, issue in found if issue is not None]
    decide = [s for is_doubt, s in issues if not (estimated and is_doubt and s == "CHECK")]
    severity = max(map(checks.RANKS.__getitem__, decide), default=0)
    assert max(SEVERITY[measure.outcome] for measure in told) == severity, told


@pytest.mark.parametrize(
    ("expected", "bad", "outcomes"),
    [
        (2.9, 0.1, ("passes", "passes")),
        (4, 0.55, ("weighed", "CHECK")),
        (40, 0.85, ("weighed", "FAIL")),
    ],
)
def test_the_estimate_has_its_limits_too(expected, bad, outcomes):
    verdict = {"measures": {}, "expected_error_mm": expected, "probability_bad": bad}
    told = measure_outcomes(verdict, 2.0)
    assert tuple(measure.outcome for measure in told) == outcomes
    assert told[0].check == "above 3 mm"
    assert measure_outcomes(verdict, 5.0)[0].check == "above 5 mm"


def test_every_measure_of_a_result_is_described():
    measures = measure_result(small_pair(), MOTION)
    assert set(measures) <= set(BY_NAME)
    told = measure_outcomes({"measures": measures}, 9.0)
    assert [measure.name for measure in told] == [m.name for m in MEASURES if m.name in measures]
    assert all(measure.meaning for measure in told)
    assert {measure.outcome for measure in told} == {"", "passes"}


def test_values_and_limits_are_in_words():
    measures = {"own": 1.23456, "determinant": 1.6, "overlap": 0.934}
    overlap, volume, own = measure_outcomes({"measures": measures}, 2.0)
    assert (overlap.value, overlap.check, overlap.fail) == ("93 %", "below 60 %", "below 25 %")
    assert (volume.check, volume.outcome) == ("below 0.6667 or above 1.5", "CHECK")
    assert (own.value, own.meaning, own.outcome) == ("1.235", "", "")


def test_a_record_may_lack_measures_or_hold_null():
    assert measure_outcomes({"measures": {"similarity": 1.2, "climb_mm": None}}, 2.0) == [
        measure_outcomes({"measures": {"similarity": 1.2}}, 2.0)[0]
    ]
