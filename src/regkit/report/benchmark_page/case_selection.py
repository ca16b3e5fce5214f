"""Select the cases that the page shows as pictures: median and worst of each method first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import numpy as np

from regkit.statistics.score_table import Record
from regkit.statistics.summary import ScoreSummary

# Cases of each method that come before the further ones of any: the median and the worst.
FIRST = 2


@dataclass(frozen=True)
class SelectedCase:
    """A record to show, and the reason.

    Parameters
    ----------
    record
        Record of the case and method.
    reason
        ``median``, ``worst``, ``best`` or the place from the worst.
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
    list of SelectedCase
        For every method, of the cases that did not fail, first the median and the worst; as far
        as the number allows also the best, then the next worst, of all methods in turn.
    """
    sign = -1 if score.better == "higher" else 1
    offered = [_ordered(records, method, score, sign) for method in methods_by_rank(score)]
    selected = [choice for choices in offered for choice in choices[:FIRST]]
    further = zip_longest(*(choices[FIRST:max_cases] for choices in offered))
    selected += [choice for turn in further for choice in turn if choice is not None]
    return selected[:max_cases]


def equal_shares(available: Sequence[int], total: int) -> list[int]:
    """Share out a number of pictures as evenly as what is available allows."""
    shares = [0] * len(available)
    while sum(shares) < min(total, sum(available)):
        open_places = [n for n, count in enumerate(available) if shares[n] < count]
        shares[min(open_places, key=lambda number: shares[number])] += 1
    return shares


def methods_by_rank(score: ScoreSummary) -> list[str]:
    """Return the methods from best to worst; in their own order if they are not ranked."""
    if score.ranking is not None:
        return list(score.ranking.methods)
    return [row.method for row in score.methods]


def _ordered(
    records: Sequence[Record], method: str, score: ScoreSummary, sign: int
) -> list[SelectedCase]:
    """Return all cases of a method with the reason to show each, in the order of their use."""
    done = [(sign * v, r) for r in records if (v := _value(r, method, score.score)) is not None]
    done.sort(key=lambda item: item[0])
    return [
        SelectedCase(done[at][1], reason, score.score, sign * done[at][0], score.unit)
        for at, reason in _reasons(len(done)).items()
    ]


def _reasons(count: int) -> dict[int, str]:
    """Return the places of cases, from the best, in the order of their use, with the reasons."""
    reasons: dict[int, str] = {}
    if count:
        reasons[(count - 1) // 2] = "median"
        reasons.setdefault(count - 1, "worst")
        reasons.setdefault(0, "best")
    for rank in range(2, count):
        reasons.setdefault(count - rank, f"no. {rank} from the worst")
    return reasons


def _value(record: Record, method: str, name: str) -> float | None:
    """Return the score of a record that has a transform to show, else None."""
    value: Any = (record.get("scores") or {}).get(name)
    if record["method"] != method or record["status"] != "ok" or not record.get("transform"):
        return None
    return float(value) if value is not None and np.isfinite(value) else None
