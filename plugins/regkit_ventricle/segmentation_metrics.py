"""Scores of the segmentation of the left ventricle by a method.

Scores with ``seg`` in their name compare as published: the predicted labels in the estimated
short-axis frame with the true labels in the true frame, so that an error of the pose counts too.
Scores with ``image`` compare both in the moving image, whatever the pose. Volumes are those in the
moving image. Methods label myocardium 1 and blood pool 2; two entries of a case's `extra` give its
own numbers, ``myocardium_label`` and ``blood_pool_label``.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.transform import IDENTITY
from regkit.geometry.volume import LabelMap
from regkit.metrics.evaluation import Evaluation, NotKnownError
from regkit.metrics.segmentation import dice_of, hd95_of
from regkit_ventricle.label_probabilities import resample_labels_linear
from regkit_ventricle.labels import MM3_PER_ML

Mask: TypeAlias = NDArray[np.bool_]
# Name of a structure's entry in a case's `extra`, and its label in the output of methods.
MYOCARDIUM, BLOOD_POOL = ("myocardium_label", 1), ("blood_pool_label", 2)
Structure: TypeAlias = tuple[str, int]


def lv_my_seg_dice(evaluation: Evaluation) -> float:
    """Dice coefficient of the segmented myocardium, 0 to 1."""
    return dice_of(*_reoriented(evaluation, MYOCARDIUM))


def lv_bp_seg_dice(evaluation: Evaluation) -> float:
    """Dice coefficient of the segmented blood pool, 0 to 1."""
    return dice_of(*_reoriented(evaluation, BLOOD_POOL))


def lv_my_seg_hd95_mm(evaluation: Evaluation) -> float:
    """95 % Hausdorff distance of the segmented myocardium, mm."""
    return _hd95(evaluation, MYOCARDIUM)


def lv_bp_seg_hd95_mm(evaluation: Evaluation) -> float:
    """95 % Hausdorff distance of the segmented blood pool, mm."""
    return _hd95(evaluation, BLOOD_POOL)


def lv_my_image_dice(evaluation: Evaluation) -> float:
    """Dice coefficient of the segmented myocardium in the moving image, 0 to 1."""
    return dice_of(*_in_image(evaluation, MYOCARDIUM))


def lv_bp_image_dice(evaluation: Evaluation) -> float:
    """Dice coefficient of the segmented blood pool in the moving image, 0 to 1."""
    return dice_of(*_in_image(evaluation, BLOOD_POOL))


def volumes_ml(evaluation: Evaluation, structure: Structure) -> tuple[float, float]:
    """Return the segmented and the true volume of a structure, ml.

    Raises
    ------
    NotKnownError
        The method gave no labels, or the case has none.
    """
    predicted, true = _predicted(evaluation), _true(evaluation)
    return _ml(predicted, structure[1]), _ml(true, _number(evaluation, structure))


def _reoriented(evaluation: Evaluation, structure: Structure) -> tuple[Mask, Mask]:
    """Return the masks of a structure in the short-axis planes of a case, true and predicted."""
    true = evaluation.case.fixed_labels
    if true is None:
        raise NotKnownError(f"case {evaluation.case.id} has no labels in short-axis planes")
    predicted = _predicted(evaluation)
    predicted = resample_labels_linear(predicted, true.grid, evaluation.result.transform)
    mask = true.array == _number(evaluation, structure)
    if not mask.any():
        raise NotKnownError(f"case {evaluation.case.id} has no {structure[0]} in its planes")
    return mask, predicted.array == structure[1]


def _in_image(evaluation: Evaluation, structure: Structure) -> tuple[Mask, Mask]:
    """Return the masks of a structure in the moving image of a case, true and predicted."""
    true = _true(evaluation)
    mask = true.array == _number(evaluation, structure)
    if not mask.any():
        raise NotKnownError(f"case {evaluation.case.id} has no {structure[0]} in its image")
    predicted = _predicted(evaluation)
    if predicted.grid != true.grid:
        predicted = resample_labels_linear(predicted, true.grid, IDENTITY)
    return mask, predicted.array == structure[1]


def _true(evaluation: Evaluation) -> LabelMap:
    labels = evaluation.case.moving_labels
    if labels is None:
        raise NotKnownError(f"case {evaluation.case.id} has no labels of its moving image")
    return labels


def _hd95(evaluation: Evaluation, structure: Structure) -> float:
    true = evaluation.case.fixed_labels
    masks = _reoriented(evaluation, structure)
    assert true is not None  # noqa: S101 - checked by _reoriented
    return hd95_of(*masks, true.grid)


def _predicted(evaluation: Evaluation) -> LabelMap:
    labels = evaluation.result.estimate.labels
    if labels is None:
        raise NotKnownError(f"{evaluation.result.method} gave no labels")
    return labels


def _number(evaluation: Evaluation, structure: Structure) -> int:
    extra = evaluation.case.extra
    if not {MYOCARDIUM[0], BLOOD_POOL[0]} <= extra.keys():
        raise NotKnownError(
            f"case {evaluation.case.id} does not say which labels are the left ventricle"
        )
    return int(extra[structure[0]])


def _ml(labels: LabelMap, number: int) -> float:
    voxel_mm3 = float(np.prod(labels.grid.spacing))
    return float((labels.array == number).sum()) * voxel_mm3 / MM3_PER_ML
