"""Self-tests of methods whose capture range and honesty are known, without real registrations."""

import dataclasses
import json
import math

import numpy as np
import pytest

from phantoms import MOTION, small_pair
from regkit import IDENTITY, AffineTransform, Estimate, LabelMap, Pair, RegistrationResult, rigid
from regkit.benchmark.known_motions import GRADED, GradedSizes, plan_motions
from regkit.benchmark.selftest import SelfTestSettings, moved_pair, run_selftest, selftest
from regkit.errors import ParameterError, RegistrationError
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.registration.error_model import ErrorEstimate, ErrorModel
from regkit.registration.verdict import Verdict
from regkit.similarity.point_sample import values_at

PAIR = small_pair()
SETTINGS = SelfTestSettings(runs=60, tolerance_mm=3.0, max_mm=96.0)
KEYS = {
    "method",
    "capture_mm",
    "capture_deg",
    "accuracy_mm",
    "repeatability_mm",
    "runs",
    "wrong_ok",
}
BODY = np.random.default_rng(1).normal((10, -20, 300), (60, 40, 70), (500, 3))


def motion_of(pair: Pair) -> AffineTransform:
    """Return by which motion the header of the moving image was moved."""
    return AffineTransform(pair.moving.grid.affine @ PAIR.moving.grid.inverse_affine)


def size_of(motion: AffineTransform) -> tuple[float, float]:
    """Return shift, of the center of the body, and angle."""
    centre = MOTION.map_points(PAIR.fixed.grid.centre)
    shift = np.linalg.norm(motion.map_points(centre) - centre)
    return float(shift), rotation_angle(motion.matrix[:3, :3])


def answered(pair: Pair, transform: AffineTransform, status: str = "OK") -> RegistrationResult:
    return RegistrationResult("toy", {}, pair, Estimate(transform), Verdict(status, (), {}), 0.1)


def oracle(pair: Pair, _seed: int) -> RegistrationResult:
    return answered(pair, motion_of(pair) @ MOTION)


def stays(pair: Pair, _seed: int) -> RegistrationResult:
    return answered(pair, IDENTITY, "CHECK")


def reaches_20_mm(pair: Pair, seed: int) -> RegistrationResult:
    """Right from shifts of up to 20 mm (the center of rotation may lie elsewhere) and 30°."""
    shift, angle = size_of(motion_of(pair))
    near = shift <= 20 + angle and angle <= 30
    return oracle(pair, seed) if near else answered(pair, MOTION, "FAIL")


def test_a_method_that_stays_at_its_start_captures_nothing():
    test = run_selftest(PAIR, stays, SETTINGS)
    assert (test.capture_mm, test.capture_deg) == (0.0, 0.0)
    assert math.isnan(test.accuracy_mm)
    assert test.results["accuracy_mm"] is None
    assert test.repeatability_mm > 1.0, "it follows the motions of the repeats"
    assert sum(size.within_tolerance for size in test.graded) == 0


def test_a_method_that_knows_the_truth_captures_everything():
    test = run_selftest(PAIR, oracle, SETTINGS)
    assert test.capture_mm == 96.0
    assert test.capture_deg == 180.0
    assert test.captured_size("both").shift_mm == 96.0
    assert test.accuracy_mm < 1e-6
    assert test.repeatability_mm < 1e-6
    assert test.wrong_ok == 0
    assert test.agreement["OK"] == {
        "within_tolerance": 59,
        "within_twice": 0,
        "beyond_twice": 0,
    }
    assert test.notes == ()


def test_the_capture_range_is_measured():
    test = run_selftest(PAIR, reaches_20_mm, SETTINGS)
    shifts = [size.shift_mm for size in test.sizes("shift")]
    angles = [size.rotation_deg for size in test.sizes("rotation")]
    assert test.capture_mm == max(s for s in shifts if s <= 20) < shifts[-1]
    assert test.capture_deg == max(a for a in angles if a <= 30) < angles[-1]
    assert test.accuracy_mm < 1e-6
    assert test.agreement["FAIL"]["beyond_twice"] > 10
    assert test.agreement["OK"]["beyond_twice"] == test.wrong_ok == 0


def test_success_beyond_a_gap_is_no_capture():
    def misses_from_15_to_40_mm(pair, seed):
        shift, _ = size_of(motion_of(pair))
        return stays(pair, seed) if 15 < shift < 40 else oracle(pair, seed)

    test = run_selftest(PAIR, misses_from_15_to_40_mm, SETTINGS)
    sizes = test.sizes("shift")
    assert sizes[-1].captured
    assert test.capture_mm == max(s.shift_mm for s in sizes if s.shift_mm <= 15)


def test_one_wrong_run_of_ten_is_captured_and_two_are_not():
    for wrong, captured in ((1, True), (2, False)):
        missed = []

        def misses_some(pair, seed, wrong=wrong, missed=missed):
            shift, angle = size_of(motion_of(pair))
            if angle < 1e-6 and shift > 90 and len(missed) < wrong:
                missed.append(seed)
                return stays(pair, seed)
            return oracle(pair, seed)

        test = run_selftest(PAIR, misses_some, dataclasses.replace(SETTINGS, runs=200))
        largest = test.sizes("shift")[-1]
        assert len(largest.runs) == 10
        assert largest.captured is captured
        assert (test.capture_mm == largest.shift_mm) is captured


def test_answers_that_are_wrong_but_judged_ok_are_counted():
    def lies(pair, seed):
        shift, _ = size_of(motion_of(pair))
        if shift < 50:
            return oracle(pair, seed)
        wrong = motion_of(pair) @ AffineTransform.shift((6.5, 0, 0)) @ MOTION
        return answered(pair, wrong)

    test = run_selftest(PAIR, lies, SETTINGS)
    off = [run for run in test.runs if run.error_mm > 6]
    assert len(off) >= 12
    assert all(run.error_mm == pytest.approx(6.5) for run in off)
    assert test.wrong_ok == len(off)
    wider = run_selftest(PAIR, lies, dataclasses.replace(SETTINGS, tolerance_mm=4.0))
    assert wider.wrong_ok == 0, "6.5 mm is within twice 4 mm"


def test_errors_that_the_verdict_expects_are_compared_with_those_found():
    def estimates(pair, seed):
        right = size_of(motion_of(pair))[1] < 60
        result = oracle(pair, seed) if right else stays(pair, seed)
        expected = 1.5 if right else 70.0
        error = ErrorEstimate(expected, (0.5 * expected, 2 * expected), 0.1)
        return dataclasses.replace(
            result, verdict=dataclasses.replace(result.verdict, error=error)
        )

    test = run_selftest(PAIR, estimates, SETTINGS)
    assert test.expected_mm == {
        "within_tolerance": 1.5,
        "within_twice": None,
        "beyond_twice": 70.0,
    }
    without = run_selftest(PAIR, oracle, SETTINGS)
    assert set(without.expected_mm.values()) == {None}


def test_the_results_have_the_keys_of_the_contract():
    test = run_selftest(PAIR, oracle, SETTINGS)
    assert set(test.results) == KEYS
    assert test.results["method"] == "toy"
    assert test.results["runs"] == 60
    json.dumps(test.results, allow_nan=False)


def test_a_run_that_fails_counts_as_not_captured():
    def refuses_large_rotations(pair, seed):
        if size_of(motion_of(pair))[1] > 90:
            raise RegistrationError("toy: too far")
        return oracle(pair, seed)

    test = run_selftest(PAIR, refuses_large_rotations, SETTINGS)
    failed = [run for run in test.runs if run.judgement == "failed"]
    assert failed
    assert all(run.error_mm == math.inf and run.answer is None for run in failed)
    assert failed[0].reasons == ("toy: too far",)
    assert 0 < test.capture_deg <= 90
    assert test.agreement["failed"]["beyond_twice"] == len(failed)


def test_a_failure_on_the_pair_itself_is_an_error():
    def fails(_pair, _seed):
        raise RegistrationError("toy: cannot")

    with pytest.raises(RegistrationError, match="toy: cannot"):
        run_selftest(PAIR, fails, SETTINGS)


def test_a_reference_that_its_repeats_contradict_is_replaced_by_the_middle_one():
    def unlucky_first_seed(pair, seed):
        off = AffineTransform.shift((40, 0, 0)) if seed == 0 else IDENTITY
        return answered(pair, motion_of(pair) @ off @ MOTION)

    test = run_selftest(PAIR, unlucky_first_seed, SETTINGS)
    np.testing.assert_allclose(test.reference.transform.matrix, MOTION.matrix, atol=1e-9)
    assert test.reference.pair.moving.grid == PAIR.moving.grid
    assert "40.0 mm away from the middle one" in test.notes[0]
    assert test.capture_mm == 96.0


def test_a_reference_that_most_answers_contradict_is_told():
    def stuck_near_the_start(pair, seed):
        shift, angle = size_of(motion_of(pair))
        trapped = shift < 15 and angle < 15
        off = AffineTransform.shift((0, 50, 0)) if trapped else IDENTITY
        return answered(pair, motion_of(pair) @ off @ MOTION)

    test = run_selftest(PAIR, stuck_near_the_start, SETTINGS)
    (note,) = test.notes
    assert "agree on a place 50 mm away from the reference" in note
    assert "probably wrong" in note


def test_an_answer_that_shows_nothing_of_the_body_is_refused():
    def elsewhere(pair, _seed):
        return answered(pair, AffineTransform.shift((5000, 0, 0)))

    with pytest.raises(RegistrationError, match="hardly anything of the body"):
        run_selftest(PAIR, elsewhere, SETTINGS)


def test_the_image_and_its_mask_are_moved_by_their_headers_alone():
    mask = LabelMap(PAIR.moving.array > 0, PAIR.moving.grid)
    pair = dataclasses.replace(PAIR, moving_mask=mask, initial=MOTION)
    motion = rigid((20, -70, 130), (30, 5, -11))
    moved = moved_pair(pair, motion)
    points = np.random.default_rng(0).uniform(-120, 120, (200, 3))
    for before, after in ((pair.moving, moved.moving), (mask, moved.moving_mask)):
        np.testing.assert_array_equal(after.array, before.array)
        np.testing.assert_allclose(
            values_at(after, motion.map_points(points)), values_at(before, points), atol=1e-3
        )
    assert moved.fixed is pair.fixed
    assert moved.initial is MOTION
    assert moved.moving.modality == "ct"


@pytest.mark.parametrize("runs", [6, 7, 20, 60, 100])
def test_all_runs_are_planned_and_the_smallest_motion_is_no_success(runs):
    sizes = GradedSizes.of(BODY, 3.0, 2.0, (100.0, 180.0), runs)
    motions = plan_motions(BODY, sizes, runs, 0)
    assert len(motions) == runs - 1
    assert {m.kind for m in motions} == {"repeat", *GRADED}
    assert list(sizes.shifts_mm) == sorted(set(sizes.shifts_mm))
    assert list(sizes.rotations_deg) == sorted(set(sizes.rotations_deg))
    for m in motions:
        moved = m.transform.map_points(BODY)
        shift = np.linalg.norm(moved.mean(axis=0) - BODY.mean(axis=0))
        assert shift == pytest.approx(m.shift_mm, abs=1e-9)
        angle = rotation_angle(nearest_rotation(m.transform.matrix[:3, :3]))
        assert angle == pytest.approx(m.rotation_deg, abs=1e-6)
        away = np.linalg.norm(moved - BODY, axis=1).mean()
        assert away < 2.0 if m.kind == "repeat" else away > 3.0
    if runs >= 60:
        assert (sizes.shifts_mm[-1], sizes.rotations_deg[-1]) == (100.0, 180.0)
        assert len(sizes.shifts_mm) == 6


def test_the_same_seed_gives_the_same_motions_and_another_seed_others():
    def errors(seed):
        test = run_selftest(PAIR, stays, dataclasses.replace(SETTINGS, seed=seed))
        return [run.error_mm for run in test.runs]

    assert errors(3) == errors(3)
    assert errors(3) != errors(4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"runs": 5}, "at least 6 runs .* got 5"),
        ({"tolerance_mm": 0.0}, "tolerance_mm must be a positive number, got 0"),
        ({"max_mm": math.nan}, "max_mm must be a positive number, got nan"),
        ({"max_deg": 200.0}, "max_deg can be at most 180 degrees, got 200"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ParameterError, match=message):
        SelfTestSettings(**settings)


@pytest.mark.parametrize(("name", "value"), [("max_mm", 5.0), ("max_deg", 1.0)])
def test_motions_that_are_smaller_than_the_tolerance_are_refused(name, value):
    with pytest.raises(ParameterError, match=f"{name} must be above .* got {value:g}"):
        run_selftest(PAIR, oracle, dataclasses.replace(SETTINGS, **{name: value}))


def test_the_default_tolerance_and_shift_come_from_the_images():
    test = run_selftest(PAIR, oracle, SelfTestSettings(runs=30))
    assert test.tolerance_mm == 9.0, "the coarsest voxel"
    assert test.capture_mm == 162.0, "half the field of view"


@pytest.mark.registration
def test_the_errors_are_expected_by_the_calibration_that_is_given():
    two_tolerances = ErrorModel({}, ((0, 1, 2, 3, 0.5), (1, 1, 2, 3, 0.5)))
    test = selftest(PAIR.fixed, PAIR.moving, "fast-mi", runs=6, calibration=two_tolerances)
    expected = [run.expected_mm for run in test.runs]
    assert expected == pytest.approx([2 * test.tolerance_mm] * len(test.runs))


def test_images_of_other_libraries_are_tested_like_volumes(monkeypatch) -> None:
    monkeypatch.setattr("regkit.benchmark.selftest.run_selftest", lambda pair, *_rest: pair)
    images = (PAIR.fixed.to_nibabel(), PAIR.moving.to_sitk())
    pair = selftest(*images, fixed_modality="pet", moving_modality="ct", initial=np.eye(4))
    assert (pair.fixed.modality, pair.moving.modality) == ("pet", "ct")
    assert pair.initial == IDENTITY
    np.testing.assert_array_equal(pair.moving.array, PAIR.moving.array)
    with pytest.raises(RegistrationError, match="the fixed image is an array"):
        selftest(PAIR.fixed.array, PAIR.moving)
