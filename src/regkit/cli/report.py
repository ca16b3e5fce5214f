"""``regkit report``: summarize a benchmark folder and write its page again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regkit.cli.context import current_registry
from regkit.cli.margins import settings_with_margins
from regkit.cli.status_spinner import status_spinner


def report_command(
    folder: Annotated[Path, typer.Argument(help="What `regkit benchmark` wrote.")],
    margins: Annotated[
        list[str] | None,
        typer.Option(
            "--margin",
            metavar="SCORE=VALUE",
            help="Differences that do not matter, as in dt_mm=3.4; by default those of last time.",
        ),
    ] = None,
    views: Annotated[
        int, typer.Option(min=0, help="How many cases to show as pictures and in 3-D.")
    ] = 8,
) -> None:
    """Write report.html and the summary of a benchmark folder again from its records.

    The page opens without a network. Its pictures are made from the dataset, which must be where
    it was; without it the page has everything else.
    """
    from regkit.benchmark.summary import summarise_folder
    from regkit.report.benchmark_page import write_report

    registry = current_registry()
    summary = summarise_folder(folder, registry, settings_with_margins(margins or (), folder))
    with status_spinner("drawing"):
        page = write_report(folder, summary, registry, views)
    typer.echo(f"wrote {page}")
