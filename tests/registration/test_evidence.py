"""Evidence for and against a result, and where the images fit better in the patient's terms."""

import dataclasses

import numpy as np
import pytest

from phantoms import MOTION, SMALL, small_pair
from regkit import (
    IDENTITY,
    AffineTransform,
    Estimate,
    Grid,
    Pair,
    RegistrationResult,
    Volume,
    register,
    resample,
    rigid,
)
from regkit.errors import RegistrationError
from regkit.registration import evidence
from regkit.registration.evidence import (
    Evidence,
    better_place_in_words,
    evidence_of,
    sides_exchanged,
)
from regkit.registration.judgement import judge
from regkit.registration.verdict import assess
from regkit.registration.verdict_rules import status_by_estimate
from regkit.registration.witness import Witness, search_witness
from regkit.report.record import Inputs, registration_record


def ball(grid, at):
    points = grid.to_physical(np.indices(grid.shape_zyx).reshape(3, -1).T)
    inside = np.linalg.norm(points - at, axis=1) < 40
    return Volume(inside.reshape(grid.shape_zyx).astype(np.float32), grid, "ct")


def centre_of(volume):
    weights = volume.array.ravel()
    points = volume.grid.to_physical(np.indices(volume.grid.shape_zyx).reshape(3, -1).T)
    return (points * weights[:, None]).sum(axis=0) / weights.sum()


SMALLER = Grid((30, 30, 30), (9.0, 9.0, 9.0), (-130.5, -130.5, -130.5))


@pytest.mark.parametrize("moving_grid", [SMALL, SMALLER])
@pytest.mark.parametrize(
    ("shift", "words"),
    [
        ((0, 0, -12), "the CT would fit better about 12 mm higher"),
        ((0, 9, 0), "the CT would fit better about 9 mm farther to the front"),
        (
            (-5, 0, 12),
            "the CT would fit better about 12 mm lower and 5 mm to the patient's left",
        ),
        ((0, 0, 0), ""),
    ],
)
def test_the_direction_is_that_in_which_the_resampled_image_moves(moving_grid, shift, words):
    pair = Pair(ball(SMALL, (0, 0, 0)), ball(moving_grid, (0, 0, 0)))
    other = rigid(translation_mm=shift)
    assert better_place_in_words(pair, IDENTITY, other) == words
    here, there = (centre_of(resample(pair.moving, SMALL, t)) for t in (IDENTITY, other))
    left, back, up = there - here
    assert ("higher" in words) == (up > 4)
    assert ("lower" in words) == (up < -4)
    assert ("front" in words) == (back < -4)
    assert ("left" in words) == (left > 4)


@pytest.mark.parametrize("moving_grid", [SMALL, SMALLER])
def test_to_exchange_left_and_right_twice_changes_nothing(moving_grid):
    pair = Pair(ball(SMALL, (20, 0, 0)), ball(moving_grid, (20, 0, 0)))
    once, points = sides_exchanged(pair, MOTION), np.eye(3)
    assert np.linalg.det(once.matrix[:3, :3]) == pytest.approx(-1)
    np.testing.assert_allclose(
        sides_exchanged(pair, once).map_points(points), MOTION.map_points(points), atol=1e-9
    )


@pytest.mark.registration
@pytest.mark.parametrize("exchanged", [False, True])
def test_descriptors_tell_an_image_from_its_mirror_image(exchanged):
    """Of reversed voxels the best rigid map fits less than the improper one that is right."""
    pair = small_pair()
    if exchanged:
        array = np.ascontiguousarray(np.flip(pair.moving.array, 2))
        pair = dataclasses.replace(pair, moving=pair.moving.with_array(array))
        flip = AffineTransform.about(np.diag([-1.0, 1, 1]), (0, 0, 0), pair.moving.grid.centre)
        answer = sides_exchanged(pair, flip @ MOTION)
    else:
        answer = MOTION
    told = evidence_of(pair, answer, Witness("scout", answer)).measures
    gain = told["mirrored_agreement"] - told["agreement"]
    assert gain > 0.05 if exchanged else gain < -0.05


@pytest.mark.registration
@pytest.mark.parametrize("exchanged", [False, True])
def test_in_ultrasound_a_place_needs_descriptors_that_agree(exchanged, monkeypatch):
    """The same maps and images; a refinement finds the descriptors a little alike."""
    fixed, moving = small_pair().fixed, small_pair().moving
    refined = Witness("scout", MOTION, {"agreement": 0.3})
    monkeypatch.setattr(evidence, "refinement_witness", lambda pair, result: refined)

    def judged(modality):
        heard = dataclasses.replace(moving, modality=modality)
        pair = Pair(heard, fixed) if exchanged else Pair(fixed, heard)
        answer = MOTION.inverse() if exchanged else MOTION
        told = {"mirrored_agreement": 0.1}
        found = evidence_of(pair, answer, Witness("scout", answer))
        return assess(pair, answer, evidence=dataclasses.replace(
            found, measures={**found.measures, **told}
        ))  # fmt: skip

    assert judged("mr").status == "OK"
    heard = judged("us")
    assert heard.status == "CHECK"
    assert "no proof in ultrasound" in heard.reasons[0]


def test_a_turn_is_told():
    pair = Pair(ball(SMALL, (0, 0, 0)), ball(SMALL, (0, 0, 0)))
    assert "turned by 20 degrees" in better_place_in_words(pair, IDENTITY, rigid((0, 0, 20)))


@pytest.mark.registration
def test_witnesses_estimate_the_error_of_a_right_and_of_a_wrong_result():
    def judged(initial) -> RegistrationResult:
        pair = small_pair()
        return register(
            *(pair.fixed, pair.moving, "identity"), initial=initial, witnesses=["fast-mi"]
        )

    right, wrong = judged(MOTION), judged(rigid(translation_mm=(0, 0, 45)) @ MOTION)
    tolerance = 9.0  # a voxel of the phantom
    assert right.verdict.status == "OK", right.verdict.reasons
    assert right.verdict.error.expected_mm < tolerance
    assert wrong.verdict.status != "OK"
    low, high = wrong.verdict.error.interval_mm
    assert low <= 45 <= high
    assert wrong.verdict.error.probability_bad > 0.5
    assert any("probably wrong by about" in r and "higher" in r for r in wrong.verdict.reasons)
    record = registration_record(wrong, "x.tfm", Inputs(), 0.0)["verdict"]
    assert record["interval_mm"] == pytest.approx([low, high], abs=1e-3)
    assert {"expected_error_mm", "probability_bad"} <= record.keys()


def test_a_witness_that_the_user_names_and_that_disagrees_is_a_reason():
    pair = small_pair()
    result = register(
        *(pair.fixed, pair.moving, "identity"), initial=MOTION, witnesses=["moments"]
    )
    apart = result.verdict.measures["consensus_mm"]
    assert apart >= result.verdict.measures["witness_mm"]
    told = [r for r in result.verdict.reasons if "the witness moments ends" in r]
    assert bool(told) == (apart > 18)


def test_no_verdict_was_asked_for():
    pair = small_pair()
    result = register(pair.fixed, pair.moving, "identity", initial=MOTION, judge=False)
    assert result.verdict.status == "CHECK"
    assert result.verdict.measures == {}
    assert result.verdict.rank == (1, 0.0, 0.0)
    assert "expected_error_mm" not in registration_record(result, "x", Inputs(), 0.0)["verdict"]


def test_without_a_witness_the_verdict_is_as_before():
    pair = dataclasses.replace(small_pair(), initial=MOTION)
    verdict = assess(pair, MOTION)
    assert verdict.error is None
    assert "witness_mm" not in verdict.measures


@pytest.mark.registration
def test_a_right_result_that_is_no_better_than_its_start_is_told_so():
    aligned = small_pair()
    aligned = Pair(aligned.fixed, resample(aligned.moving, SMALL, MOTION))
    near = Estimate(rigid(translation_mm=(0.5, 0, 0)))

    def reasons(pair: Pair, estimate: Estimate) -> str:
        return " ".join(judge(pair, estimate, search_witness(pair)).reasons)

    assert "already aligned: the headers are as good within 0.5 mm" in reasons(aligned, near)
    assert "one frame of reference" not in reasons(aligned, near)
    shared = [
        dataclasses.replace(v, frame_of_reference="1.2") for v in (aligned.fixed, aligned.moving)
    ]
    assert "(both images have one frame of reference)" in reasons(Pair(*shared), near)
    assert "already aligned" not in reasons(aligned, Estimate(IDENTITY))  # nothing was moved
    assert "already aligned" not in reasons(small_pair(), Estimate(MOTION))


@pytest.mark.registration
def test_a_method_does_not_grade_its_own_result():
    pair = small_pair()
    witness = search_witness(pair)

    def judged(motion, doubts=()):
        answer = Estimate(motion, diagnostics={"warnings": ["an odd image"]})
        return judge(pair, answer, witness, doubts=doubts)

    right, wrong = judged(MOTION), judged(rigid(translation_mm=(0, 0, 45)) @ MOTION)
    assert right.status == "OK"
    assert wrong.status == "FAIL"
    assert "an odd image" in right.reasons
    assert "an odd image" in wrong.reasons
    for verdict in (right, wrong):
        bad = verdict.error.probability_bad
        assert status_by_estimate(verdict.measures, 9.0, bad) == verdict.status
    # A doubt about the images is not the method's.
    assert judged(MOTION, doubts=["the mask of another image"]).status == "CHECK"


@pytest.mark.parametrize(("improvement", "told"), [(0.0, True), (-8.0, False)])
def test_another_place_that_is_as_good_is_told(improvement, told):
    measures = {"witness_mm": 80.0, "witness_improvement": improvement, "witness_ambiguity": 0.0}
    verdict = assess(small_pair(), MOTION, evidence=Evidence(measures, None, {}))
    assert (
        any("another search of the same images ends 80 mm" in r for r in verdict.reasons) == told
    )
    assert (verdict.status == "OK") != told


def test_no_direction_is_told_where_the_images_fit_as_well_as_they_can():
    evidence = Evidence({}, None, {})
    assert evidence.direction(small_pair(), MOTION) == ""
    # The image has to come back from where the wrong map puts it: the body is 30 mm too low.
    off = rigid(translation_mm=(0, 0, 30)) @ MOTION
    assert "mm higher" in evidence.direction(small_pair(), off)


def test_a_witness_for_a_verdict_that_is_left_out_is_refused():
    pair = small_pair()
    with pytest.raises(RegistrationError, match="fast-mi: a witness is for the verdict"):
        register(pair.fixed, pair.moving, "identity", witnesses=("fast-mi",), judge=False)
