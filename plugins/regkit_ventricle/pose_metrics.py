"""Scores of the pose that a reorientation gives the left ventricle.

`rot_mse` compares angles. The other scores warp the true labels of the patient with the estimated
transform, so they judge the pose alone, not the labels that a method found. Two entries of a
case's `extra` give the numbers of the labels, ``myocardium_label`` and ``blood_pool_label``; both
are needed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regkit.geometry.grid import Grid
from regkit.geometry.rotation import nearest_rotation
from regkit.geometry.transform import linear_part
from regkit.metrics.evaluation import Evaluation, NotKnownError
from regkit.metrics.segmentation import Mask, dice_of, hd95_of
from regkit_ventricle.reorientation_angles import euler_angles_yxz

MYOCARDIUM, BLOOD_POOL = "myocardium_label", "blood_pool_label"


def rot_mse(evaluation: Evaluation) -> float:
    """Mean squared error of the three angles of R = Ry Rx Rz in rad^2 (MS-ST-UNet, Eq. 1).

    Two sets of angles make the estimated rotation; the one nearer to the true angles is compared.
    """
    centre = evaluation.case.pair.fixed.grid.centre
    truth, estimate = (
        nearest_rotation(linear_part(transform, centre))
        for transform in (evaluation.truth, evaluation.result.transform)
    )
    true_deg = euler_angles_yxz(truth)
    error_deg = np.subtract(euler_angles_yxz(estimate, true_deg), true_deg)
    return float((np.deg2rad(error_deg) ** 2).mean())


def lv_my_dice(evaluation: Evaluation) -> float:
    """Dice coefficient of the myocardium, 0 to 1."""
    return _score(evaluation, MYOCARDIUM, _dice)


def lv_bp_dice(evaluation: Evaluation) -> float:
    """Dice coefficient of the blood pool, 0 to 1."""
    return _score(evaluation, BLOOD_POOL, _dice)


def lv_my_hd95_mm(evaluation: Evaluation) -> float:
    """95 % Hausdorff distance of the myocardium in mm."""
    return _score(evaluation, MYOCARDIUM, hd95_of)


def lv_bp_hd95_mm(evaluation: Evaluation) -> float:
    """95 % Hausdorff distance of the blood pool in mm."""
    return _score(evaluation, BLOOD_POOL, hd95_of)


def _score(
    evaluation: Evaluation, structure: str, metric: Callable[[Mask, Mask, Grid], float]
) -> float:
    """Score one structure; raise `NotKnownError` if the case does not name its labels."""
    case = evaluation.case
    if not {MYOCARDIUM, BLOOD_POOL} <= case.extra.keys():
        raise NotKnownError(f"case {case.id} does not say which labels are the left ventricle")
    fixed, warped = evaluation.labels
    label = int(case.extra[structure])
    masks = fixed.array == label, warped.array == label
    if not masks[0].any():
        raise NotKnownError(f"case {case.id}: no fixed voxel has the {structure} {label}")
    return metric(*masks, fixed.grid)


def _dice(a: Mask, b: Mask, _: Grid) -> float:
    return dice_of(a, b)
