"""``regkit report``: write the summary and the page of a benchmark folder again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regkit.cli.colors import echo
from regkit.cli.context import current_registry
from regkit.cli.margins import settings_with_margins
from regkit.cli.options import OUTPUT, Margins
from regkit.cli.progress import status_spinner

BenchmarkFolder = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="A folder that `regkit benchmark` wrote.")
]
Views = Annotated[
    int,
    typer.Option(
        min=0,
        rich_help_panel=OUTPUT,
        help="Number of cases shown as pictures and in the 3-D viewer.",
    ),
]


def report_command(folder: BenchmarkFolder, margins: Margins = None, views: Views = 8) -> None:
    """Write the summary and report.html of a benchmark folder again from its records.

    The page opens without a network connection. Its pictures need the dataset at the path where
    the benchmark read it; the rest of the page does not.
    """
    from regkit.benchmark.summary import summarize_folder
    from regkit.report.benchmark_page import write_report

    registry = current_registry()
    summary = summarize_folder(folder, registry, settings_with_margins(margins or (), folder))
    with status_spinner("drawing"):
        page = write_report(folder, summary, registry, views)
    echo(f"wrote {page}")
