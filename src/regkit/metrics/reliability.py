"""Reliability of a registration: coverage of the body, success, and quality of the verdict."""

from __future__ import annotations

from regkit.metrics.evaluation import Evaluation, NotKnownError
from regkit.metrics.pose import tre_mm
from regkit.registration.error_model import WRONG_TOLERANCES
from regkit.registration.result_measures import tolerance_mm
from regkit.registration.verdict import Verdict
from regkit.similarity.compared_points import SmallerField

# Probability of a wrong result that each status stands for; chosen by hand.
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
    """Squared error of the verdict as a forecast of a wrong result: 0 is right, 1 is wrong.

    A result is wrong if its mean target registration error is more than twice the tolerance of 3
    mm, or of the coarsest voxel if that is larger. The forecast is the probability that the
    verdict gives, or without one 0 for OK, 0.5 for CHECK and 1 for FAIL. The mean is the Brier
    score; always saying CHECK scores 0.25. Brier 1950, Monthly Weather Review 78:1-3.
    """
    limit = WRONG_TOLERANCES * tolerance_mm(evaluation.case.pair)
    wrong = float(tre_mm(evaluation) > limit)
    return (_forecast(evaluation.result.verdict) - wrong) ** 2


def verdict_coverage(evaluation: Evaluation) -> float:
    """1 if the verdict's interval holds the mean target registration error, else 0.

    Its mean over cases is the coverage of the interval; 0.9 is right, more is too wide.
    """
    error = evaluation.result.verdict.error
    if error is None:
        raise NotKnownError(f"the verdict on case {evaluation.case.id} has no interval")
    low, high = error.interval_mm
    return float(low <= tre_mm(evaluation) <= high)


def _forecast(verdict: Verdict) -> float:
    return FORECAST[verdict.status] if verdict.error is None else verdict.error.probability_bad
