"""Volumes of the left ventricle as a method found them and as they are: measurements, no scores.

Of them a benchmark shows how well they agree; see `regkit.statistics.agreement`.
"""

from __future__ import annotations

from regkit.metrics.evaluation import Evaluation
from regkit_ventricle.segmentation_metrics import BLOOD_POOL, MYOCARDIUM, volumes_ml


def lv_my_ml(evaluation: Evaluation) -> float:
    """Volume of the myocardium found, ml."""
    return volumes_ml(evaluation, MYOCARDIUM)[0]


def lv_my_true_ml(evaluation: Evaluation) -> float:
    """Volume of the true myocardium, ml."""
    return volumes_ml(evaluation, MYOCARDIUM)[1]


def lv_bp_ml(evaluation: Evaluation) -> float:
    """Volume of the blood pool found, ml."""
    return volumes_ml(evaluation, BLOOD_POOL)[0]


def lv_bp_true_ml(evaluation: Evaluation) -> float:
    """Volume of the true blood pool, ml."""
    return volumes_ml(evaluation, BLOOD_POOL)[1]
