"""Write ``summary.json``, ``summary.csv`` and ``summary.md`` of a benchmark folder."""

from __future__ import annotations

import json
from pathlib import Path

from regkit.benchmark.calibration import calibration, calibration_markdown, verdict_scores
from regkit.benchmark.records import read_records
from regkit.io.atomic_output import atomic_output
from regkit.registry import Registry
from regkit.statistics import StatisticsSettings, Summary, summarize
from regkit.statistics import summary_files as writing
from regkit.statistics.agreement import agreement_markdown, agreements


def summarize_folder(
    folder: Path, registry: Registry, settings: StatisticsSettings | None = None
) -> Summary:
    """Summarise the records of a folder and write the three files, all of them or none.

    Parameters
    ----------
    folder
        The benchmark folder.
    registry
        Registry with the unit and the direction of every score.
    settings
        Settings of the statistics; the defaults if None.

    Raises
    ------
    BenchmarkError
        The folder has no records.
    """
    records = read_records(folder)
    better, units = directions_and_units(registry)
    summary = summarize(records, settings, better, units)
    verdicts, scores = calibration(records), verdict_scores(records)
    agreed = agreements(records, true_value_names(registry), units)
    data = {
        **summary.as_data(),
        "agreements": [agreement.as_data() for agreement in agreed],
        "verdicts": verdicts,
        "verdict_scores": scores,
    }
    with atomic_output(folder) as stage:
        stage.path("summary.json").write_text(
            json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8"
        )
        stage.path("summary.csv").write_text(writing.summary_csv(summary), encoding="utf-8")
        stage.path("summary.md").write_text(
            writing.summary_markdown(summary)
            + agreement_markdown(agreed)
            + calibration_markdown(verdicts, scores),
            encoding="utf-8",
        )
    return summary


def directions_and_units(registry: Registry) -> tuple[dict[str, str], dict[str, str]]:
    """Return the direction (``higher`` or ``lower``) and the unit of every score, by name."""
    specs = [offer.spec for offer in registry.metrics]
    return {s.name: s.better for s in specs}, {s.name: s.unit for s in specs}


def true_value_names(registry: Registry) -> dict[str, str]:
    """Return the name of the true value of every measurement that has one, by name."""
    specs = [offer.spec for offer in registry.metrics]
    return {s.name: s.true_value for s in specs if s.true_value}
