"""Summary of benchmark records: means, intervals, tests and ranks for every score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any

import numpy as np

from regkit.errors import ParameterError
from regkit.geometry.grid import FloatArray
from regkit.statistics.bootstrap import ENOUGH_PATIENTS, FEWEST_PATIENTS, Means, draw_patients
from regkit.statistics.number_text import counted
from regkit.statistics.paired_tests import least_p
from regkit.statistics.pairwise_comparison import compare_methods
from regkit.statistics.ranking import ALPHA, rank
from regkit.statistics.score_table import (
    COSTS,
    DatasetRecords,
    Record,
    ScoreTable,
    by_dataset,
    scores_of,
)
from regkit.statistics.summary import (
    DatasetSummary,
    MethodRow,
    ScoreSummary,
    StatisticsSettings,
    Summary,
    number,
)

# Of the costs, for which no metric declares a unit.
COST_UNITS = {"runtime_s": "s", "peak_memory_mb": "MB"}
# Fractions of the cases behind the columns of `MethodRow`.
QUANTILES = {"median": 0.5, "q70": 0.7, "q95": 0.95, "worst": 1.0}


def summarize(
    records: Iterable[Record],
    settings: StatisticsSettings | None = None,
    better: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
) -> Summary:
    """Summarise the records of a benchmark.

    Parameters
    ----------
    records
        Records of a benchmark; cases of one ``group`` (the patient) count as dependent.
    settings
        Confidence, draws, seed and margins; the defaults if None.
    better
        Direction of each score, ``lower`` (the default) or ``higher``; empty for a measurement,
        which is left out; see `regkit.statistics.agreement`.
    units
        Units of the scores by name.

    Returns
    -------
    Summary
        Statistics that depend on the records and the settings only.

    Raises
    ------
    ParameterError
        A margin is not positive, or no record has its score.
    """
    settings = settings or StatisticsSettings()
    datasets = by_dataset(records)
    tables = [score for dataset in datasets for score in scores_of(dataset, better or {})]
    _check_margins(settings, {table.name for table in tables})
    units = {**COST_UNITS, **(units or {})}
    return Summary(
        settings,
        tuple(_dataset(dataset) for dataset in datasets),
        tuple(_summarize(table, settings, units.get(table.name, "")) for table in tables),
    )


def _check_margins(settings: StatisticsSettings, names: set[str]) -> None:
    for name, margin in settings.margins.items():
        if name not in names:
            known = ", ".join(sorted(names)) or "no score at all"
            raise ParameterError(
                f"no record has the score '{name}', for which a margin was given; "
                f"choose from {known}"
            )
        if not margin > 0:
            raise ParameterError(f"the margin of {name} must be positive, got {margin:g}")


def _dataset(dataset: DatasetRecords) -> DatasetSummary:
    cases, methods = list(dataset.groups), dataset.methods
    failed = dict.fromkeys(methods, 0)
    recorded = dict.fromkeys(methods, 0)
    for (_, method), record in dataset.records.items():
        if method in recorded and record["status"] != "unavailable":
            recorded[method] += 1
            failed[method] += record["status"] == "failed"
    notes = [
        f"{method}: {failed[method]} of {recorded[method]} cases failed"
        for method in methods
        if failed[method]
    ]
    notes += [
        f"{method}: {len(cases) - recorded[method]} of {len(cases)} cases have no record"
        for method in methods
        if recorded[method] < len(cases)
    ]
    notes += _broken_scores(dataset)
    if dataset.repeated:
        notes.append(f"{dataset.repeated} records are repeated; the last of each counts")
    return DatasetSummary(
        dataset.name,
        len(cases),
        len(set(dataset.groups.values())),
        tuple(methods),
        dataset.unavailable,
        tuple(notes),
    )


def _broken_scores(dataset: DatasetRecords) -> list[str]:
    """Return notes on metrics that failed: faults of a metric, not of a method."""
    reasons: dict[str, list[str]] = {}
    for record in dataset.records.values():
        for name, reason in (record.get("score_errors") or {}).items():
            reasons.setdefault(name, []).append(str(reason))
    return [
        f"the score {name} could not be computed for {counted(len(why), 'result')}; the first "
        f"error: {why[0]}"
        for name, why in reasons.items()
    ]


def _summarize(score: ScoreTable, settings: StatisticsSettings, unit: str) -> ScoreSummary:
    counts = draw_patients(score.patients, settings.draws, settings.seed)
    tested = score.name not in COSTS and score.worst is not None and len(score.methods) > 1
    pairs = list(combinations(range(len(score.methods)), 2)) if tested else []
    return ScoreSummary(
        dataset=score.dataset,
        score=score.name,
        unit=unit,
        better=score.better,
        cases=len(score.cases),
        patients=score.patients,
        failure_value=score.worst if score.failed.any() else None,
        methods=_methods(score, counts, settings),
        comparisons=compare_methods(score, pairs, counts, settings),
        ranking=rank(score, counts) if tested else None,
        notes=_notes(score),
    )


def _methods(
    score: ScoreTable, counts: FloatArray, settings: StatisticsSettings
) -> tuple[MethodRow, ...]:
    there = np.isfinite(score.filled)
    means = Means(
        score.per_patient(np.where(there, score.filled, 0)),
        score.per_patient(there.astype(np.float64)),
        counts,
    )
    low, high = means.interval(settings.confidence)
    patients = (score.per_patient(score.known.astype(np.float64)) > 0).sum(axis=0)
    return tuple(
        MethodRow(
            method=method,
            cases=int(score.known[:, i].sum()),
            patients=int(patients[i]),
            failed=int(score.failed[:, i].sum()),
            missing=int((~score.known[:, i]).sum()),
            mean=number(means.estimate[i]),
            low=number(low[i]),
            high=number(high[i]),
            **_spread(score, i, settings.margins.get(score.name)),
        )
        for i, method in enumerate(score.methods)
    )


def _spread(score: ScoreTable, i: int, margin: float | None) -> dict[str, Any]:
    """Return the spread and the quantiles of one method's values."""
    there = score.known[:, i]
    completed = score.values[there & ~score.failed[:, i], i]
    ordered = np.sort(score.order[there, i])
    return {
        "mean_of_completed": number(completed.mean()) if completed.size else None,
        "sd": number(score.filled[there, i].std(ddof=1)) if there.sum() > 1 else None,
        **{name: quantile(ordered, q, score.sign) for name, q in QUANTILES.items()},
        "within_margin": None
        if margin is None or score.sign < 0 or not there.any()
        else float((ordered <= margin).mean()),
    }


def quantile(ordered: FloatArray, fraction: float, sign: int) -> float | None:
    """Return the value that a fraction of the cases does not exceed; None if it is a failure.

    Parameters
    ----------
    ordered
        Values from best to worst, smaller ones better, infinite for failures.
    fraction
        Fraction of the cases, 0 to 1.
    sign
        Factor between values of `ordered` and of the score: 1, or -1 where higher is better.
    """
    if ordered.size == 0:
        return None
    at = fraction * (len(ordered) - 1)
    below, above = ordered[int(np.floor(at))], ordered[int(np.ceil(at - 1e-9))]
    if not np.isfinite(above):
        return None
    return float(sign * (below + (at - np.floor(at)) * (above - below)))


def _notes(score: ScoreTable) -> tuple[str, ...]:
    notes = []
    if score.worst is None:
        notes.append("every case of every method failed: there is nothing to average")
    elif score.failed.any():
        notes.append(f"failures count as {score.worst:.4g}, the worst value of any method")
    if score.name in COSTS:
        notes.append("of completed runs only; not tested")
    elif len(score.methods) == 1:
        notes.append("one method: there is nothing to compare")
    if score.patients < FEWEST_PATIENTS:
        plural = "patients are" if score.patients > 1 else "patient is"
        notes.append(
            f"{score.patients} {plural} too few for intervals; {FEWEST_PATIENTS} are needed"
        )
    elif score.patients < ENOUGH_PATIENTS:
        notes.append(
            f"with only {score.patients} patients the intervals are somewhat too narrow, and "
            "equivalence is claimed too easily, if a few cases are much worse than the rest"
        )
    pairs = len(score.methods) * (len(score.methods) - 1) // 2
    least = least_p(score.patients, pairs)
    if score.patients > 1 and pairs and least >= ALPHA and score.name not in COSTS:
        notes.append(
            f"with {score.patients} patients and {pairs} "
            f"{'pair' if pairs == 1 else 'pairs'} of methods no corrected permutation p can be "
            f"below {least:.2g}: too few patients for significance"
        )
    if not score.known.all():
        notes.append("some cases have no result of some method; pairs are compared where both do")
    return tuple(notes)
