"""Which cases the page shows as pictures: of every method a typical one and the worst."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from regkit.statistics.score_table import Record
from regkit.statistics.summary import ScoreSummary


@dataclass(frozen=True)
class Choice:
    """A record to show, and why.

    Parameters
    ----------
    record
        What was found.
    why
        ``median`` or ``worst``.
    score, value, unit
        By which score, and what it is.
    """

    record: Record
    why: str
    score: str
    value: float
    unit: str


def leading(scores: Sequence[ScoreSummary], preferred: Sequence[str] = ()) -> ScoreSummary | None:
    """Return the score that a page shows first: a preferred one, else the first that ranks."""
    for name in preferred:
        for score in scores:
            if score.score == name:
                return score
    ranked = [score for score in scores if score.ranking is not None]
    return next(iter(ranked or scores), None)


def choose(records: Sequence[Record], score: ScoreSummary, most: int) -> list[Choice]:
    """Choose records of one dataset to show.

    Parameters
    ----------
    records
        Those of the dataset.
    score
        Decides which case is worst.
    most
        How many to choose; the best methods come first.

    Returns
    -------
    list of Choice
        For every method its median and its worst case among those that did not fail.
    """
    sign = -1 if score.better == "higher" else 1
    chosen = []
    for method in by_rank(score):
        done = [
            (sign * v, r) for r in records if (v := _value(r, method, score.score)) is not None
        ]
        done.sort(key=lambda item: item[0])
        if done:
            typical, worst = done[(len(done) - 1) // 2], done[-1]
            chosen.append(_choice(typical, "median", score, sign))
            if worst[1] is not typical[1]:
                chosen.append(_choice(worst, "worst", score, sign))
    return chosen[:most]


def by_rank(score: ScoreSummary) -> list[str]:
    """Return the methods from best to worst; in their own order if they are not ranked."""
    if score.ranking is not None:
        return list(score.ranking.methods)
    return [row.method for row in score.methods]


def _choice(item: tuple[float, Record], why: str, score: ScoreSummary, sign: int) -> Choice:
    return Choice(item[1], why, score.score, sign * item[0], score.unit)


def _value(record: Record, method: str, name: str) -> float | None:
    """Return the score of a record that can be shown."""
    value: Any = (record.get("scores") or {}).get(name)
    if record["method"] != method or record["status"] != "ok" or not record.get("transform"):
        return None
    return float(value) if value is not None and np.isfinite(value) else None
