"""Which scores of a benchmark changed since an earlier one, by more than chance explains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from math import isclose, isnan, nan
from typing import Any, Literal

import numpy as np

from regkit.benchmark.records import Record
from regkit.errors import BenchmarkError
from regkit.statistics import StatisticsSettings, summarize
from regkit.statistics.paired_tests import holm
from regkit.statistics.score_table import COSTS
from regkit.statistics.summary import ScoreSummary

ALPHA = 0.05
# With fewer patients no permutation test can find anything.
FEWEST_PATIENTS = 6
RELEVANT = 0.05
# Scores that differ by less are the same: another processor rounds differently.
ROUNDING = 1e-6
FAILED = "failed cases"

Verdict = Literal["same", "noise", "better", "worse"]


@dataclass(frozen=True)
class Change:
    """One score of one method, before and now, over the cases that both runs have.

    Parameters
    ----------
    dataset, method, score, unit
        What is compared; `score` is ``failed cases`` for their number.
    old, new
        Means over cases, failures at the worst value.
    p
        Of the permutation test over patients, Holm-corrected for all changes; None without one.
    cases, patients
        How many are compared.
    verdict
        ``same`` up to rounding; ``noise``, ``better`` or ``worse``.
    """

    dataset: str
    method: str
    score: str
    unit: str
    old: float
    new: float
    p: float | None
    cases: int
    patients: int
    verdict: Verdict


def compare_records(
    old: Iterable[Record],
    new: Iterable[Record],
    better: Mapping[str, str],
    units: Mapping[str, str],
) -> list[Change]:
    """Compare two runs, method by method and score by score, case by case.

    A change counts when a sign-flip permutation test over patients, corrected for the number of
    scores, finds it at 5 %. Fewer than six patients cannot be tested: then it counts when all
    cases changed in one direction and the mean by more than 5 %. One more failed case is worse.

    Parameters
    ----------
    old, new
        The records.
    better, units
        Of every score; see `regkit.benchmark.summary.of_scores`.

    Raises
    ------
    BenchmarkError
        No method was run on the same case in both.
    """
    before, now = _keyed(old), _keyed(new)
    shared = sorted(before.keys() & now.keys())
    if not shared:
        raise BenchmarkError(
            "the two runs have nothing in common: no method was run on the same case in both"
        )
    changes: list[Change] = []
    for _, keys in groupby(shared, key=lambda key: key[:2]):
        pairs = [(before[key], now[key]) for key in keys]
        changes += [_failures(pairs), *_scores(pairs, better, units)]
    return _judged(changes, better)


def only_in_one(old: Iterable[Record], new: Iterable[Record]) -> tuple[int, int]:
    """Return how many cases and methods only the first and only the second run has."""
    before, now = _keyed(old).keys(), _keyed(new).keys()
    return len(before - now), len(now - before)


def _keyed(records: Iterable[Record]) -> dict[tuple[str, str, str], Record]:
    return {
        (r["dataset"], r["method"], r["case"]): r for r in records if r["status"] != "unavailable"
    }


def _failures(pairs: Sequence[tuple[Record, Record]]) -> Change:
    old, new = (sum(pair[i]["status"] == "failed" for pair in pairs) for i in (0, 1))
    verdict: Verdict = "same" if old == new else "worse" if new > old else "better"
    first, patients = pairs[0][0], {pair[0]["group"] for pair in pairs}
    return Change(
        first["dataset"],
        first["method"],
        FAILED,
        "",
        old,
        new,
        None,
        len(pairs),
        len(patients),
        verdict,
    )


def _scores(
    pairs: Sequence[tuple[Record, Record]], better: Mapping[str, str], units: Mapping[str, str]
) -> list[Change]:
    """Compare all scores of one method: its two runs are to the statistics as two methods."""
    told = [
        {**r, "method": run} for pair in pairs for run, r in zip(("old", "new"), pair, strict=True)
    ]
    summary = summarize(told, StatisticsSettings(draws=200), better, units)
    method = pairs[0][0]["method"]
    tables = (table for table in summary.scores if table.comparisons)
    changes = [_change(table, method, pairs) for table in tables]
    return [change for change in changes if not isnan(change.old)]  # others are new


def _change(table: ScoreSummary, method: str, pairs: Sequence[tuple[Record, Record]]) -> Change:
    means = {row.method: nan if row.mean is None else row.mean for row in table.methods}
    (found,) = table.comparisons
    verdict: Verdict = "noise"
    if all(_same(pair, table.score) for pair in pairs):
        verdict = "same"
    elif found.patients < FEWEST_PATIENTS and found.win_rate in (0.0, 1.0):
        # Preliminary: which of the two runs wins every case.
        verdict = "better" if (found.win_rate == 1.0) == (found.a == "new") else "worse"
    if isnan(means["new"]) and not isnan(means["old"]):
        verdict = "worse"  # the score is not there any more
    return Change(
        table.dataset,
        method,
        table.score,
        table.unit,
        means["old"],
        means["new"],
        found.p_permutation if found.patients >= FEWEST_PATIENTS else None,
        found.cases,
        found.patients,
        verdict,
    )


def _same(pair: tuple[Record, Record], score: str) -> bool:
    a, b = ((record["status"], record["scores"].get(score)) for record in pair)
    if a[1] is None or b[1] is None:
        return a == b
    return isclose(a[1], b[1], rel_tol=ROUNDING, abs_tol=1e-9)


def _judged(changes: Sequence[Change], better: Mapping[str, str]) -> list[Change]:
    """Correct the p-values for their number and say which changes count."""
    tested = [c.verdict == "noise" and c.p is not None for c in changes]
    p = np.array([c.p if test else np.nan for c, test in zip(changes, tested, strict=True)], float)
    return [
        _judge(change, None if np.isnan(corrected) else float(corrected), better)
        for change, corrected in zip(changes, holm(p), strict=True)
    ]


def _judge(change: Change, p: float | None, better: Mapping[str, str]) -> Change:
    rise = change.new - change.old
    if p is not None and p < ALPHA:
        improved = (rise > 0) == (better.get(change.score) == "higher")
        return replace(change, p=p, verdict="better" if improved else "worse")
    is_small = abs(rise) <= RELEVANT * abs(change.old)
    if change.score != FAILED and change.verdict in ("better", "worse") and is_small:
        return replace(change, p=p, verdict="noise")
    return replace(change, p=p)


def costs(old: Iterable[Record], new: Iterable[Record]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return by dataset and method how many times the median time and memory are the old ones.

    Machines differ, so these are told and not judged.
    """
    before, now = _keyed(old), _keyed(new)
    ratios: dict[tuple[str, str], dict[str, Any]] = {}

    def is_known(record: Record) -> bool:
        return record["status"] == "ok" and all(record[name] is not None for name in COSTS)

    for home, keys in groupby(sorted(before.keys() & now.keys()), key=lambda key: key[:2]):
        shared = [key for key in keys if is_known(before[key]) and is_known(now[key])]
        if shared:
            ratios[home] = {
                name: float(
                    np.median([now[key][name] for key in shared])
                    / max(np.median([before[key][name] for key in shared]), 1e-9)
                )
                for name in COSTS
            }
    return ratios
