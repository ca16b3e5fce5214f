"""Fit the coefficients of the verdict to answers with a known error.

Weights are fitted by least squares of the logarithm of the error, answers to pairs without a truth
counting as very wrong, each dataset with the same weight. The table is made of scores of models
that have not seen the person, so it holds for others as well: quantiles of the error, and the
fraction of bad answers, among the answers with the nearest scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from regkit.benchmark.judged_answer import JudgedAnswer
from regkit.geometry.grid import FloatArray
from regkit.registration.error_model import (
    DISTANCES,
    DOUBTS,
    FLOOR,
    WRONG_TOLERANCES,
    ErrorModel,
    distances_of,
    doubts_of,
)
from regkit.registration.run import versions

Chosen: TypeAlias = NDArray[np.bool_]

# All chosen by hand, on answers of the patients for fitting of benchmarks/verdict.py.
UNRIGHT_MM = 60.0  # error that an answer counts as where none is right; the largest of others
# Of the weights, which few answers determine, toward those of the prior; and the largest of them.
SHRINKAGE, MAX_WEIGHT = 0.05, 8.0
LOSS_SCALE = 0.4  # of the logarithm of the error; farther misses count less than by their square
ROWS, LEAST_NEIGHBORS, NEIGHBORS = 12, 40, 0.12  # of the table
INTERVAL = (0.045, 0.955)  # a little wider than 90 %, for few answers determine its ends
FOLDS = 10  # groups of persons, each of which is left out once; one of each person if fewer


def fit_error_model(
    answers: Sequence[JudgedAnswer], prior: ErrorModel | None = None
) -> ErrorModel:
    """Fit a model to answers of two persons or more.

    Parameters
    ----------
    answers
        Answers with evidence, some of them wrong and some of them good.
    prior
        Model whose weights hold where the answers determine none; None for weights of 0.
    """
    evidence = _Evidence(answers)
    weights = _fitted(evidence, np.ones(len(answers), bool), prior)
    scores = np.empty(len(answers))
    for left_out in _folds(evidence.person):
        scores[left_out] = _scores(_fitted(evidence, ~left_out, prior), evidence)[left_out]
    k = len(DISTANCES)
    rounded = [round(float(value), 4) for value in weights]
    return ErrorModel(
        rounded[0],
        dict(zip(DISTANCES, rounded[1 : 1 + k], strict=True)),
        rounded[1 + k],
        dict(zip(DOUBTS, rounded[2 + k :], strict=True)),
        tuple(map(tuple, _table(evidence, scores))),
        _about(answers),
    )


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
        "constant": model.constant,
        "distances": dict(model.distances),
        "doubt": model.doubt,
        "doubts": dict(model.doubts),
        "table": [list(row) for row in model.table],
        "about": dict(model.about),
    }


class _Evidence:
    """The evidence of answers in rows, their errors in tolerances, and the persons."""

    def __init__(self, answers: Sequence[JudgedAnswer]) -> None:
        measured = [(answer.measures, answer.tolerance_mm) for answer in answers]
        apart, doubts = ([of(*m) for m in measured] for of in (distances_of, doubts_of))
        self.doubts = np.array([[row[name] for name in DOUBTS] for row in doubts])
        self.distances = np.array([[row[name] for name in DISTANCES] for row in apart])
        tolerance = np.array([answer.tolerance_mm for answer in answers])
        error = np.array([np.nan if a.error_mm is None else a.error_mm for a in answers])
        self.error = error / tolerance
        self.unright = np.isnan(error)
        self.bad = self.unright | (self.error > WRONG_TOLERANCES)
        capped = np.where(self.unright, UNRIGHT_MM, np.minimum(error, UNRIGHT_MM))
        self.target = np.log(FLOOR + capped / tolerance)
        self.person = np.array([answer.person for answer in answers])
        count = Counter(answer.dataset for answer in answers)
        weight = np.array([count[answer.dataset] ** -0.5 for answer in answers])
        self.weight = weight * len(answers) / weight.sum()


def _fitted(evidence: _Evidence, chosen: Chosen, prior: ErrorModel | None) -> FloatArray:
    """Fit constant, weights of distances, doubt, weights of doubts to the chosen answers."""
    k, m = len(DISTANCES), len(DOUBTS)
    low = np.r_[0.0, np.zeros(k), -14.0, np.zeros(m)]
    high = np.r_[1.0, np.full(k, MAX_WEIGHT), 3.0, np.full(m, MAX_WEIGHT)]
    if prior is None:
        start, toward = np.r_[0.05, np.full(k, 0.3), -4.0, np.full(m, 0.5)], np.zeros(2 + k + m)
        held = np.arange(2 + k, 2 + k + m)  # of distances, the answers say enough
    else:
        start = toward = np.clip(_coefficients(prior), low, high)
        held = np.arange(2 + k + m)

    def misses(coefficients: FloatArray) -> FloatArray:
        miss = (_scores(coefficients, evidence) - evidence.target) * evidence.weight
        return np.concatenate([miss[chosen], SHRINKAGE * (coefficients - toward)[held]])

    found = least_squares(misses, start, bounds=(low, high), loss="soft_l1", f_scale=LOSS_SCALE)
    return np.asarray(found.x, np.float64)


def _coefficients(model: ErrorModel) -> FloatArray:
    """Return the coefficients of a model; evidence that it does not know weighs nothing."""
    far = [model.distances.get(name, 0.0) for name in DISTANCES]
    weights = [model.doubts.get(name, 0.0) for name in DOUBTS]
    return np.array([model.constant, *far, model.doubt, *weights])


def _scores(coefficients: FloatArray, evidence: _Evidence) -> FloatArray:
    """Return the logarithm of the score of all answers."""
    k = len(DISTANCES)
    far = evidence.distances @ coefficients[1 : 1 + k]
    doubt = coefficients[1 + k] + evidence.doubts @ coefficients[2 + k :]
    score: FloatArray = FLOOR + coefficients[0] + far + np.exp(np.minimum(doubt, 5.0))
    return np.asarray(np.log(score), np.float64)


def _folds(person: NDArray[np.str_]) -> Iterator[Chosen]:
    """Yield which answers are left out: those of one person, or of one in ten persons."""
    _, number = np.unique(person, return_inverse=True)
    fold = number % FOLDS
    for left_out in np.unique(fold):
        yield fold == left_out


def _table(evidence: _Evidence, score: FloatArray) -> list[list[float]]:
    """Return what scores mean: rows of score, three quantiles of the error, fraction bad."""
    order = np.argsort(score, kind="stable")
    near = min(max(LEAST_NEIGHBORS, int(NEIGHBORS * len(score))), len(score))
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
        known = np.full(1, UNRIGHT_MM / 4)
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
