"""Write ``report.html`` of a benchmark folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regkit.benchmark.calibration import calibration, verdict_scores
from regkit.benchmark.records import read_records
from regkit.benchmark.summary import directions_and_units, true_value_names
from regkit.io.atomic_output import atomic_output
from regkit.registry import Registry
from regkit.report.benchmark_page.case_selection import (
    SelectedCase,
    equal_shares,
    select_cases,
)
from regkit.report.benchmark_page.case_table import case_table
from regkit.report.benchmark_page.case_views import CaseView, CaseViews, make_views
from regkit.report.benchmark_page.drawing import color_class
from regkit.report.benchmark_page.sections import DatasetSection, color_numbers, dataset_sections
from regkit.report.template import template
from regkit.report.viewer import licences, niivue, warm_color_map
from regkit.statistics import Summary
from regkit.statistics.agreement import agreements
from regkit.statistics.number_text import format_mean, format_p, format_quantile, format_value
from regkit.statistics.overview import overview
from regkit.statistics.score_table import COSTS, Record
from regkit.statistics.summary_files import (
    equivalence_in_words,
)
from regkit.version import installed_version

REPORT = "report.html"
# Cases with pictures, of about 0.5 MB each; chosen by hand.
MAX_VIEWS = 8
COST_DESCRIPTIONS = {
    "runtime_s": "run time of the method",
    "peak_memory_mb": "peak memory of the method's process",
}


def write_report(
    folder: Path,
    summary: Summary,
    registry: Registry,
    max_views: int = MAX_VIEWS,
) -> Path:
    """Write the report of a benchmark folder, whole or not at all.

    Parameters
    ----------
    folder
        Benchmark folder with ``records.jsonl`` and ``config.toml``.
    summary
        Summary of its records.
    registry
        Registry with the dataset, which the pictures are made from.
    max_views
        Number of cases shown as pictures and in the viewer, as far as there are as many.

    Returns
    -------
    Path
        The report.
    """
    records = read_records(folder)
    agreement_list = agreements(
        records, true_value_names(registry), directions_and_units(registry)[1]
    )
    found = dataset_sections(summary, records, agreements=agreement_list)
    views = make_views(folder, _choices(found, records, max_views), registry)
    about = {offer.spec.name: offer.spec.summary for offer in registry.metrics}
    html = render_page(summary, records, found, views, COST_DESCRIPTIONS | about)
    with atomic_output(folder) as stage:
        stage.path(REPORT).write_text(html, encoding="utf-8")
    return folder / REPORT


def render_page(
    summary: Summary,
    records: Sequence[Record],
    found: Sequence[DatasetSection],
    views: CaseViews,
    about: Mapping[str, str],
) -> str:
    """Return the page as HTML; names and texts of the records are not trusted and are escaped."""
    panels = [panel for section in found for panel in section.panels]
    names = dict.fromkeys(p.score.score for p in panels if p.score.score not in COSTS)
    return template("benchmark.html").render(
        version=installed_version(),
        summary=summary,
        sections=found,
        colours=color_numbers(summary),
        color_class=color_class,
        views=views,
        about=about,
        scenes=[_scene(view) for view in views.shown],
        verdicts=calibration(records),
        verdict_scores=verdict_scores(records),
        table=case_table(records, list(names)),
        niivue=niivue,
        licences=licences,
        warm=warm_color_map,
        shown=format_value,
        shown_p=format_p,
        shown_mean=format_mean,
        shown_quantile=format_quantile,
        equivalence=equivalence_in_words,
        overview=overview,
    )


def _choices(
    found: Sequence[DatasetSection], records: Sequence[Record], max_views: int
) -> list[SelectedCase]:
    """Select cases of every dataset by the score that it shows first."""
    offered = []
    for section in found:
        if section.panels and section.panels[0].score.score not in COSTS:
            own_records = [r for r in records if str(r["dataset"]) == section.dataset.dataset]
            offered.append(select_cases(own_records, section.panels[0].score, max_views))
    shares = equal_shares([len(choices) for choices in offered], max_views)
    return [c for choices, n in zip(offered, shares, strict=True) for c in choices[:n]]


def _scene(view: CaseView) -> dict[str, Any]:
    """Return a view as data for the page's script."""
    record = view.choice.record
    title = f"{record['method']}, {view.choice.reason}: {record['case']}"
    return {"title": title, **view.scene}
