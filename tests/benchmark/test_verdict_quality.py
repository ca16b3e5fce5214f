"""The quality of verdicts: counts, and measures that agree with their definitions."""

import numpy as np
import pytest

from regkit.benchmark.judged_answer import JudgedAnswer
from regkit.benchmark.verdict_quality import roc_area, verdict_quality
from regkit.registration.error_model import ErrorEstimate


def answer(error_mm, status, expected=None, bad=None):
    told = None
    if expected is not None:
        told = ErrorEstimate(expected, (0.5 * expected, 2 * expected), bad)
    return JudgedAnswer("d", "p", "m", 3.0, error_mm, status, error=told)


ANSWERS = [
    answer(1.0, "OK", 1.0, 0.1),
    answer(2.0, "CHECK", 0.5, 0.2),
    answer(7.0, "OK", 6.0, 0.6),
    answer(60.0, "FAIL", 50.0, 0.9),
    answer(None, "CHECK", 20.0, 0.8),
]


def test_answers_are_counted_by_error_and_status():
    quality = verdict_quality(ANSWERS)
    assert (quality.good, quality.good_ok) == (2, 1)
    assert (quality.wrong, quality.wrong_ok) == (3, 1)
    assert (quality.hopeless, quality.hopeless_fail) == (2, 1)
    assert (quality.told, quality.covered) == (4, 3)
    assert quality.coverage == 0.75


def test_the_brier_score_is_the_mean_squared_error_of_the_probability():
    expected = np.mean([0.1**2, 0.2**2, 0.4**2, 0.1**2, 0.2**2])
    assert verdict_quality(ANSWERS).brier == pytest.approx(expected)


def test_one_answer_without_an_estimate_is_ranked_with_all_others_by_status():
    quality = verdict_quality([*ANSWERS, answer(1.0, "OK")])
    # Wrong: OK, FAIL, CHECK; others: OK, CHECK, OK. Of nine pairs, five in order, three equal.
    assert quality.auc == pytest.approx((5 + 3 / 2) / 9)
    assert verdict_quality(ANSWERS).auc == 1.0


def test_the_area_is_the_fraction_of_pairs_in_order():
    rng = np.random.default_rng(0)
    forecasts, events = np.round(rng.uniform(size=60), 1), rng.uniform(size=60) < 0.4
    pairs = forecasts[events][:, None] - forecasts[~events][None]
    assert roc_area(forecasts, events) == pytest.approx(np.mean((pairs > 0) + 0.5 * (pairs == 0)))
    assert roc_area(forecasts, np.ones(60, bool)) is None


def test_constant_errors_have_no_correlation():
    assert verdict_quality([answer(1.0, "OK", 1.0, 0.1)] * 4).rank_correlation is None
    assert verdict_quality([]).brier is None
