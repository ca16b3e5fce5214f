"""Compare two runs of a benchmark: scores that changed by more than chance explains."""

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

# Customary level of significance.
ALPHA = 0.05
# With five patients the smallest p of a two-sided sign-flip test is 2 / 2^5 = 0.06.
MIN_PATIENTS = 6
# Relative change of the mean that counts where no test is possible; chosen by hand.
RELEVANT_CHANGE = 0.05
# Relative difference below which scores are equal, since processors round differently; chosen by
# hand.
ROUNDING = 1e-6
FAILED = "failed cases"

Verdict = Literal["same", "noise", "better", "worse"]


@dataclass(frozen=True)
class Change:
    """One score of one method, before and now, over the cases that both runs have.

    Parameters
    ----------
    dataset, method, score, unit
        Names of the compared score and its unit; `score` is ``failed cases`` for their number.
    old, new
        Means over cases, failures at the worst value.
    p
        P-value of the permutation test over patients, Holm-corrected for all changes; None
        without a test.
    cases, patients
        Numbers of compared cases and patients.
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
    scores, is significant at 5 %. Fewer than six patients cannot be tested: then a change counts
    when all cases changed in one direction and the mean by more than 5 %. One more failed case
    is worse.

    Parameters
    ----------
    old, new
        Records of the earlier and of the later run.
    better, units
        Direction and unit of every score; see `regkit.benchmark.summary.directions_and_units`.

    Raises
    ------
    BenchmarkError
        No method was run on the same case in both.
    """
    before, now = _by_key(old), _by_key(new)
    shared = sorted(before.keys() & now.keys())
    if not shared:
        raise BenchmarkError(
            "the two runs have nothing in common: no method was run on the same case in both"
        )
    changes: list[Change] = []
    for _, keys in groupby(shared, key=lambda key: key[:2]):
        pairs = [(before[key], now[key]) for key in keys]
        changes += [_failure_change(pairs), *_score_changes(pairs, better, units)]
    return _with_correction(changes, better)


def count_unmatched(old: Iterable[Record], new: Iterable[Record]) -> tuple[int, int]:
    """Return the numbers of records without a counterpart, in the first and the second run."""
    before, now = _by_key(old).keys(), _by_key(new).keys()
    return len(before - now), len(now - before)


def _by_key(records: Iterable[Record]) -> dict[tuple[str, str, str], Record]:
    return {
        (r["dataset"], r["method"], r["case"]): r for r in records if r["status"] != "unavailable"
    }


def _failure_change(pairs: Sequence[tuple[Record, Record]]) -> Change:
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


def _score_changes(
    pairs: Sequence[tuple[Record, Record]], better: Mapping[str, str], units: Mapping[str, str]
) -> list[Change]:
    """Compare all scores of one method; the statistics treat its two runs as two methods."""
    labelled = [
        {**r, "method": run} for pair in pairs for run, r in zip(("old", "new"), pair, strict=True)
    ]
    summary = summarize(labelled, StatisticsSettings(draws=200), better, units)
    method = pairs[0][0]["method"]
    tables = (table for table in summary.scores if table.comparisons)
    changes = [_change(table, method, pairs) for table in tables]
    return [change for change in changes if not isnan(change.old)]  # NaN: the score is new


def _change(table: ScoreSummary, method: str, pairs: Sequence[tuple[Record, Record]]) -> Change:
    means = {row.method: nan if row.mean is None else row.mean for row in table.methods}
    (comparison,) = table.comparisons
    verdict: Verdict = "noise"
    if all(_is_equal(pair, table.score) for pair in pairs):
        verdict = "same"
    elif comparison.patients < MIN_PATIENTS and comparison.win_rate in (0.0, 1.0):
        # Preliminary, since small changes are noise (`_with_verdict`): one run wins every case.
        verdict = "better" if (comparison.win_rate == 1.0) == (comparison.a == "new") else "worse"
    if isnan(means["new"]) and not isnan(means["old"]):
        verdict = "worse"  # the new run lacks the score
    return Change(
        table.dataset,
        method,
        table.score,
        table.unit,
        means["old"],
        means["new"],
        comparison.p_permutation if comparison.patients >= MIN_PATIENTS else None,
        comparison.cases,
        comparison.patients,
        verdict,
    )


def _is_equal(pair: tuple[Record, Record], score: str) -> bool:
    a, b = ((record["status"], record["scores"].get(score)) for record in pair)
    if a[1] is None or b[1] is None:
        return a == b
    return isclose(a[1], b[1], rel_tol=ROUNDING, abs_tol=1e-9)


def _with_correction(changes: Sequence[Change], better: Mapping[str, str]) -> list[Change]:
    """Correct the p-values for their number and set the verdicts."""
    tested = [c.verdict == "noise" and c.p is not None for c in changes]
    p = np.array([c.p if test else np.nan for c, test in zip(changes, tested, strict=True)], float)
    return [
        _with_verdict(change, None if np.isnan(corrected) else float(corrected), better)
        for change, corrected in zip(changes, holm(p), strict=True)
    ]


def _with_verdict(change: Change, p: float | None, better: Mapping[str, str]) -> Change:
    rise = change.new - change.old
    if p is not None and p < ALPHA:
        improved = (rise > 0) == (better.get(change.score) == "higher")
        return replace(change, p=p, verdict="better" if improved else "worse")
    is_small = abs(rise) <= RELEVANT_CHANGE * abs(change.old)
    if change.score != FAILED and change.verdict in ("better", "worse") and is_small:
        return replace(change, p=p, verdict="noise")
    return replace(change, p=p)


def cost_ratios(
    old: Iterable[Record], new: Iterable[Record]
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return, by dataset and method, the ratios of median time and memory, new to old.

    Machines differ, so the ratios are reported but get no verdict.
    """
    before, now = _by_key(old), _by_key(new)
    ratios: dict[tuple[str, str], dict[str, Any]] = {}

    def is_known(record: Record) -> bool:
        return record["status"] == "ok" and all(record[name] is not None for name in COSTS)

    for key_of_method, keys in groupby(
        sorted(before.keys() & now.keys()), key=lambda key: key[:2]
    ):
        shared = [key for key in keys if is_known(before[key]) and is_known(now[key])]
        if shared:
            ratios[key_of_method] = {
                name: float(
                    np.median([now[key][name] for key in shared])
                    / max(np.median([before[key][name] for key in shared]), 1e-9)
                )
                for name in COSTS
            }
    return ratios
