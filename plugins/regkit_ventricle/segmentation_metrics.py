"""How well the labels that a method found are those of the left ventricle.

``seg`` compares as published: the labels found, in the short-axis frame found, with the true
labels in the true frame, so that an error of the pose counts too. ``image`` compares both where
they lie in the moving image, whatever the pose. Volumes are those in the moving image.
Methods find 1 for myocardium and 2 for the blood pool; cases say their own numbers in two entries
of their `extra`, ``myocardium_label`` and ``blood_pool_label``.
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
# What a case calls it -> what methods find.
MYOCARDIUM, BLOOD_POOL = ("myocardium_label", 1), ("blood_pool_label", 2)
Structure: TypeAlias = tuple[str, int]


def lv_my_seg_dice(evaluation: Evaluation) -> float:
    """Dice coefficient of the myocardium found, 0 to 1."""
    return dice_of(*_reoriented(evaluation, MYOCARDIUM))


def lv_bp_seg_dice(evaluation: Evaluation) -> float:
    """Dice coefficient of the blood pool found, 0 to 1."""
    return dice_of(*_reoriented(evaluation, BLOOD_POOL))


def lv_my_seg_hd95_mm(evaluation: Evaluation) -> float:
    """95 % Hausdorff distance of the myocardium found, mm."""
    return _hd95(evaluation, MYOCARDIUM)


def lv_bp_seg_hd95_mm(evaluation: Evaluation) -> float:
    """95 % Hausdorff distance of the blood pool found, mm."""
    return _hd95(evaluation, BLOOD_POOL)


def lv_my_image_dice(evaluation: Evaluation) -> float:
    """Dice coefficient of the myocardium found, where it lies in the moving image, 0 to 1."""
    return dice_of(*_in_the_image(evaluation, MYOCARDIUM))


def lv_bp_image_dice(evaluation: Evaluation) -> float:
    """Dice coefficient of the blood pool found, where it lies in the moving image, 0 to 1."""
    return dice_of(*_in_the_image(evaluation, BLOOD_POOL))


def volumes_ml(evaluation: Evaluation, structure: Structure) -> tuple[float, float]:
    """Return the volume of a structure that was found, and the true one, ml.

    Raises
    ------
    NotKnownError
        The method found no labels, or the case does not know them.
    """
    found, true = _found(evaluation), _true(evaluation)
    return _ml(found, structure[1]), _ml(true, _number(evaluation, structure))


def _reoriented(evaluation: Evaluation, structure: Structure) -> tuple[Mask, Mask]:
    """Return where a structure is in the short-axis planes of a case, true and found."""
    true = evaluation.case.fixed_labels
    if true is None:
        raise NotKnownError(f"case {evaluation.case.id} has no labels in short-axis planes")
    found = resample_labels_linear(_found(evaluation), true.grid, evaluation.result.transform)
    mask = true.array == _number(evaluation, structure)
    if not mask.any():
        raise NotKnownError(f"case {evaluation.case.id} has no {structure[0]} in its planes")
    return mask, found.array == structure[1]


def _in_the_image(evaluation: Evaluation, structure: Structure) -> tuple[Mask, Mask]:
    """Return where a structure is in the moving image of a case, true and found."""
    true = _true(evaluation)
    mask = true.array == _number(evaluation, structure)
    if not mask.any():
        raise NotKnownError(f"case {evaluation.case.id} has no {structure[0]} in its image")
    found = _found(evaluation)
    if found.grid != true.grid:
        found = resample_labels_linear(found, true.grid, IDENTITY)
    return mask, found.array == structure[1]


def _true(evaluation: Evaluation) -> LabelMap:
    labels = evaluation.case.moving_labels
    if labels is None:
        raise NotKnownError(f"case {evaluation.case.id} has no labels of its moving image")
    return labels


def _hd95(evaluation: Evaluation, structure: Structure) -> float:
    true = evaluation.case.fixed_labels
    masks = _reoriented(evaluation, structure)
    assert true is not None  # noqa: S101 - else it would have been said
    return hd95_of(*masks, true.grid)


def _found(evaluation: Evaluation) -> LabelMap:
    labels = evaluation.result.estimate.labels
    if labels is None:
        raise NotKnownError(f"{evaluation.result.method} finds no labels")
    return labels


def _number(evaluation: Evaluation, structure: Structure) -> int:
    extra = evaluation.case.extra
    if not {MYOCARDIUM[0], BLOOD_POOL[0]} <= extra.keys():
        raise NotKnownError(f"case {evaluation.case.id} is not one of a left ventricle")
    return int(extra[structure[0]])


def _ml(labels: LabelMap, number: int) -> float:
    voxel_mm3 = float(np.prod(labels.grid.spacing))
    return float((labels.array == number).sum()) * voxel_mm3 / MM3_PER_ML
