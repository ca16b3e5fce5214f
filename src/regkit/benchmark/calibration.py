"""Quality of the verdict in a benchmark: how often each status was right, and its scores."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from regkit.benchmark.judged_answer import JudgedAnswer
from regkit.benchmark.verdict_quality import VerdictQuality, verdict_quality
from regkit.registration.error_model import ErrorEstimate
from regkit.registration.verdict_rules import RANKS
from regkit.statistics.safe_text import markdown_text


def calibration(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Count verdicts that were right and wrong.

    Parameters
    ----------
    records
        Records of a benchmark; those of cases without a truth do not count.

    Returns
    -------
    list of dict
        A row for each dataset, method and verdict, in the order of the records, with the number
        of ``cases`` and the fraction ``within_voxel`` of them (see `regkit.metrics.reliability`).
    """
    found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        value = record["scores"].get("within_voxel")
        if record["status"] == "ok" and value is not None:
            found[record["dataset"], record["method"]][record["verdict"]].append(value)
    return [
        {
            "dataset": dataset,
            "method": method,
            "verdict": verdict,
            "cases": len(values[verdict]),
            "within_voxel": sum(values[verdict]) / len(values[verdict]),
        }
        for (dataset, method), values in found.items()
        for verdict in RANKS
        if verdict in values
    ]


def verdict_scores(records: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Measure the verdicts on all results of a method.

    Parameters
    ----------
    records
        Records of a benchmark; those of cases without a truth do not count.

    Returns
    -------
    list of dict
        A row for each dataset and method with the number of ``cases``, of ``wrong`` ones (off by
        more than twice the tolerance), and ``verdict_auc``, ``verdict_brier`` and
        ``verdict_coverage``; see `regkit.benchmark.verdict_quality`.
    """
    found: dict[tuple[str, str], list[JudgedAnswer]] = defaultdict(list)
    for record in records:
        if record["status"] == "ok" and None not in (_error_mm(record), record["tolerance_mm"]):
            found[record["dataset"], record["method"]].append(_judged_answer(record))
    return [
        _score_row(dataset, method, verdict_quality(answers))
        for (dataset, method), answers in found.items()
    ]


def _error_mm(record: Mapping[str, Any]) -> float | None:
    error: float | None = record["scores"].get("tre_mm")
    return error


def _judged_answer(record: Mapping[str, Any]) -> JudgedAnswer:
    return JudgedAnswer(
        record["dataset"],
        record["group"],
        record["method"],
        record["tolerance_mm"],
        _error_mm(record),
        record["verdict"],
        error=ErrorEstimate.from_data(record),
    )


def _score_row(dataset: str, method: str, quality: VerdictQuality) -> dict[str, Any]:
    return {
        "dataset": dataset,
        "method": method,
        "cases": quality.answers,
        "wrong": quality.wrong,
        "verdict_auc": quality.auc,
        "verdict_brier": quality.brier,
        "verdict_coverage": quality.coverage,
    }


def calibration_markdown(rows: list[dict[str, Any]], scores: Sequence[dict[str, Any]] = ()) -> str:
    """Return both tables of the verdict as Markdown; empty if there are no rows.

    Parameters
    ----------
    rows
        Rows of `calibration`.
    scores
        Rows of `verdict_scores`.
    """
    if not rows:
        return ""
    lines = [
        "\n## Verdicts\n",
        "| dataset | method | verdict | cases | within a voxel |",
        "|---|---|---|--:|--:|",
    ]
    lines += [
        f"| {_names(row, 'verdict')} | {row['cases']} | {row['within_voxel']:.0%} |"
        for row in rows
    ]
    if scores:
        lines += [
            "\n| dataset | method | cases | wrong | AUC | Brier score | coverage |",
            "|---|---|--:|--:|--:|--:|--:|",
        ]
        lines += [_score_line(row) for row in scores]
    return "\n".join(lines) + "\n"


def _score_line(row: dict[str, Any]) -> str:
    numbers = f"{_number(row['verdict_auc'])} | {_number(row['verdict_brier'])}"
    coverage = "-" if row["verdict_coverage"] is None else f"{row['verdict_coverage']:.0%}"
    return f"| {_names(row)} | {row['cases']} | {row['wrong']} | {numbers} | {coverage} |"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _names(row: dict[str, Any], *more: str) -> str:
    return " | ".join(markdown_text(str(row[key])) for key in ("dataset", "method", *more))
