"""Fit the error model of the verdict to answers with a known error.

The curves are those of an ordinal regression: the score tells apart, by one logistic regression
for each, the answers that are wrong by more than a half, 1, 2, 4, 8 and 16 tolerances, which all
share the curves (all-threshold loss, Rennie & Srebro 2005). Answers to pairs without a truth are
wrong by more than any, and each dataset has the same weight. The table is made of scores of models
that have not seen the person, so it holds for others as well: quantiles of the error, and the
fraction of bad answers, among the answers with the nearest scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from regkit.benchmark.judged_answer import JudgedAnswer
from regkit.geometry.grid import FloatArray
from regkit.registration.error_model import (
    WRONG_TOLERANCES,
    Curve,
    ErrorModel,
    evidence_in_numbers,
)
from regkit.registration.run import versions
from regkit.registration.verdict_rules import is_refused

Chosen: TypeAlias = NDArray[np.bool_]

# All chosen by hand, on answers of the patients for fitting of benchmarks/verdict.py.
UNRIGHT_TOLERANCES = 20.0  # error of answers where none is right, if hardly any other tells
THRESHOLDS = np.array([0.5, 1.0, 2.0, 4.0, 8.0, 16.0])  # of errors, tolerances
KNOTS, ENDS = 16, (0.02, 0.98)  # points of a curve at quantiles of the evidence between these
SHRINKAGE = 1.0  # of the rises of curves, which few answers determine, toward those of the prior
ROWS, LEAST_NEIGHBORS, NEIGHBORS = 24, 40, 0.06  # of the table
MOST_NEIGHBORS = 1 / 3  # of few answers
INTERVAL = (0.045, 0.955)  # a little wider than 90 %, for few answers determine its ends
FOLDS = 10  # groups of persons, each of which is left out once; one of each person if fewer


def fit_error_model(
    answers: Sequence[JudgedAnswer], prior: ErrorModel | None = None
) -> ErrorModel:
    """Fit a model to answers of two persons or more.

    Parameters
    ----------
    answers
        Answers with evidence, some of them wrong and some of them good; those that a rule of the
        verdict refuses (`regkit.registration.verdict_rules.is_refused`) are left out.
    prior
        Model whose curves hold where the answers determine none; None for flat curves.
    """
    evidence = _Evidence([a for a in answers if not is_refused(a.measures, a.tolerance_mm)])
    count = len(evidence.error)
    curves, scores = _fitted(evidence, np.ones(count, bool), prior), np.empty(count)
    for left_out in _folds(evidence.person):
        scores[left_out] = evidence.scores(_fitted(evidence, ~left_out, prior))[left_out]
    return ErrorModel(curves, tuple(map(tuple, _table(evidence, scores))), _about(answers))


def cross_validated(
    answers: Sequence[JudgedAnswer], prior: ErrorModel | None = None
) -> list[JudgedAnswer]:
    """Return the answers with estimates by models that have not seen their persons.

    Parameters
    ----------
    answers, prior
        Parameters of `fit_error_model`; of three persons or more, since each model needs two.
    """
    found = list(answers)
    for left_out in _folds(np.array([answer.person for answer in answers])):
        seen = [answer for answer, out in zip(answers, left_out, strict=True) if not out]
        model = fit_error_model(seen, prior)
        for index in np.flatnonzero(left_out):
            found[index] = found[index].estimated_by(model)
    return found


def card_of(model: ErrorModel) -> dict[str, Any]:
    """Return the card of a model as plain data; `ErrorModel.from_card` reads it."""
    return {
        "curves": {name: [list(point) for point in curve] for name, curve in model.curves.items()},
        "table": [list(row) for row in model.table],
        "about": dict(model.about),
    }


class _Evidence:
    """The evidence of answers by its name, their errors in tolerances, and the persons."""

    def __init__(self, answers: Sequence[JudgedAnswer]) -> None:
        rows = [evidence_in_numbers(answer.measures, answer.tolerance_mm) for answer in answers]
        self.numbers = {name: np.array([row[name] for row in rows]) for name in rows[0]}
        tolerance = np.array([answer.tolerance_mm for answer in answers])
        error = np.array([np.nan if a.error_mm is None else a.error_mm for a in answers])
        self.error = error / tolerance
        self.unright = np.isnan(error)
        self.bad = self.unright | (self.error > WRONG_TOLERANCES)
        beyond = np.nan_to_num(self.error, nan=np.inf)[:, np.newaxis] > THRESHOLDS
        self.beyond = np.where(beyond, 1.0, -1.0)
        self.person = np.array([answer.person for answer in answers])
        count = Counter(answer.dataset for answer in answers)
        weight = np.array([count[answer.dataset] ** -0.5 for answer in answers])
        self.weight = weight * len(answers) / weight.sum()

    def scores(self, curves: Mapping[str, Curve]) -> FloatArray:
        """Return the score of every answer."""
        found = np.zeros(len(self.error))
        for name, curve in curves.items():
            found += np.interp(self.numbers[name], *np.transpose(curve))
        return found


def _fitted(evidence: _Evidence, chosen: Chosen, prior: ErrorModel | None) -> dict[str, Curve]:
    """Fit rising curves to the chosen answers, with the points of the prior if there is one."""
    names = list(evidence.numbers)
    if prior is None:
        knots = [_knots(evidence.numbers[name][chosen]) for name in names]
        toward = [np.zeros(len(points) - 1) for points in knots]
    else:
        known = [np.transpose(prior.curves.get(name, ((0.0, 0.0), (1.0, 0.0)))) for name in names]
        knots, toward = [x for x, _ in known], [np.diff(y) for _, y in known]
    ramps = [
        _ramps(evidence.numbers[name][chosen], x) for name, x in zip(names, knots, strict=True)
    ]
    rises = _rises(
        np.concatenate(ramps, axis=1),
        np.concatenate(toward),
        evidence.beyond[chosen],
        evidence.weight[chosen],
    )
    ends = np.cumsum([len(points) - 1 for points in knots])[:-1]
    return {
        name: tuple(zip(np.round(x, 4).tolist(), _heights(rise), strict=True))
        for name, x, rise in zip(names, knots, np.split(rises, ends), strict=True)
    }


def _knots(values: FloatArray) -> FloatArray:
    """Return the points of a curve; a piece of evidence that is always the same has none."""
    found = np.unique(np.quantile(values, np.linspace(*ENDS, KNOTS)).round(4))
    return found if len(found) > 1 else np.array([found[0], found[0] + 1.0])


def _ramps(values: FloatArray, knots: FloatArray) -> FloatArray:
    """Return how far values are between each knot and the next, 0 to 1, shape (N, knots - 1)."""
    return np.clip((values[:, np.newaxis] - knots[:-1]) / np.diff(knots), 0.0, 1.0)


def _heights(rise: FloatArray) -> list[float]:
    return [0.0, *np.cumsum(rise).round(4).tolist()]


def _rises(
    ramps: FloatArray, toward: FloatArray, beyond: FloatArray, weight: FloatArray
) -> FloatArray:
    """Return the rises of the curves, none below zero, at the least loss.

    Parameters
    ----------
    ramps
        Evidence of each answer, shape (N, R).
    toward
        Rises that hold where the answers determine none, (R,).
    beyond
        1 where an answer is wrong by more than a threshold, else -1, (N, thresholds).
    weight
        Weight of each answer, (N,).
    """
    count = len(toward)
    middle = ramps.mean(axis=0)

    def loss(parameters: FloatArray) -> tuple[float, FloatArray]:
        rise, limits = np.split(parameters, [count])
        margin = beyond * (((ramps - middle) @ rise)[:, np.newaxis] - limits)
        slope = -beyond * expit(-margin) * weight[:, np.newaxis]
        miss, away = (np.logaddexp(0, -margin) * weight[:, np.newaxis]).sum(), rise - toward
        by_rise = (ramps - middle).T @ slope.sum(axis=1) + 2 * SHRINKAGE * away
        return miss + SHRINKAGE * away @ away, np.r_[by_rise, -slope.sum(axis=0)]

    start = np.r_[toward + 0.1, np.linspace(-2.0, 3.0, beyond.shape[1])]
    bounds = [(0.0, None)] * count + [(None, None)] * beyond.shape[1]
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x[:count], np.float64)


def _folds(person: NDArray[np.str_]) -> Iterator[Chosen]:
    """Yield which answers are left out: those of one person, or of one in ten persons."""
    _, number = np.unique(person, return_inverse=True)
    fold = number % FOLDS
    for left_out in np.unique(fold):
        yield fold == left_out


def _table(evidence: _Evidence, score: FloatArray) -> list[list[float]]:
    """Return what scores mean: rows of score, three quantiles of the error, fraction bad."""
    # Equal scores are in random order, whatever that of the answers: by late digits of the error.
    random = np.modf(1e4 * np.nan_to_num(evidence.error))[0]
    order = np.lexsort((random, score))
    wished = max(LEAST_NEIGHBORS, int(NEIGHBORS * len(score)))
    near = max(min(wished, int(MOST_NEIGHBORS * len(score))), 1)
    rows = []
    for first in np.linspace(0, len(score) - near, ROWS).astype(int):
        window = order[first : first + near]
        quantiles = _quantiles(evidence.error[window])
        rows.append([score[window].mean(), *quantiles, evidence.bad[window].mean()])
    rising = np.maximum.accumulate(np.array(rows), axis=0)
    return [[round(float(value), 4) for value in row] for row in rising]


def _quantiles(error: FloatArray) -> tuple[float, float, float]:
    """Return lower end, median and upper end of errors, NaN for answers that none is right for."""
    known = error[~np.isnan(error)]
    if len(known) < LEAST_NEIGHBORS // 4:
        known = np.full(1, UNRIGHT_TOLERANCES)
    low, high = np.quantile(known, INTERVAL)
    middle = np.quantile(np.nan_to_num(error, nan=np.inf), 0.5, method="lower")
    return float(low), float(min(middle, high)), float(high)


def _about(answers: Sequence[JudgedAnswer]) -> dict[str, Any]:
    """Return what a model was fitted on."""
    return {
        "answers": len(answers),
        "persons": len({answer.person for answer in answers}),
        "datasets": dict(Counter(answer.dataset for answer in answers)),
        "variants": dict(Counter(answer.variant for answer in answers)),
        "methods": sorted({answer.method.partition(" ")[0] for answer in answers}),
        "bad": sum(answer.is_wrong for answer in answers),
        "versions": versions(),
    }
