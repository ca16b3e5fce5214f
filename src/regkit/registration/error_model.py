"""The calibrated model of how wrong a registration is, in millimeters and as a probability.

An answer may be wrong by each distance that independent evidence finds (to the witness, to where a
climb or another measure leads) and by more the less distinct its place is. These add up to a
score; a table, made of answers with known truth, says what a score means. Score and table rise
with every measure, so no worse evidence gives a better verdict. The coefficients are data: a card
in JSON, which also says what it was fitted on (regkit.benchmark.error_model_fit).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self

import numpy as np

SHIPPED_CARD = "error_model.json"
# Limits of the evidence; all chosen by hand. Distances above the largest are as hopeless.
LARGEST_MM = 200.0
# Standard errors by which a witness may be worse than the result and count half as far away.
WITNESS_HALF, LARGEST_IMPROVEMENT = -2.0, 10.0
LEAST_CONTRAST, MOST_CONTRAST, MOST_MIRRORED = -0.4, 0.0, 0.1
UNAMBIGUOUS = 0.5  # ratio of scores of two places
WORSE = 10.0  # standard errors by which a start may be better than the result
FLOOR = 0.1  # tolerances below which smaller scores mean the same
TINY = 1e-3  # keeps divisions from zero
# Tolerances beyond which an answer is bad; within one it is good.
WRONG_TOLERANCES = 2.0
UNMASKED = "peak_offset_without_masks_mm"
APART = ("witness_mm", "climb_mm", "refinement_mm", UNMASKED)
DISTANCES = (*APART, "mirrored")
DOUBTS = ("contrast", "ambiguity", "outside", "chance", "looseness", "uncertainty", "worse")


@dataclass(frozen=True)
class ErrorEstimate:
    """Estimate of the error of an answer.

    Parameters
    ----------
    expected_mm
        Median error of answers with such evidence, mm.
    interval_mm
        Interval that holds the error of 90 % of them, mm.
    probability_bad
        Probability of more than twice the tolerance, or that no answer is right.
    """

    expected_mm: float
    interval_mm: tuple[float, float]
    probability_bad: float

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self | None:
        """Read the estimate in a record; None where it has none."""
        if data.get("interval_mm") is None:
            return None
        low, high = data["interval_mm"]
        return cls(data["expected_error_mm"], (low, high), data["probability_bad"])

    def as_data(self) -> dict[str, Any]:
        """Return the estimate as plain data, with the keys of a record."""
        return {
            "expected_error_mm": round(self.expected_mm, 3),
            "interval_mm": [round(end, 3) for end in self.interval_mm],
            "probability_bad": round(self.probability_bad, 4),
        }


@dataclass(frozen=True)
class ErrorModel:
    """Coefficients of the score, and the table of what it means.

    Parameters
    ----------
    constant
        Score in tolerances without any evidence.
    distances
        Weights of distances in tolerances, by name; see `distances_of`.
    doubt
        Logarithm of the part of the score that depends on doubts, without any.
    doubts
        Weights of doubts, by name; see `doubts_of`.
    table
        Rows of logarithm of the score, lower end, median and upper end of the error in
        tolerances, and probability of a bad answer, each column rising.
    about
        Origin of the model: numbers of answers and persons, datasets, methods.
    """

    constant: float
    distances: Mapping[str, float]
    doubt: float
    doubts: Mapping[str, float]
    table: tuple[tuple[float, ...], ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Self:
        """Read a card."""
        return cls(
            card["constant"],
            card["distances"],
            card["doubt"],
            card["doubts"],
            tuple(map(tuple, card["table"])),
            card.get("about", {}),
        )

    def score(self, measures: Mapping[str, float], tolerance_mm: float) -> float:
        """Return the logarithm of the score."""
        apart, doubts = distances_of(measures, tolerance_mm), doubts_of(measures, tolerance_mm)
        far = sum(weight * apart[name] for name, weight in self.distances.items())
        doubt = self.doubt + sum(weight * doubts[name] for name, weight in self.doubts.items())
        return float(np.log(FLOOR + self.constant + far + np.exp(min(doubt, 5.0))))

    def estimate(self, measures: Mapping[str, float], tolerance_mm: float) -> ErrorEstimate:
        """Return how wrong an answer probably is."""
        score = self.score(measures, tolerance_mm)
        scores, *columns = np.array(self.table).T
        low, middle, high, bad = (float(np.interp(score, scores, column)) for column in columns)
        interval = low * tolerance_mm, high * tolerance_mm
        return ErrorEstimate(middle * tolerance_mm, interval, bad)


@cache
def shipped_error_model() -> ErrorModel:
    """Return the model of the card that comes with regkit."""
    card = Path(__file__).with_name(SHIPPED_CARD)
    return ErrorModel.from_card(json.loads(card.read_text(encoding="utf-8")))


def distances_of(measures: Mapping[str, float], tolerance_mm: float) -> dict[str, float]:
    """Return the distances of an answer to other places, in tolerances.

    A witness that aligns the images worse than the answer counts less. Where no refinement is
    possible, as in thin slabs, the climb stands for it. An image that is clearly mirrored is one
    tolerance off, for no answer is right: its weight says how much that is.
    """
    better = np.clip(measures["witness_improvement"], -LARGEST_IMPROVEMENT, LARGEST_IMPROVEMENT)
    share = 1 / (1 + np.exp(WITNESS_HALF - better))
    known = {"refinement_mm": measures["climb_mm"], UNMASKED: 0.0, **measures}
    mirrored = np.clip(measures["mirror_gain_fraction"] / MOST_MIRRORED, 0.0, 1.0)
    found = {name: min(known[name], LARGEST_MM) / tolerance_mm for name in APART}
    return {
        **found,
        "witness_mm": float(share * found["witness_mm"]),
        "mirrored": float(mirrored),
    }


def doubts_of(measures: Mapping[str, float], tolerance_mm: float) -> dict[str, float]:
    """Return what speaks against the place of an answer without saying how far off it is, >= 0."""
    similarity = max(measures["similarity"] - 1, TINY)
    chance = max(measures["chance_similarity"] - 1, TINY)
    contrast = np.clip(measures["mirror_gain_fraction"], LEAST_CONTRAST, MOST_CONTRAST)
    uncertain = min(measures.get("witness_uncertainty_mm", 0.0), LARGEST_MM)
    return {
        "contrast": float(contrast) - LEAST_CONTRAST,
        "ambiguity": max(measures["witness_ambiguity"] - UNAMBIGUOUS, 0.0) / UNAMBIGUOUS,
        "outside": 1 - measures["overlap"],
        "chance": 1 / float(np.log1p(max(similarity / chance, 1.0))),
        "looseness": float(np.log1p(measures["looseness_mm"] / tolerance_mm)),
        "uncertainty": float(np.log1p(uncertain / tolerance_mm)),
        "worse": min(max(-measures.get("improvement_over_start", 0.0), 0.0) / WORSE, 1.0),
    }
