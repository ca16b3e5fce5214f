"""Select the cases that the page shows as pictures: the median and the worst of each method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regkit.statistics.score_table import Record
from regkit.statistics.summary import ScoreSummary


@dataclass(frozen=True)
class SelectedCase:
    """A record to show, and the reason.

    Parameters
    ----------
    record
        Record of the case and method.
    reason
        ``median`` or ``worst``.
    score, value, unit
        Name of the score that selected the case, its value and its unit.
    """

    record: Record
    reason: str
    score: str
    value: float
    unit: str


def leading_score(
    scores: Sequence[ScoreSummary], preferred: Sequence[str] = ()
) -> ScoreSummary | None:
    """Return the score that a page shows first: a preferred one, else the first that ranks."""
    for name in preferred:
        for score in scores:
            if score.score == name:
                return score
    ranked = [score for score in scores if score.ranking is not None]
    return next(iter(ranked or scores), None)


def select_cases(
    records: Sequence[Record], score: ScoreSummary, max_cases: int
) -> list[SelectedCase]:
    """Select records of one dataset to show.

    Parameters
    ----------
    records
        Records of the dataset.
    score
        Score by which cases are selected.
    max_cases
        Largest number of cases; the best methods come first.

    Returns
    -------
    list of Choice
        For every method its median and its worst case among those that did not fail.
    """
    sign = -1 if score.better == "higher" else 1
    selected = []
    for method in methods_by_rank(score):
        done = [
            (sign * v, r) for r in records if (v := _value(r, method, score.score)) is not None
        ]
        done.sort(key=lambda item: item[0])
        if done:
            typical, worst = done[(len(done) - 1) // 2], done[-1]
            selected.append(_selected(typical, "median", score, sign))
            if worst[1] is not typical[1]:
                selected.append(_selected(worst, "worst", score, sign))
    return selected[:max_cases]


def methods_by_rank(score: ScoreSummary) -> list[str]:
    """Return the methods from best to worst; in their own order if they are not ranked."""
    if score.ranking is not None:
        return list(score.ranking.methods)
    return [row.method for row in score.methods]


def _selected(
    item: tuple[float, Record], reason: str, score: ScoreSummary, sign: int
) -> SelectedCase:
    return SelectedCase(item[1], reason, score.score, sign * item[0], score.unit)


def _value(record: Record, method: str, name: str) -> float | None:
    """Return the score of a record that has a transform to show, else None."""
    value: Any = (record.get("scores") or {}).get(name)
    if record["method"] != method or record["status"] != "ok" or not record.get("transform"):
        return None
    return float(value) if value is not None and np.isfinite(value) else None
