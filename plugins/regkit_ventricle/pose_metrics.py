"""How well the left ventricle's two structures lie where they belong after a reorientation.

The patient's own labels are warped, so these judge the pose alone: a method that segments is not
judged by the labels it found. Cases say the labels' numbers in two entries of their `extra`,
``myocardium_label`` and ``blood_pool_label``; both are needed.
"""

from __future__ import annotations

from collections.abc import Callable

from regkit.geometry.grid import Grid
from regkit.metrics.evaluation import Evaluation, NotKnownError
from regkit.metrics.overlap import Mask, dice_of, hd95_of

MYOCARDIUM, BLOOD_POOL = "myocardium_label", "blood_pool_label"


def lv_my_dice(evaluation: Evaluation) -> float:
    """Dice coefficient of the myocardium, 0 to 1."""
    return _of(evaluation, MYOCARDIUM, _dice)


def lv_bp_dice(evaluation: Evaluation) -> float:
    """Dice coefficient of the blood pool, 0 to 1."""
    return _of(evaluation, BLOOD_POOL, _dice)


def lv_my_hd95_mm(evaluation: Evaluation) -> float:
    """95 % Hausdorff distance of the myocardium in mm."""
    return _of(evaluation, MYOCARDIUM, hd95_of)


def lv_bp_hd95_mm(evaluation: Evaluation) -> float:
    """95 % Hausdorff distance of the blood pool in mm."""
    return _of(evaluation, BLOOD_POOL, hd95_of)


def _of(
    evaluation: Evaluation, structure: str, score: Callable[[Mask, Mask, Grid], float]
) -> float:
    """Score one structure; `NotKnownError` where a case does not say which label it is."""
    case = evaluation.case
    if not {MYOCARDIUM, BLOOD_POOL} <= case.extra.keys():
        raise NotKnownError(f"case {case.id} is not one of a left ventricle")
    fixed, warped = evaluation.labels
    label = int(case.extra[structure])
    masks = fixed.array == label, warped.array == label
    if not masks[0].any():
        raise NotKnownError(f"case {case.id}: no fixed voxel has the {structure} {label}")
    return score(*masks, fixed.grid)


def _dice(a: Mask, b: Mask, _: Grid) -> float:
    return dice_of(a, b)
