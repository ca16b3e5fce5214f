"""A summary as files: ``summary.json``, ``summary.csv`` and ``summary.md``."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields

from regkit.errors import one_line
from regkit.statistics.number_text import (
    counted,
    format_mean,
    format_p,
    format_quantile,
    format_value,
)
from regkit.statistics.overview import overview
from regkit.statistics.safe_text import markdown_text, spreadsheet_text
from regkit.statistics.summary import Comparison, DatasetSummary, MethodRow, ScoreSummary, Summary

METHOD_HEADER = (
    "| method | cases | failed | mean [95 % interval] | SD | median | 30 % are worse than "
    "| 5 % are worse than | worst | mean rank |\n|---|--:|--:|---|--:|--:|--:|--:|--:|--:|\n"
)
PAIR_HEADER = (
    "| a | b | a - b [95 % interval] | p (permutation) | p (Wilcoxon) | Cohen's d | a wins "
    "| equivalent |\n|---|---|---|--:|--:|--:|--:|---|\n"
)


def summary_json(summary: Summary) -> str:
    """Return the summary as JSON, null where a number cannot be had."""
    return json.dumps(summary.as_data(), indent=1, allow_nan=False) + "\n"


def summary_csv(summary: Summary) -> str:
    """Return one row for every dataset, score and method."""
    names = [field.name for field in fields(MethodRow)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["dataset", "score", "unit", "better", *names, "mean_rank"])
    for score in summary.scores:
        ranks = _ranks(score)
        for row in score.methods:
            values = [getattr(row, name) for name in names]
            home = [score.dataset, score.score, score.unit, score.better]
            cells = [*home, *values, ranks.get(row.method)]
            writer.writerow(spreadsheet_text(c) if isinstance(c, str) else c for c in cells)
    return text.getvalue()


def summary_markdown(summary: Summary) -> str:
    """Return the summary as Markdown tables."""
    parts = ["# Summary\n"]
    for dataset in summary.datasets:
        counts = f"{counted(dataset.cases, 'case')}, {counted(dataset.patients, 'patient')}"
        parts.append(f"## {_cell(dataset.dataset)}\n\n{counts}")
        unavailable = [f"{m} could not run: {why}" for m, why in dataset.unavailable.items()]
        parts.append(_overview(summary, dataset))
        parts.append(_list([*dataset.notes, *unavailable]))
        parts += [_score(s) for s in summary.scores if s.dataset == dataset.dataset]
    parts.append(_footnotes(summary))
    return "\n".join(part for part in parts if part)


def _overview(summary: Summary, dataset: DatasetSummary) -> str:
    """Return one row for every method: failures, and means of the main scores and of seconds."""
    headings, rows = overview(summary, dataset)
    named = [[_cell(method), *cells] for method, *cells in rows]
    lines = [map(_cell, headings), ["---", *["--:"] * (len(headings) - 1)], *named]
    table = "".join("| " + " | ".join(line) + " |\n" for line in lines)
    return f"\n{table}\nMeans with their {summary.settings.confidence:.0%} intervals.\n"


def _score(score: ScoreSummary) -> str:
    unit = f" ({score.unit})" if score.unit else ""
    ranks = _ranks(score)
    text = f"\n### {score.score}{unit}, {score.better} is better\n\n" + METHOD_HEADER
    text += "".join(_method(row, ranks) for row in score.methods)
    if score.comparisons:
        text += "\n" + PAIR_HEADER + "".join(_pair(pair) for pair in score.comparisons)
    if score.ranking:
        groups = "; ".join(" = ".join(map(_cell, group)) for group in score.ranking.groups)
        text += (
            f"\nMean ranks over {score.ranking.patients} patients differ when they are more than "
            f"{score.ranking.critical_difference:.2f} apart"
            + (f"; not significantly different: {groups}.\n" if groups else ".\n")
        )
    return text + _list(score.notes)


def _method(row: MethodRow, ranks: dict[str, float]) -> str:
    cells = (
        _cell(row.method),
        str(row.cases),
        str(row.failed),
        format_mean(row.mean, row.low, row.high),
        format_value(row.sd),
        *(format_quantile(row, name) for name in ("median", "q70", "q95", "worst")),
        format_value(ranks.get(row.method)),
    )
    return "| " + " | ".join(cells) + " |\n"


def _pair(pair: Comparison) -> str:
    wins = "-" if pair.win_rate is None else f"{pair.win_rate:.0%}"
    cells = (
        _cell(pair.a),
        _cell(pair.b),
        format_mean(pair.difference, pair.low, pair.high),
        format_p(pair.p_permutation_holm),
        format_p(pair.p_wilcoxon_holm),
        format_value(pair.cohens_d),
        wins,
        equivalence_in_words(pair),
    )
    return "| " + " | ".join(cells) + " |\n"


def equivalence_in_words(pair: Comparison) -> str:
    """Return the outcome of a test of equivalence with its margin and p-value."""
    found = pair.equivalence
    if found is None or found.equivalent is None:
        return "-"
    answer = "yes" if found.equivalent else "not shown"
    return f"{answer}, within {found.margin:g}: p {format_p(found.p)}"


def _footnotes(summary: Summary) -> str:
    settings = summary.settings
    return (
        f"\n{summary.failure_rule}\n\nIntervals ({settings.confidence:.0%}) are from "
        f"{settings.draws} draws of whole patients (studentized bootstrap). p-values are over "
        "patients and corrected by Holm for all pairs of methods of one score. Cohen's d is of "
        "patients' mean differences. Equivalence: two one-sided tests at 5 %.\n"
    )


def _ranks(score: ScoreSummary) -> dict[str, float]:
    ranking = score.ranking
    return {} if ranking is None else dict(zip(ranking.methods, ranking.mean_rank, strict=True))


def _list(lines: tuple[str, ...] | list[str]) -> str:
    return "".join(f"\n- {_cell(line)}" for line in lines) + ("\n" if lines else "")


def _cell(text: str) -> str:
    return markdown_text(one_line(text))
