"""Scores of the labels that a method found."""

from dataclasses import replace

import numpy as np
import pytest

from lv_phantom import Phantom, pose_on, upright
from regkit import Estimate, LabelMap, rigid
from regkit.geometry.resampling import resample
from regkit.metrics.evaluation import Evaluation, NotKnownError
from regkit.registration.run import RegistrationResult
from regkit.registration.verdict import Verdict
from regkit.registry import default_registry
from regkit_msstunet.geometry import cube
from regkit_ventricle import segmentation_metrics as scores
from regkit_ventricle.label_probabilities import resample_labels_linear

FIXED = cube(40, 3.4)


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    grid = upright(64, 4.0)
    return Phantom(grid, pose_on(grid))


def evaluation(case, labels, off=None) -> Evaluation:
    transform = case.truth if off is None else case.truth @ off
    verdict = Verdict("OK", (), {})
    estimate = Estimate(transform, labels)
    return Evaluation(case, RegistrationResult("told", {}, case.pair, estimate, verdict, 0.0))


def test_right_labels_in_the_right_pose_score_best(phantom) -> None:
    told = evaluation(phantom.case(fixed=FIXED), phantom.labels)
    assert scores.lv_my_seg_dice(told) > 0.9
    assert scores.lv_bp_seg_dice(told) > 0.9
    assert scores.lv_my_seg_hd95_mm(told) <= 4.9
    assert scores.lv_bp_seg_hd95_mm(told) <= 4.9
    for structure in (scores.MYOCARDIUM, scores.BLOOD_POOL):
        assert np.ptp(scores.volumes_ml(told, structure)) == 0.0


def test_an_error_of_the_pose_costs_labels_too(phantom) -> None:
    case = phantom.case(fixed=FIXED)
    right = evaluation(case, phantom.labels)
    moved = evaluation(case, phantom.labels, rigid((0, 0, 0), (10.0, 0, 0)))
    assert scores.lv_my_seg_dice(moved) < scores.lv_my_seg_dice(right) - 0.2
    assert scores.lv_my_seg_hd95_mm(moved) == pytest.approx(10.0, abs=3.5)
    assert np.ptp(scores.volumes_ml(moved, scores.MYOCARDIUM)) == 0.0  # no volume changed


def test_in_the_image_the_pose_does_not_count(phantom) -> None:
    case = phantom.case(fixed=FIXED)
    moved = evaluation(case, phantom.labels, rigid((5, 0, 0), (10.0, 0, 0)))
    assert scores.lv_my_image_dice(moved) == scores.lv_bp_image_dice(moved) == 1.0
    shifted = phantom.labels.with_array(np.roll(phantom.labels.array, 1, axis=2))
    for score, label in ((scores.lv_my_image_dice, 1), (scores.lv_bp_image_dice, 2)):
        one, other = phantom.labels.array == label, shifted.array == label
        expected = 2 * (one & other).sum() / (one.sum() + other.sum())
        assert score(evaluation(case, shifted)) == pytest.approx(expected)


def test_labels_on_another_grid_are_scored_where_the_true_ones_are(phantom) -> None:
    case = phantom.case(fixed=FIXED)
    finer = resample(phantom.labels, upright(128, 2.0))
    assert scores.lv_my_image_dice(evaluation(case, finer)) > 0.8


def test_the_labels_found_count_and_not_the_cases_own(phantom) -> None:
    case = phantom.case(fixed=FIXED)
    swapped = phantom.labels.with_array(np.array([0, 2, 1], np.uint8)[phantom.labels.array])
    told = evaluation(case, swapped)
    assert scores.lv_my_seg_dice(told) < 0.1
    found, true = scores.volumes_ml(told, scores.MYOCARDIUM)
    assert (true, found) == scores.volumes_ml(told, scores.BLOOD_POOL)
    assert found != true
    voxels = (phantom.labels.array == 1).sum()
    assert true == pytest.approx(voxels * 0.064)


def test_a_case_may_number_its_labels_otherwise(phantom) -> None:
    case = phantom.case(fixed=FIXED)
    numbers = np.array([0, 7, 9], np.uint8)
    extra = {"myocardium_label": 7, "blood_pool_label": 9}
    renamed = [labels.with_array(numbers[labels.array])
               for labels in (case.fixed_labels, case.moving_labels)]  # fmt: skip
    other = replace(case, fixed_labels=renamed[0], moving_labels=renamed[1], extra=extra)
    for name in ("lv_my_seg_dice", "lv_bp_seg_hd95_mm"):
        score = getattr(scores, name)
        assert score(evaluation(other, phantom.labels)) == score(evaluation(case, phantom.labels))


@pytest.mark.parametrize(
    ("spoil", "labels", "says"),
    [
        ({}, False, "told gave no labels"),
        ({"extra": {}}, True, "does not say which labels are the left ventricle"),
        ({"fixed_labels": None}, True, "has no labels in short-axis planes"),
    ],
)
def test_what_cannot_be_scored_is_left_out(phantom, spoil, labels, says) -> None:
    case = replace(phantom.case(fixed=FIXED), **spoil)
    with pytest.raises(NotKnownError, match=says):
        scores.lv_my_seg_dice(evaluation(case, phantom.labels if labels else None))


def test_volumes_need_labels_of_the_moving_image(phantom) -> None:
    case = replace(phantom.case(fixed=FIXED), moving_labels=None)
    with pytest.raises(NotKnownError, match="has no labels of its moving image"):
        scores.volumes_ml(evaluation(case, phantom.labels), scores.MYOCARDIUM)
    with pytest.raises(NotKnownError, match="has no labels of its moving image"):
        scores.lv_my_image_dice(evaluation(case, phantom.labels))


def test_the_scores_are_offered() -> None:
    offered = {offer.spec.name: offer for offer in default_registry().metrics}
    for structure in ("lv_my", "lv_bp"):
        for name in ("seg_dice", "seg_hd95_mm", "image_dice"):
            score = f"{structure}_{name}"
            assert offered[score].load() is getattr(scores, score)


def test_labels_map_back_through_the_inverse(phantom) -> None:
    """Nothing is lost: labels of the short-axis planes are those of the image again."""
    case = phantom.case(fixed=cube(48, 2.0))
    there = resample(phantom.labels, case.fixed_labels.grid, case.truth)
    back = resample(there, phantom.grid, case.truth.inverse())
    assert isinstance(back, LabelMap)
    agrees = (back.array == phantom.labels.array)[phantom.labels.array > 0].mean()
    assert agrees > 0.85


def test_labels_are_resampled_smoothly(phantom) -> None:
    """Nearer to a ball than by the nearest voxel, on a grid that is turned and finer."""
    grid, fine = upright(24, 4.0), cube(60, 1.3)
    away = [np.linalg.norm(g.to_physical(np.moveaxis(np.indices(g.shape_zyx), 0, -1)), axis=-1)
            for g in (grid, fine)]  # fmt: skip
    ball = LabelMap(np.where(away[0] < 12, 9, np.where(away[0] < 24, 7, 0)).astype(np.uint8), grid)
    turn = rigid((20.0, -30.0, 10.0), (0.0, 0.0, 0.0))
    smooth = resample_labels_linear(ball, fine, turn, (7, 9)).array
    nearest = np.array([0, 0, 0, 0, 0, 0, 0, 1, 0, 2])[resample(ball, fine, turn).array]
    true = np.where(away[1] < 12, 2, np.where(away[1] < 24, 1, 0))
    assert (smooth != true).mean() < 0.8 * (nearest != true).mean()
    assert set(np.unique(smooth)) == {0, 1, 2}
