"""Reliability of a registration: coverage of the body, success, and quality of the verdict."""

from __future__ import annotations

from regkit.metrics.evaluation import Evaluation
from regkit.metrics.pose import tre_mm
from regkit.similarity.compared_points import SmallerField

# Probability of an error above one voxel that each verdict stands for; chosen by hand.
FORECAST = {"OK": 0.0, "CHECK": 0.5, "FAIL": 1.0}


def overlap(evaluation: Evaluation) -> float:
    """Fraction of the body in the smaller field of view that lies inside the other image."""
    field = SmallerField.of(evaluation.case.pair)
    return field.compared_by(evaluation.result.transform).overlap()


def within_voxel(evaluation: Evaluation) -> float:
    """1 if the mean target registration error is at most the fixed image's widest voxel, else 0.

    Its mean over cases is the success rate.
    """
    return float(tre_mm(evaluation) <= max(evaluation.case.pair.fixed.grid.spacing))


def verdict_brier(evaluation: Evaluation) -> float:
    """Squared error of the verdict as a forecast of failure: 0 is right, 1 is wrong.

    OK forecasts a failure (not `within_voxel`) with probability 0, CHECK 0.5, FAIL 1. The mean is
    the Brier score; always saying CHECK scores 0.25. Brier 1950, Monthly Weather Review 78:1-3.
    """
    failed = 1 - within_voxel(evaluation)
    return (FORECAST[evaluation.result.verdict.status] - failed) ** 2
