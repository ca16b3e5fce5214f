"""Measure how well verdicts tell right answers from wrong ones, and by how many millimeters."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu, spearmanr

from regkit.benchmark.judged_answer import JudgedAnswer
from regkit.geometry.grid import FloatArray
from regkit.metrics.reliability import FORECAST

LEAST_FOR_CORRELATION = 3  # answers
# Ends of the groups of probabilities in which the fraction of wrong answers is counted.
PROBABILITY_ENDS = (0.02, 0.1, 0.2, 0.4, 0.7, 0.9, 1.0)


@dataclass(frozen=True)
class ReliabilityRow:
    """Answers with about the same probability of being wrong.

    Parameters
    ----------
    answers
        Number of answers.
    told
        Mean of their probabilities.
    wrong
        Number of those that are wrong.
    """

    answers: int
    told: float
    wrong: int


def reliability(answers: Sequence[JudgedAnswer]) -> list[ReliabilityRow]:
    """Group answers by their probability of being wrong, and count the wrong ones."""
    told = [(a.error.probability_bad, a.is_wrong) for a in answers if a.error is not None]
    rows, low = [], -1.0
    for high in PROBABILITY_ENDS:
        group = [(probability, wrong) for probability, wrong in told if low < probability <= high]
        if group:
            mean = float(np.mean([probability for probability, _ in group]))
            rows.append(ReliabilityRow(len(group), mean, sum(wrong for _, wrong in group)))
        low = high
    return rows


@dataclass(frozen=True)
class VerdictQuality:
    """Counts and measures of the verdicts on some answers.

    Parameters
    ----------
    answers
        Number of answers.
    good, good_ok
        Number within the tolerance, and of those that are OK.
    wrong, wrong_ok
        Number beyond twice the tolerance or that none is right for, and of those that are OK.
    hopeless, hopeless_fail
        Number beyond 50 mm or that none is right for, and of those that are FAIL.
    told, covered
        Number with an interval and an error, and of those whose interval holds the error.
    auc
        Probability that a wrong answer is judged worse than another one, by the probability that
        verdicts give, or by their statuses where one gives none; None without both kinds.
    brier
        Mean squared difference of that probability (of a status 0, 0.5 or 1) and of what is so;
        None without answers.
    rank_correlation
        Spearman's correlation of expected and true errors; None for fewer than three.
    """

    answers: int
    good: int
    good_ok: int
    wrong: int
    wrong_ok: int
    hopeless: int
    hopeless_fail: int
    told: int
    covered: int
    auc: float | None
    brier: float | None
    rank_correlation: float | None

    @property
    def coverage(self) -> float | None:
        """The fraction of the intervals that hold the error; None without any."""
        return self.covered / self.told if self.told else None


def verdict_quality(answers: Sequence[JudgedAnswer]) -> VerdictQuality:
    """Measure the verdicts on answers with known errors."""
    good = [answer for answer in answers if answer.is_good]
    wrong = [answer for answer in answers if answer.is_wrong]
    hopeless = [answer for answer in answers if answer.is_hopeless]
    covered = [answer.is_covered for answer in answers if answer.is_covered is not None]
    forecasts, events = _forecasts(answers), np.array([a.is_wrong for a in answers], bool)
    return VerdictQuality(
        len(answers),
        len(good),
        sum(answer.status == "OK" for answer in good),
        len(wrong),
        sum(answer.status == "OK" for answer in wrong),
        len(hopeless),
        sum(answer.status == "FAIL" for answer in hopeless),
        len(covered),
        sum(covered),
        roc_area(forecasts, events),
        float(np.square(forecasts - events).mean()) if answers else None,
        _rank_correlation(answers),
    )


def roc_area(forecasts: FloatArray, events: NDArray[np.bool_]) -> float | None:
    """Return the area under the ROC curve of forecasts of events; None without both outcomes."""
    if events.all() or not events.any():
        return None
    # Hanley and McNeil 1982, Radiology 143:29-36: the area is the statistic of this test.
    statistic = mannwhitneyu(forecasts[events], forecasts[~events]).statistic
    return float(statistic) / (int(events.sum()) * int((~events).sum()))


def _forecasts(answers: Sequence[JudgedAnswer]) -> FloatArray:
    """Return probabilities of a wrong answer, those of the statuses if one has no other."""
    told = [answer.error.probability_bad for answer in answers if answer.error is not None]
    if len(told) < len(answers):
        told = [FORECAST[answer.status] for answer in answers]
    return np.array(told, np.float64)


def _rank_correlation(answers: Sequence[JudgedAnswer]) -> float | None:
    both = [
        (a.error.expected_mm, a.error_mm) for a in answers if a.error and a.error_mm is not None
    ]
    if len(both) < LEAST_FOR_CORRELATION:
        return None
    with warnings.catch_warnings():  # of constant errors, which have no ranks
        warnings.simplefilter("ignore")
        found = float(spearmanr(np.array(both)).statistic)
    return None if np.isnan(found) else found
