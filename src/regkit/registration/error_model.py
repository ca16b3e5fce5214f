"""The calibrated model of how wrong a registration is, in millimeters and as a probability.

Each piece of evidence (the distances to the witness, to where a climb or another measure leads,
how distinct the place is) adds what its rising curve says to a score; a table, made of answers
with known truth, says what a score means. Curves and table rise, so no worse evidence gives a
better verdict. They are data: a card in JSON, which also says what it was fitted on
(regkit.benchmark.error_model_fit).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeAlias

import numpy as np

from regkit.geometry.grid import FloatArray

SHIPPED_CARD = "error_model.json"
SHIPPED = "shipped"
# Limits of the evidence; all chosen by hand. Distances above the largest are as hopeless.
LARGEST_MM = 200.0
FLOOR = 0.1  # tolerances below which smaller distances mean the same
# Standard errors by which a witness may be worse than the result, and a climb better, and count
# half as far away.
WITNESS_HALF, CLIMB_HALF, STRETCHED_HALF, LARGEST_IMPROVEMENT = -2.0, 0.0, 3.5, 10.0
# Where no refinement is possible: the agreement, and that of mirrored images relative to it.
USUAL_AGREEMENT, USUAL_MIRRORED = 0.4, 0.85
LEAST_AGREEMENT, TINY = 0.02, 1e-3  # keep divisions from zero
# Tolerances by which a clear climb leads away from none of 817 good answers of the patients for
# fitting of benchmarks/verdict.py, and from 492 of 1,813 wrong ones.
AWAY_TOLERANCES, CLEARLY = 1.2, 5.0
# Fraction of the answers that a rule of the verdict refuses that are bad, at least: 349 of 361 of
# the patients in benchmarks/results/fitting/verdict.jsonl were.
REFUSED_BAD = 0.95
# Signs of doubt, see `_is_doubtful`: an agreement that few good answers lack, and tolerances by
# which a climb goes on, whether it gains something or not, as on flat ground. Of the answers with
# such a sign whose score alone says less than 90 %, this fraction is bad: 91 of 125 of these.
LEAST_ALIKE, FLAT_TOLERANCES = 0.15, 4.0
# The agreement needed where a similarity is no proof. Chosen for `auto`: 69 right results on 8
# simulated patients had 0.5 and more; on 15 real prostates, which deform, two methods agree twice,
# on wrong places that have 0.27 and 0.448, and the limit was set with these in view. For the
# verdict it was not chosen anew: of 109 good answers for fitting it doubts three slabs, for which
# no agreement is known.
LEAST_ALIKE_WITHOUT_PROOF = 0.45
DOUBTFUL_BAD = 0.7
# Tolerances beyond which an answer is bad; within one it is good. So far a search that is clearly
# better leads away from 401 of these 1,146 wrong answers, and the refinement as well, and from one
# of the 537 good ones.
WRONG_TOLERANCES = 2.0

Curve: TypeAlias = tuple[tuple[float, float], ...]


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
    calibration
        Origin of the model: ``shipped``, or the SHA-256 of its card.
    """

    expected_mm: float
    interval_mm: tuple[float, float]
    probability_bad: float
    calibration: str = SHIPPED

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Self | None:
        """Read the estimate in a record; None where it has none."""
        if data.get("interval_mm") is None:
            return None
        low, high = data["interval_mm"]
        origin = data.get("calibration") or SHIPPED
        return cls(data["expected_error_mm"], (low, high), data["probability_bad"], origin)

    def as_data(self) -> dict[str, Any]:
        """Return the estimate as plain data, with the keys of a record."""
        return {
            "expected_error_mm": round(self.expected_mm, 3),
            "interval_mm": [round(end, 3) for end in self.interval_mm],
            "probability_bad": round(self.probability_bad, 4),
            "calibration": self.calibration,
        }


@dataclass(frozen=True)
class ErrorModel:
    """Curves of the evidence, and the table of what their sum means.

    Parameters
    ----------
    curves
        Points of evidence and score, both rising, for each piece of evidence by its name; see
        `evidence_in_numbers`. The score is linear between them and constant beyond.
    table
        Rows of score, lower end, median and upper end of the error in tolerances, and probability
        of a bad answer, each column rising.
    about
        Data of the fit: numbers of answers and persons, datasets, methods.
    origin
        ``shipped``, or the SHA-256 of the card.
    """

    curves: Mapping[str, Curve]
    table: tuple[tuple[float, ...], ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    origin: str = SHIPPED

    @classmethod
    def from_card(cls, card: Mapping[str, Any], origin: str = SHIPPED) -> Self:
        """Read a card."""
        curves = {name: tuple((x, y) for x, y in curve) for name, curve in card["curves"].items()}
        return cls(curves, tuple(map(tuple, card["table"])), card.get("about", {}), origin)

    def score(self, measures: Mapping[str, float], tolerance_mm: float) -> float:
        """Return the sum of what the curves say."""
        found = evidence_in_numbers(measures, tolerance_mm)
        return sum(
            float(np.interp(found[name], *np.transpose(curve)))
            for name, curve in self.curves.items()
        )

    def estimate(
        self, measures: Mapping[str, float], tolerance_mm: float, refused: bool = False
    ) -> ErrorEstimate:
        """Return how wrong an answer probably is.

        One that all witnesses, a clear climb, or a clearly better search and the refinement lead
        away from has a score of at least where such an error is usual, and one that a rule refuses
        where `REFUSED_BAD` of the answers are bad. With a sign of doubt, the probability is
        `DOUBTFUL_BAD` at least, and the error may be as large as it then is: only the lower end of
        the interval stays.
        """
        score = self.score(measures, tolerance_mm)
        scores, *columns = np.array(self.table).T

        def at_least(column: FloatArray, value: float) -> float:
            return float(scores[np.searchsorted(column, value).clip(max=len(scores) - 1)])

        def means(score: float) -> list[float]:
            return [float(np.interp(score, scores, column)) for column in columns]

        away = _away_mm(measures) / tolerance_mm
        if away > AWAY_TOLERANCES:
            score = max(score, at_least(columns[1], away))
        elsewhere = _clear_search_mm(measures) / tolerance_mm
        if elsewhere > WRONG_TOLERANCES:
            score = max(score, at_least(columns[1], elsewhere))
        if refused:
            score = max(score, at_least(columns[-1], REFUSED_BAD))
        low, middle, high, bad = means(score)
        if _is_doubtful(measures, tolerance_mm):
            _, usual, most, _ = means(at_least(columns[-1], DOUBTFUL_BAD))
            middle, high, bad = max(middle, usual), max(high, most), max(bad, DOUBTFUL_BAD)
        interval = low * tolerance_mm, high * tolerance_mm
        return ErrorEstimate(middle * tolerance_mm, interval, bad, self.origin)


@cache
def shipped_error_model() -> ErrorModel:
    """Return the model of the card that comes with regkit."""
    card = Path(__file__).with_name(SHIPPED_CARD)
    return ErrorModel.from_card(json.loads(card.read_text(encoding="utf-8")))


def evidence_in_numbers(measures: Mapping[str, float], tolerance_mm: float) -> dict[str, float]:
    """Return the evidence against an answer, the larger the worse.

    Parameters
    ----------
    measures
        Measures of a verdict with a witness.
    tolerance_mm
        Error that counts as none, mm.

    Returns
    -------
    dict
        Logarithms of distances in tolerances to the ``witness`` (one that aligns the images worse
        counts less), to the ends of the ``climb`` (one that gains nothing beyond noise counts
        less) and of the ``refinement`` (in thin slabs, where none is possible, the climb stands
        for it), from the climb to where stretches lead (``stretched``; likewise), of the
        ``uncertainty`` of the witness and of the ``looseness``; by how much the witness is
        ``better``, standard errors; its ``ambiguity``; the lack of agreement (``unlike``); the
        fraction ``outside`` the other image; logarithm of the similarity by ``chance`` relative
        to that found; the gain of similarity by ``mirrored`` images, and their agreement relative
        to that found (``handed``).
    """

    def tolerances(mm: float) -> float:
        return float(np.log(FLOOR + min(mm, LARGEST_MM) / tolerance_mm))

    better = _standard_errors(measures["witness_improvement"])
    agreement = measures.get("agreement", USUAL_AGREEMENT)
    similarity = max(measures["similarity"] - 1, TINY)
    chance = max(measures["chance_similarity"] - 1, TINY)
    witness_mm, climb_mm, refinement_mm = distances_that_count(measures)
    gain = _standard_errors(measures.get("stretched_improvement", 0.0))
    stretched_mm = _share(gain - STRETCHED_HALF) * measures.get("stretched_mm", 0.0)
    return {
        "witness": tolerances(witness_mm),
        "climb": tolerances(climb_mm),
        "refinement": tolerances(refinement_mm),
        "stretched": tolerances(stretched_mm),
        "uncertainty": tolerances(measures.get("witness_uncertainty_mm", 0.0)),
        "looseness": tolerances(measures["looseness_mm"]),
        "better": better,
        "ambiguity": measures["witness_ambiguity"],
        "unlike": 1 - agreement,
        "outside": 1 - measures["overlap"],
        "chance": float(np.log(chance / similarity)),
        "mirrored": measures["mirror_gain_fraction"],
        "handed": _agreement_by_mirroring(measures),
    }


def lacks_agreement(measures: Mapping[str, float]) -> bool:
    """Return True if the descriptors agree less than is needed for such images."""
    needed = measures.get("needed_agreement", LEAST_ALIKE)
    return measures.get("agreement", USUAL_AGREEMENT) < needed


def agrees_as_well_mirrored(measures: Mapping[str, float]) -> bool:
    """Return True if the descriptors agree as well with left and right exchanged."""
    return _agreement_by_mirroring(measures) > 1


def _agreement_by_mirroring(measures: Mapping[str, float]) -> float:
    """Return the agreement of mirrored images relative to that found."""
    if "mirrored_agreement" not in measures or "agreement" not in measures:
        return USUAL_MIRRORED
    return max(measures["mirrored_agreement"], 0) / max(measures["agreement"], LEAST_AGREEMENT)


def distances_that_count(measures: Mapping[str, float]) -> tuple[float, float, float]:
    """Return the distances to the witness and to the ends of climb and refinement, mm.

    The first counts less if it aligns the images worse, the second if it gains nothing beyond
    noise.
    """
    better = _standard_errors(measures["witness_improvement"])
    gain = _standard_errors(measures.get("climb_improvement", 0.0))
    return (
        _share(better - WITNESS_HALF) * measures["witness_mm"],
        _share(gain - CLIMB_HALF) * measures["climb_mm"],
        measures.get("refinement_mm", measures["climb_mm"]),
    )


def _away_mm(measures: Mapping[str, float]) -> float:
    """Return how far a climb that is clearly better leads away, or else all witnesses do, mm."""
    distances = distances_that_count(measures)
    clear = measures.get("climb_improvement", 0.0) > CLEARLY
    return measures["climb_mm"] if clear else min(distances)


def _clear_search_mm(measures: Mapping[str, float]) -> float:
    """Return how far a search that is clearly better and the refinement both lead away, mm."""
    clear = measures["witness_improvement"] > CLEARLY
    return min(measures["witness_mm"], measures.get("refinement_mm", 0.0)) if clear else 0.0


def _clear_stretch_mm(measures: Mapping[str, float]) -> float:
    """Return how far a stretch that clearly aligns the images better leads away, mm; else 0."""
    clear = measures.get("stretched_improvement", 0.0) > CLEARLY
    return measures.get("stretched_mm", 0.0) if clear else 0.0


def _is_doubtful(measures: Mapping[str, float], tolerance_mm: float) -> bool:
    """Return True if an answer has a sign that the witnesses cannot tell how wrong it is.

    The descriptors hardly agree, or as well with left and right exchanged; a stretch clearly
    aligns the images better; or the climb goes far, so that the place is not determined.
    """
    return (
        lacks_agreement(measures)
        or agrees_as_well_mirrored(measures)
        or _clear_stretch_mm(measures) > tolerance_mm
        or measures["climb_mm"] > FLAT_TOLERANCES * tolerance_mm
    )


def _standard_errors(improvement: float) -> float:
    return float(np.clip(improvement, -LARGEST_IMPROVEMENT, LARGEST_IMPROVEMENT))


def _share(above_half: float) -> float:
    """Return 0 to 1: how much of a distance counts, a half at 0."""
    return float(1 / (1 + np.exp(-above_half)))
