"""Intensity errors of the warped moving image, in percent.

The reference is the moving image warped by the true transform.
"""

from __future__ import annotations

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.metrics.evaluation import Evaluation, NotKnownError


def nmse_pct(evaluation: Evaluation) -> float:
    """Mean squared difference over the mean square of the reference, whole volume."""
    warped, reference = _arrays(evaluation)
    return float(100 * ((warped - reference) ** 2).mean() / (reference**2).mean())


def nmae_pct(evaluation: Evaluation) -> float:
    """Mean absolute difference over the mean absolute reference, whole volume."""
    warped, reference = _arrays(evaluation)
    return float(100 * np.abs(warped - reference).mean() / np.abs(reference).mean())


def _arrays(evaluation: Evaluation) -> tuple[FloatArray, FloatArray]:
    reference = evaluation.true_warped.array.astype(np.float64)
    if not reference.any():
        raise NotKnownError(f"case {evaluation.case.id}: the true warped image is empty")
    return evaluation.warped.array.astype(np.float64), reference
