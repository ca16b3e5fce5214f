"""Content of a benchmark's page: sections and panels for its template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from regkit.report.benchmark_page.bland_altman import bland_altman
from regkit.report.benchmark_page.case_selection import leading_score, methods_by_rank
from regkit.report.benchmark_page.critical_difference import critical_difference_diagram
from regkit.report.benchmark_page.strip_plot import MethodStrip, strip_plot
from regkit.report.benchmark_page.time_score_plot import MethodPoint, time_score_plot
from regkit.statistics.agreement import Agreement
from regkit.statistics.paired_tests import least_p
from regkit.statistics.score_table import COSTS, Record
from regkit.statistics.summary import (
    Comparison,
    DatasetSummary,
    MethodRow,
    ScoreSummary,
    Summary,
)

# The first available one of these scores comes first on the page.
LEADING = ("tre_mm", "dt_mm", "dice")
# Customary level of significance.
ALPHA = 0.05


@dataclass(frozen=True)
class ComparisonCell:
    """Comparison of a row's method to a column's; `style` is win, loss, same, open or self."""

    text: str
    style: str
    title: str


@dataclass(frozen=True)
class ScorePanel:
    """One score: its figures, drawings and comparisons."""

    score: ScoreSummary
    rows: tuple[MethodRow, ...]
    ranks: Mapping[str, float]
    strip_plot: Markup
    critical: Markup | None
    time_score_plot: Markup | None
    matrix: tuple[tuple[str, tuple[ComparisonCell, ...]], ...]
    has_margin: bool


@dataclass(frozen=True)
class DatasetSection:
    """One dataset."""

    dataset: DatasetSummary
    failed: int
    headline: tuple[str, ...]
    panels: tuple[ScorePanel, ...]
    agreements: tuple[tuple[Agreement, Markup], ...] = ()


def color_numbers(summary: Summary) -> dict[str, int]:
    """Number the methods of a page; each keeps its colour everywhere."""
    names = (method for dataset in summary.datasets for method in dataset.methods)
    return {name: number for number, name in enumerate(dict.fromkeys(names))}


def dataset_sections(
    summary: Summary,
    records: Sequence[Record],
    preferred: Sequence[str] = LEADING,
    agreements: Sequence[Agreement] = (),
) -> list[DatasetSection]:
    """Return the page's section of every dataset."""
    colours = color_numbers(summary)
    found = []
    for dataset in summary.datasets:
        own_records = [r for r in records if str(r["dataset"]) == dataset.dataset]
        scores = [s for s in summary.scores if s.dataset == dataset.dataset]
        first = leading_score(scores, preferred)
        scores.sort(key=lambda s: (s is not first, s.score in COSTS))
        seconds = _seconds(own_records)
        panels = [_panel(s, own_records, seconds, colours, summary) for s in scores]
        scored = first is not None and first.score not in COSTS
        headline = headline_sentences(first) if first and scored else ["No method gave a score."]
        failed = sum(r["status"] == "failed" for r in own_records)
        plots = [(a, bland_altman(a, colours)) for a in agreements if a.dataset == dataset.dataset]
        found.append(DatasetSection(dataset, failed, tuple(headline), tuple(panels), tuple(plots)))
    return found


def headline_sentences(score: ScoreSummary) -> list[str]:
    """Return the best method by a score and the certainty of that, in sentences."""
    ranking = score.ranking
    if ranking is None:
        return list(score.notes[:1])
    best, first, fraction = ranking.methods[0], ranking.mean_rank[0], ranking.position_share[0][0]
    tied = [m for m, r in zip(ranking.methods, ranking.mean_rank, strict=True) if r == first]
    others = f", as does {joined_names(tied[1:])}" if tied[1:] else ""
    ranking_sentence = (
        f"By {score.score}, {best} ranks first{others} (mean rank {first:.2f} of "
        f"{len(ranking.methods)}), and in {fraction:.0%} of the bootstrap samples of the "
        f"{ranking.patients} patients."
    )
    worse, not_significant = _compared_to_best(score, best)
    least = least_p(ranking.patients, len(score.comparisons))
    if least >= ALPHA:
        return [
            ranking_sentence,
            f"{ranking.patients} patients are too few for significance tests.",
        ]
    better = f"It is significantly better than {joined_names(worse)}." if worse else ""
    open_sentence = (
        f"A difference to {joined_names(not_significant)} is not significant."
        if not_significant
        else ""
    )
    return [ranking_sentence, *filter(None, (better, open_sentence))]


def joined_names(names: Sequence[str]) -> str:
    """Return names as a phrase."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _compared_to_best(score: ScoreSummary, best: str) -> tuple[list[str], list[str]]:
    worse: list[str] = []
    not_significant: list[str] = []
    for pair in score.comparisons:
        if best in (pair.a, pair.b):
            other = pair.b if pair.a == best else pair.a
            style = _cell_style(pair, 1 if pair.a == best else -1, score.better)
            (worse if style == "win" else not_significant).append(other)
    return worse, not_significant


def _seconds(records: Sequence[Record]) -> dict[str, float]:
    """Return the median run time of every method over its successful runs."""
    times: dict[str, list[float]] = {}
    for record in records:
        if record["status"] == "ok" and record.get("runtime_s") is not None:
            times.setdefault(str(record["method"]), []).append(float(record["runtime_s"]))
    return {method: float(np.median(seconds)) for method, seconds in times.items()}


def _panel(
    score: ScoreSummary,
    records: Sequence[Record],
    seconds: Mapping[str, float],
    colours: Mapping[str, int],
    summary: Summary,
) -> ScorePanel:
    rows = {row.method: row for row in score.methods}
    ordered = [rows[method] for method in methods_by_rank(score)]
    values = _values(records, score.score)
    drawn = [
        MethodStrip(r, np.array(values.get(r.method, [])), colours[r.method]) for r in ordered
    ]
    points = [
        MethodPoint(r, seconds[r.method], colours[r.method])
        for r in ordered
        if r.method in seconds
    ]
    margin = summary.settings.margins.get(score.score)
    ranking = score.ranking
    return ScorePanel(
        score=score,
        rows=tuple(ordered),
        ranks=dict(zip(ranking.methods, ranking.mean_rank, strict=True)) if ranking else {},
        strip_plot=strip_plot(
            drawn, score.score, score.unit, margin if score.better != "higher" else None
        ),
        critical=critical_difference_diagram(ranking, colours) if ranking else None,
        time_score_plot=time_score_plot(points, score.score, score.unit, score.better)
        if points and score.score not in COSTS
        else None,
        matrix=_matrix(score),
        has_margin=margin is not None,
    )


def _values(records: Sequence[Record], name: str) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for record in records:
        if record["status"] == "ok":
            home = record if name in COSTS else record.get("scores") or {}
            value = home.get(name)
            if value is not None and np.isfinite(value):
                values.setdefault(str(record["method"]), []).append(float(value))
    return values


def _matrix(score: ScoreSummary) -> tuple[tuple[str, tuple[ComparisonCell, ...]], ...]:
    """Return for every method its difference to every other one."""
    if not score.comparisons:
        return ()
    pairs = {(pair.a, pair.b): pair for pair in score.comparisons}
    names = methods_by_rank(score)
    return tuple((a, tuple(_cell(a, b, pairs, score) for b in names)) for a in names)


def _cell(
    a: str, b: str, pairs: Mapping[tuple[str, str], Comparison], score: ScoreSummary
) -> ComparisonCell:
    if a == b:
        return ComparisonCell("", "self", "")
    pair, sign = (pairs[a, b], 1) if (a, b) in pairs else (pairs[b, a], -1)
    if pair.difference is None:
        return ComparisonCell("-", "open", "no case that both have")
    # From farthest below 0; adding 0 turns -0 into 0.
    text = f"{sign * pair.difference + 0.0:+.3g}".replace("-", "−")  # noqa: RUF001
    return ComparisonCell(text, _cell_style(pair, sign, score.better), _title(a, b, pair, sign))


def _cell_style(pair: Comparison, sign: int, better: str) -> str:
    p, difference = pair.p_permutation_holm, pair.difference
    if p is not None and p < ALPHA and difference:
        good = (sign * difference < 0) == (better != "higher")
        return "win" if good else "loss"
    equivalent = pair.equivalence is not None and pair.equivalence.equivalent
    return "same" if equivalent else "open"


def _title(a: str, b: str, pair: Comparison, sign: int) -> str:
    ends = sorted(sign * e for e in (pair.low, pair.high) if e is not None)
    parts = [f"{a} minus {b}"]
    if ends:
        parts.append(f"95 % interval {ends[0]:.3g} to {ends[1]:.3g}")
    if pair.p_permutation_holm is not None:
        parts.append(f"permutation p {pair.p_permutation_holm:.3g}")
    if pair.p_wilcoxon_holm is not None:
        parts.append(f"Wilcoxon p {pair.p_wilcoxon_holm:.3g}")
    if pair.cohens_d is not None:
        parts.append(f"d {sign * pair.cohens_d:.2f}")
    if pair.win_rate is not None:
        rate = pair.win_rate if sign > 0 else 1 - pair.win_rate
        parts.append(f"{a} better on {rate:.0%} of {pair.cases} cases")
    return "; ".join(parts)
