import dataclasses

import numpy as np
import pytest

from phantoms import MOTION, SMALL, small_pair
from regkit import (
    IDENTITY,
    AffineTransform,
    DisplacementField,
    Grid,
    LabelMap,
    Pair,
    Volume,
    rigid,
)
from regkit.registration.verdict import assess


def test_the_truth_is_ok_and_its_measures_are_true():
    verdict = assess(small_pair(), MOTION)
    assert verdict.status == "OK", verdict.reasons
    assert verdict.reasons == ()
    assert verdict.measures["determinant"] == pytest.approx(1.0)
    assert verdict.measures["rotation_deg"] == pytest.approx(7.8, abs=0.1)
    assert verdict.measures["gain_over_identity"] > 0.05
    assert verdict.measures["peak_offset_mm"] < 2.0


@pytest.mark.parametrize("half", [2, 4])
def test_the_truth_is_ok_within_a_small_mask(half):
    marked = np.zeros(SMALL.shape_zyx, np.uint8)
    z, y, x = (n // 2 for n in SMALL.shape_zyx)
    marked[z - half : z + half, y - half : y + half, x - half : x + half] = 1
    pair = dataclasses.replace(small_pair(), fixed_mask=LabelMap(marked, SMALL))
    verdict = assess(pair, MOTION)
    assert verdict.status == "OK", verdict.reasons


def test_staying_where_one_is_not_aligned_is_doubtful():
    verdict = assess(small_pair(), IDENTITY)
    assert verdict.status == "CHECK"
    assert any("would be more similar" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_wrong_scale_along_one_axis_is_doubtful(axis):
    """Placed and turned as well as can be, and still too long."""
    pair = small_pair()
    longer = np.eye(3)
    longer[axis, axis] = 1.2
    wrong = MOTION @ AffineTransform.about(longer, (0, 0, 0), pair.fixed.grid.centre)
    verdict = assess(pair, wrong)
    assert verdict.status == "CHECK"
    assert any("would be more similar" in reason for reason in verdict.reasons)


def test_getting_worse_than_the_start_fails():
    verdict = assess(small_pair(initial=MOTION), rigid((0, 0, 25), (30, 0, 0)))
    assert verdict.status == "FAIL"
    assert any(
        "less similar than at the initial transform" in reason for reason in verdict.reasons
    )


def test_mapping_off_the_moving_image_fails_and_says_how_much_is_left():
    verdict = assess(small_pair(), rigid(translation_mm=(290.0, 0, 0)))
    assert verdict.status == "FAIL"
    assert any(
        "of the body in the smaller field of view lies inside" in reason
        for reason in verdict.reasons
    )
    assert verdict.measures["overlap"] < 0.25


@pytest.mark.parametrize(
    ("linear", "status", "words"),
    [
        (np.diag([-1.0, 1.0, 1.0]), "FAIL", "folds or mirrors space"),
        (np.diag([1.2, 1.2, 1.2]), "CHECK", "changes volumes by a factor of 1.73"),
        (np.diag([0.6, 0.6, 0.6]), "FAIL", "changes volumes by a factor of 0.22"),
        (np.diag([1.5, 1 / 1.5, 1.0]), "CHECK", "lengths by a factor of up to 1.50"),
        (np.diag([0.45, 1.5, 1.48]), "FAIL", "lengths by a factor of up to 2.22"),
        ([[1, 1.0, 0], [0, 1, 0], [0, 0, 1]], "CHECK", "lengths by a factor of up to 1.62"),
    ],
)
def test_implausible_affines(linear, status, words):
    scaled = AffineTransform.about(linear, (0, 0, 0), (0, 0, 0))
    verdict = assess(small_pair(IDENTITY, initial=scaled), scaled)
    assert any(words in reason for reason in verdict.reasons), verdict.reasons
    assert verdict.status == status


def test_a_folded_field_fails():
    field = np.zeros((*SMALL.shape_zyx, 3))
    x = SMALL.to_physical(np.argwhere(np.ones(SMALL.shape_zyx)))[:, 0].reshape(SMALL.shape_zyx)
    field[..., 0] = -2.0 * x
    verdict = assess(small_pair(IDENTITY), DisplacementField(field, SMALL))
    assert verdict.status == "FAIL"
    assert any("folds" in reason for reason in verdict.reasons)


def test_unrelated_images_fail_wherever_they_are_put():
    noise = Volume(np.random.default_rng(0).random(SMALL.shape_zyx), SMALL)
    pair = dataclasses.replace(small_pair(), moving=noise)
    verdict = assess(pair, MOTION)
    assert verdict.status == "FAIL"
    assert any("unrelated" in reason for reason in verdict.reasons)


def test_a_method_s_own_doubts_count():
    verdict = assess(small_pair(), MOTION, warnings=["the scanner was on fire"])
    assert verdict.status == "CHECK"
    assert verdict.reasons == ("the scanner was on fire",)


def test_disagreement_with_the_inverse_registration():
    agreeing = assess(small_pair(), MOTION, backward=MOTION.inverse())
    assert agreeing.status == "OK"
    assert agreeing.measures["inverse_mm"] == pytest.approx(0.0, abs=1e-9)
    off = rigid(translation_mm=(0, 60, 0))
    disagreeing = assess(small_pair(), MOTION, backward=off @ MOTION.inverse())
    assert disagreeing.status == "FAIL"
    assert disagreeing.measures["inverse_mm"] == pytest.approx(60.0)


def test_a_mask_within_the_other_image_overlaps_wholly_and_one_half_off_by_half():
    marked = np.zeros(SMALL.shape_zyx, dtype=np.uint8)
    marked[:, :, :18] = 1
    pair = dataclasses.replace(small_pair(IDENTITY), moving_mask=LabelMap(marked, SMALL))
    assert assess(pair, IDENTITY).measures["overlap"] == pytest.approx(1.0, abs=0.01)
    body = np.abs(pair.fixed.array) > np.abs(pair.fixed.array).mean()
    x = SMALL.to_physical(np.argwhere(body & (marked != 0)))[:, 0]
    half_off = rigid(translation_mm=(np.median(x) - SMALL.corners()[:, 0].min(), 0, 0))
    moved = assess(pair, half_off).measures["overlap"]
    assert moved == pytest.approx(0.5, abs=0.15)
    swapped = Pair(pair.moving, pair.fixed, pair.moving_mask)
    assert assess(swapped, half_off.inverse()).measures["overlap"] == pytest.approx(moved)


def test_a_slab_is_judged_alike_as_the_fixed_and_as_the_moving_image():
    pair = small_pair()
    affine = SMALL.affine.copy()
    affine[:3, 3] = SMALL.to_physical((14, 0, 0))
    slices = pair.moving.array[14:22]
    slab = Volume(slices, Grid.from_affine(slices.shape, affine), "ct")
    moving = assess(Pair(pair.fixed, slab), MOTION)
    fixed = assess(Pair(slab, pair.fixed), MOTION.inverse())
    assert moving.status == fixed.status == "OK"
    assert moving.measures["overlap"] > 0.99
    for name, measure in moving.measures.items():
        assert fixed.measures[name] == pytest.approx(measure, abs=1e-6), name


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("masked", [False, True])
def test_a_mirrored_image_is_told_whatever_axis_is_flipped(axis, masked):
    """The best rigid map of a mirrored body: its own reflection, and the flip of the voxels."""
    flipped = np.ascontiguousarray(np.flip(small_pair().moving.array, axis))
    pair = dataclasses.replace(small_pair(), moving=Volume(flipped, SMALL, "ct"))
    flip, reflection = np.eye(3), np.diag([-1.0, 1, 1])
    flip[2 - axis, 2 - axis] = -1
    shift = tuple(SMALL.centre)
    best = AffineTransform.about(flip, (0, 0, 0), shift) @ MOTION
    best @= AffineTransform.about(reflection, (0, 0, 0), shift)
    if masked:
        ball = np.zeros(SMALL.shape_zyx, np.uint8)
        ball[14:22, 14:22, 12:18] = 1
        pair = dataclasses.replace(pair, fixed_mask=LabelMap(ball, SMALL))
    verdict = assess(pair, best)
    assert verdict.status == "FAIL"
    assert any("looks mirrored" in reason for reason in verdict.reasons)


def test_what_a_mask_leaves_out_tells_that_a_place_is_wrong():
    marked = np.zeros(SMALL.shape_zyx, np.uint8)
    marked[14:22, 14:22, 14:22] = 1
    pair = dataclasses.replace(small_pair(), fixed_mask=LabelMap(marked, SMALL))
    off = rigid(translation_mm=(0, 40, 0)) @ MOTION
    assert any("without the masks" in reason for reason in assess(pair, off).reasons)
    assert assess(pair, MOTION).status == "OK"
    assert "peak_offset_without_masks_mm" not in assess(small_pair(), MOTION).measures


@pytest.mark.parametrize("motion", [MOTION, IDENTITY, rigid((0, 0, 25), (30, 0, 0)) @ MOTION])
def test_an_image_that_is_not_mirrored_is_not_told_to_be_however_wrong_the_map_is(motion):
    verdict = assess(small_pair(), motion)
    assert not any("mirrored" in reason for reason in verdict.reasons)
    assert verdict.measures["mirror_gain"] < 0


def test_a_field_that_is_smaller_in_the_moving_image_is_inverted_at_points_only():
    pair = small_pair()
    x = SMALL.to_physical(np.argwhere(np.ones(SMALL.shape_zyx))).reshape(*SMALL.shape_zyx, 3)
    bent = DisplacementField(6 * np.sin(x / 40), SMALL)
    part = Volume(pair.moving.array[8:28], Grid((20, 36, 36), (9.0,) * 3, (-157.5, -157.5, -85.5)))
    verdict = assess(Pair(pair.fixed, part), MOTION @ bent)
    assert verdict.measures["overlap"] > 0.95
    assert (
        verdict.measures["similarity"]
        > assess(Pair(pair.fixed, part), IDENTITY).measures["similarity"]
    )


def test_a_fraction_of_a_voxel_lost_on_equal_images_is_no_failure():
    fixed = small_pair().fixed
    nearly = rigid((0.1, 0.0, 0.2), (0.3, -0.2, 0.1))
    verdict = assess(Pair(fixed, fixed), nearly)
    assert verdict.measures["gain_over_start"] < -0.05
    assert verdict.status == "OK"


def test_a_smooth_cylinder_of_noise_is_held_loosely_however_well_its_outline_fits():
    _, y, x = np.meshgrid(*[np.arange(36) - 17.5] * 3, indexing="ij")
    limb = (y**2 + x**2 < 12**2) * 100.0
    noises = (np.random.default_rng(seed).normal(0, 3, limb.shape) for seed in (1, 2))
    fixed, moving = (Volume(limb + noise, SMALL) for noise in noises)
    verdict = assess(Pair(fixed, moving), IDENTITY)
    assert verdict.status == "CHECK"
    assert any("loosely determined" in reason for reason in verdict.reasons)
    assert assess(small_pair(), MOTION).measures["looseness_mm"] < 10


@pytest.mark.parametrize(
    ("looseness_mm", "words"),
    [
        (40.0, "some direction 40 mm of motion costs only 5% of"),
        (100.0, "some direction more than 100 mm of motion costs less than 5% of"),
    ],
)
def test_the_looseness_is_given_as_a_lower_limit_where_it_was_capped(
    monkeypatch, looseness_mm, words
):
    measures = {**assess(small_pair(), MOTION).measures, "looseness_mm": looseness_mm}
    monkeypatch.setattr("regkit.registration.verdict.measure_result", lambda *_: measures)
    (reason,) = assess(small_pair(), MOTION).reasons
    assert words in reason


@pytest.mark.parametrize(("improvement", "status"), [(4.0, "OK"), (2.0, "CHECK"), (-9.0, "FAIL")])
def test_a_loss_of_similarity_counts_unless_the_result_is_clearly_better(
    monkeypatch, improvement, status
):
    lost = {
        **assess(small_pair(), MOTION).measures,
        "mean_displacement_from_initial_mm": 20.0,
        "gain_over_start": -0.1,
        "improvement_over_start": improvement,
    }
    monkeypatch.setattr("regkit.registration.verdict.measure_result", lambda *_: lost)
    assert assess(small_pair(), MOTION).status == status


def test_a_result_that_is_worse_than_the_start_is_told_by_standard_errors():
    away = rigid((0, 0, 25), (30, 0, 0)) @ MOTION
    verdict = assess(small_pair(initial=MOTION), away)
    assert verdict.measures["improvement_over_start"] < -3
    assert verdict.status == "FAIL"
    assert "improvement_over_start" not in assess(small_pair(), MOTION).measures


def test_unrelated_images_are_not_told_to_be_mirrored():
    rng = np.random.default_rng(1)
    noise = [Volume(rng.random(SMALL.shape_zyx), SMALL) for _ in range(2)]
    verdict = assess(Pair(*noise), IDENTITY)
    assert verdict.status == "FAIL"
    assert not any("mirrored" in reason for reason in verdict.reasons)


def test_every_reason_has_a_number_and_says_what_to_do():
    shrunk = AffineTransform.about(np.diag([0.5, 1.5, 1.4]), (90.0, 0, 0), (0, 0, 0))
    pair = small_pair(initial=MOTION)
    found = assess(pair, shrunk, backward=MOTION).reasons
    mirrored = assess(pair, AffineTransform(np.diag([-1.0, 1.0, 1.0, 1.0]))).reasons
    noise = Volume(np.random.default_rng(0).random(SMALL.shape_zyx), SMALL)
    unrelated = assess(dataclasses.replace(pair, moving=noise), MOTION).reasons
    reasons = {*found, *mirrored, *unrelated}
    assert len({reason.split(" ", 4)[3] for reason in reasons}) >= 5
    for reason in reasons:
        what, _, advice = reason.rpartition("; ")
        assert any(character.isdigit() for character in what), reason
        assert advice.split()[0] in {"check", "compare", "do", "keep"}, reason
