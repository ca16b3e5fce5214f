"""Volumes of the left ventricle, segmented by a method and true: measurements, not scores.

A benchmark reports their agreement; see `regkit.statistics.agreement`.
"""

from __future__ import annotations

from regkit.metrics.evaluation import Evaluation
from regkit_ventricle.segmentation_metrics import BLOOD_POOL, MYOCARDIUM, volumes_ml


def lv_my_ml(evaluation: Evaluation) -> float:
    """Volume of the segmented myocardium, ml."""
    return volumes_ml(evaluation, MYOCARDIUM)[0]


def lv_my_true_ml(evaluation: Evaluation) -> float:
    """Volume of the true myocardium, ml."""
    return volumes_ml(evaluation, MYOCARDIUM)[1]


def lv_bp_ml(evaluation: Evaluation) -> float:
    """Volume of the segmented blood pool, ml."""
    return volumes_ml(evaluation, BLOOD_POOL)[0]


def lv_bp_true_ml(evaluation: Evaluation) -> float:
    """Volume of the true blood pool, ml."""
    return volumes_ml(evaluation, BLOOD_POOL)[1]
