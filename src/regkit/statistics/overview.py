"""The overview of a benchmark: one row a method, with failures, the main scores and seconds."""

from __future__ import annotations

from regkit.statistics.number_text import counted, format_mean, format_value
from regkit.statistics.summary import DatasetSummary, ScoreSummary, Summary

# Those of alignment, of which a dataset has some; the others are in the tables of every score.
MAIN_SCORES = ("dt_mm", "dr_deg", "tre_mm", "dice", "hd95_mm")
RUNTIME = "runtime_s"
# Columns of a dataset with other scores only; chosen by hand, for a page of paper.
MOST_COLUMNS = 4


def main_scores(summary: Summary, dataset: str) -> list[ScoreSummary]:
    """Return the scores that an overview shows: those of alignment, else the first, and time."""
    scores = {score.score: score for score in summary.scores if score.dataset == dataset}
    runtime = scores.pop(RUNTIME, None)
    main = [scores[name] for name in MAIN_SCORES if name in scores]
    chosen = main or list(scores.values())[:MOST_COLUMNS]
    return chosen if runtime is None else [*chosen, runtime]


def overview(summary: Summary, dataset: DatasetSummary) -> tuple[list[str], list[list[str]]]:
    """Return the headings and the rows of the overview of a dataset, as text.

    A row has the method, its failed cases, and the mean of each score with its interval.
    """
    scores = main_scores(summary, dataset.dataset)
    headings = ["method", "failed", *map(_heading, scores)]
    return headings, [[method, *_cells(method, scores, dataset)] for method in dataset.methods]


def _heading(score: ScoreSummary) -> str:
    return score.score + (f" ({score.unit})" if score.unit else "")


def _cells(method: str, scores: list[ScoreSummary], dataset: DatasetSummary) -> list[str]:
    found = [next(row for row in score.methods if row.method == method) for score in scores]
    if not found:  # of any method; how many cases failed, the notes say
        return [f"no score of {counted(dataset.cases, 'case')}"]
    failed, cases = max(row.failed for row in found), max(row.cases for row in found)
    means = [
        format_mean(row.mean, row.low, row.high) if row.cases else format_value(None)
        for row in found
    ]
    return [f"{failed} of {counted(cases, 'case')}", *means]
