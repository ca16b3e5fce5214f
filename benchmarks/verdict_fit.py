"""Fit the coefficients of the verdict to answers with known truth that verdict.py has judged.

    python benchmarks/verdict_fit.py [RECORDS] [--card FILE]
    python benchmarks/verdict_fit.py [RECORDS] --report

Patients for fitting only count, of families that a similarity can judge. Weights are fitted by
least squares of the logarithm of the error, answers to pairs without a truth counting as
HOPELESS_MM, each family with the same weight. The table is made of scores of models that have not
seen the person, so it holds for others as well: quantiles of the error, and the fraction of bad
answers, among the answers with the nearest scores.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares

import verdict
from records import read
from regkit.geometry.grid import FloatArray
from regkit.registration import error_model
from regkit.registration.error_model import (
    DISTANCES,
    DOUBTS,
    FLOOR,
    ErrorModel,
    distances_of,
    doubts_of,
)

CARD = Path(error_model.__file__).with_name(error_model.SHIPPED_CARD)
# A similarity cannot judge these: the middle of a prostate is not distinct in ultrasound, and an
# average ventricle is not this patient's. They are reported only.
NOT_FITTED = ("prostates", "lv-spect", "lv-pet")
HOPELESS_MM = 60.0
# Of the weights of doubts, which few answers determine, and the largest of them.
SHRINKAGE, MAX_WEIGHT = 0.05, 8.0
ROWS, LEAST_NEIGHBORS, NEIGHBORS = 12, 40, 0.12  # of the table
INTERVAL = (0.045, 0.955)  # a little wider than 90 %, for few answers determine its ends


class Answers:
    """The evidence of answers in rows, their errors in tolerances, and the persons."""

    def __init__(self, found: list[dict[str, Any]]) -> None:
        measured = [(r["measures"], r["tolerance_mm"]) for r in found]
        rows = [(distances_of(*m), doubts_of(*m)) for m in measured]
        self.distances = np.array([[d[name] for name in DISTANCES] for d, _ in rows])
        self.doubts = np.array([[d[name] for name in DOUBTS] for _, d in rows])
        tolerance = np.array([r["tolerance_mm"] for r in found])
        error = np.array([np.nan if r["error_mm"] is None else r["error_mm"] for r in found])
        self.error = error / tolerance
        self.bad = np.isnan(error) | (self.error > 2)
        self.hopeless = np.isnan(error)
        capped = np.where(self.hopeless, HOPELESS_MM, np.minimum(error, HOPELESS_MM))
        self.target = np.log(FLOOR + capped / tolerance)
        self.person = np.array([r["person"] for r in found])
        count = Counter(r["family"] for r in found)
        self.weight = np.array([count[r["family"]] ** -0.5 for r in found])
        self.weight *= len(found) / self.weight.sum()


def fitted(answers: Answers, chosen: FloatArray) -> FloatArray:
    """Fit constant, weights of distances, doubt, weights of doubts to the chosen answers."""
    sizes = len(DISTANCES), len(DOUBTS)
    start = np.r_[0.05, np.full(sizes[0], 0.3), -4.0, np.full(sizes[1], 0.5)]
    low = np.r_[0.0, np.zeros(sizes[0]), -14.0, np.zeros(sizes[1])]
    high = np.r_[1.0, np.full(sizes[0], MAX_WEIGHT), 3.0, np.full(sizes[1], MAX_WEIGHT)]

    def misses(coefficients: FloatArray) -> FloatArray:
        miss = (scores(coefficients, answers) - answers.target) * answers.weight
        return np.r_[miss[chosen], SHRINKAGE * coefficients[2 + sizes[0] :]]

    return least_squares(misses, start, bounds=(low, high), loss="soft_l1", f_scale=0.4).x


def scores(coefficients: FloatArray, answers: Answers) -> FloatArray:
    """Return the logarithm of the score of all answers."""
    k = len(DISTANCES)
    far = answers.distances @ coefficients[1 : 1 + k]
    doubt = coefficients[1 + k] + answers.doubts @ coefficients[2 + k :]
    return np.log(FLOOR + coefficients[0] + far + np.exp(np.minimum(doubt, 5.0)))


def unseen_scores(answers: Answers) -> FloatArray:
    """Return the score of each answer by a model that has not seen its person."""
    found = np.empty(len(answers.person))
    for person in np.unique(answers.person):
        here = answers.person == person
        found[here] = scores(fitted(answers, ~here), answers)[here]
    return found


def table(answers: Answers, score: FloatArray) -> list[list[float]]:
    """Return what scores mean: rows of score, three quantiles of the error, fraction bad."""
    order = np.argsort(score)
    near = min(max(LEAST_NEIGHBORS, int(NEIGHBORS * len(score))), len(score))
    rows = []
    for k in np.linspace(0, len(score) - near, ROWS).astype(int):
        window = order[k : k + near]
        known = answers.error[window][~answers.hopeless[window]]
        if len(known) < LEAST_NEIGHBORS // 4:
            known = np.full(1, HOPELESS_MM / 4)
        low, high = np.quantile(known, INTERVAL)
        everything = np.where(answers.hopeless[window], np.inf, answers.error[window])
        middle = min(np.quantile(everything, 0.5, method="lower"), high)
        rows.append([score[window].mean(), low, middle, high, answers.bad[window].mean()])
    rising = np.maximum.accumulate(np.array(rows), axis=0)
    return [[round(float(value), 4) for value in row] for row in rising]


def fit(found: list[dict[str, Any]]) -> ErrorModel:
    """Fit a model to the answers of patients for fitting."""
    answers = Answers(found)
    values = fitted(answers, np.ones(len(found), bool))
    k = len(DISTANCES)
    about = {
        "answers": len(found),
        "persons": len(set(answers.person)),
        "families": dict(Counter(r["family"] for r in found)),
        "variants": dict(Counter(r["variant"] for r in found)),
        "methods": sorted({r["answer"].partition(" ")[0] for r in found}),
        "bad": int(answers.bad.sum()),
    }
    rounded = [round(float(value), 4) for value in values]
    return ErrorModel(
        rounded[0],
        dict(zip(DISTANCES, rounded[1 : 1 + k], strict=True)),
        rounded[1 + k],
        dict(zip(DOUBTS, rounded[2 + k :], strict=True)),
        tuple(map(tuple, table(answers, unseen_scores(answers)))),
        about,
    )


def with_estimates(found: list[dict[str, Any]], model: ErrorModel) -> list[dict[str, Any]]:
    """Return records with what a model says of them."""
    return [{**r, **_estimate(r, model)} for r in found]


def _estimate(record: dict[str, Any], model: ErrorModel) -> dict[str, Any]:
    told = model.estimate(record["measures"], record["tolerance_mm"])
    return {
        "expected_error_mm": told.expected_mm,
        "interval_mm": list(told.interval_mm),
        "probability_bad": told.probability_bad,
    }


def usable(path: Path) -> list[dict[str, Any]]:
    """Return the records that have all the evidence."""
    return [r for r in read(path) if "witness_mm" in r.get("measures", {})]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "records", nargs="?", type=Path, default=verdict.HERE / "results" / "verdict.jsonl"
    )
    parser.add_argument("--card", type=Path, default=CARD)
    parser.add_argument("--report", action="store_true", help="print the table of a card only")
    options = parser.parse_args()
    found = usable(options.records)
    if not options.report:
        model = fit([r for r in found if r["use"] == "fitting" and r["family"] not in NOT_FITTED])
        data = {
            key: getattr(model, key)
            for key in ("constant", "distances", "doubt", "doubts", "table", "about")
        }
        options.card.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    model = ErrorModel.from_card(json.loads(options.card.read_text(encoding="utf-8")))
    print(verdict.table(with_estimates(found, model)))


if __name__ == "__main__":
    main()
