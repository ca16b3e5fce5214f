"""Write ``report.html`` of a benchmark folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regkit.benchmark.records import read_records
from regkit.benchmark.summary import directions_and_units, true_value_names
from regkit.io.atomic_output import atomic_output
from regkit.registry import Registry
from regkit.report.benchmark_page.case_table import case_table
from regkit.report.benchmark_page.choice import Choice, choose
from regkit.report.benchmark_page.content import Section, colours_of, sections
from regkit.report.benchmark_page.views import CaseView, CaseViews, make_views
from regkit.report.template import template
from regkit.report.viewer import licences, niivue, warm_colours
from regkit.statistics import Summary
from regkit.statistics.agreement import agreements
from regkit.statistics.score_table import COSTS, Record
from regkit.statistics.summary_files import (
    equivalence_in_words,
    format_mean,
    format_p,
    format_quantile,
    format_value,
)
from regkit.version import installed_version

REPORT = "report.html"
MOST_VIEWS = 8
COSTS_ARE = {
    "runtime_s": "seconds that the method took",
    "peak_memory_mb": "most memory that the method's process held",
}


def write_report(
    folder: Path,
    summary: Summary,
    registry: Registry,
    most_views: int = MOST_VIEWS,
) -> Path:
    """Write the report of a benchmark folder, whole or not at all.

    Parameters
    ----------
    folder
        Holds ``records.jsonl`` and ``config.toml``.
    summary
        Of its records.
    registry
        Knows the dataset, from which the pictures are made.
    most_views
        How many cases to show as pictures and in the viewer.

    Returns
    -------
    Path
        The report.
    """
    records = read_records(folder)
    agreed = agreements(records, true_value_names(registry), directions_and_units(registry)[1])
    found = sections(summary, records, agreed=agreed)
    views = make_views(folder, _choices(found, records, most_views), registry)
    about = {offer.spec.name: offer.spec.summary for offer in registry.metrics}
    html = render_page(summary, records, found, views, COSTS_ARE | about)
    with atomic_output(folder) as stage:
        stage.path(REPORT).write_text(html, encoding="utf-8")
    return folder / REPORT


def render_page(
    summary: Summary,
    records: Sequence[Record],
    found: Sequence[Section],
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
        colours=colours_of(summary),
        views=views,
        about=about,
        scenes=[_scene(view) for view in views.shown],
        table=case_table(records, list(names)),
        niivue=niivue,
        licences=licences,
        warm=warm_colours,
        shown=format_value,
        shown_p=format_p,
        shown_mean=format_mean,
        shown_quantile=format_quantile,
        equivalence=equivalence_in_words,
    )


def _choices(found: Sequence[Section], records: Sequence[Record], most_views: int) -> list[Choice]:
    """Choose cases of every dataset by the score that it shows first."""
    choices: list[Choice] = []
    for section in found:
        if section.panels and section.panels[0].score.score not in COSTS:
            mine = [r for r in records if str(r["dataset"]) == section.dataset.dataset]
            most = most_views // len(found)
            choices += choose(mine, section.panels[0].score, most)
    return choices


def _scene(view: CaseView) -> dict[str, Any]:
    """Return what the script of the page needs of a view."""
    record = view.choice.record
    title = f"{record['method']}, {view.choice.why}: {record['case']}"
    return {"title": title, **view.scene}
