"""Terminal output of ``regkit benchmark``: progress, table of means, comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING

from regkit.cli.colors import echo
from regkit.cli.context import current_registry
from regkit.cli.progress import progress_bar
from regkit.cli.progress_lines import clock
from regkit.errors import one_line, printable, short_message

if TYPE_CHECKING:
    from rich.table import Table

    from regkit.benchmark.compare import Change
    from regkit.benchmark.harness import BenchmarkProgress
    from regkit.benchmark.records import Record
    from regkit.statistics import Summary
    from regkit.statistics.summary import DatasetSummary


@contextmanager
def benchmark_progress() -> Iterator[Callable[[BenchmarkProgress], None]]:
    """Show the records done, the time remaining and failures; yield the function that updates."""
    from rich.progress import TextColumn, TimeElapsedColumn

    with progress_bar(TimeElapsedColumn(), TextColumn("{task.fields[remaining]}")) as bar:
        task = bar.add_task("starting", total=None, remaining="")

        def update(progress: BenchmarkProgress) -> None:
            latest = progress.latest
            name = "starting"
            if latest is not None:
                name = one_line(f"{latest['method']}, {latest['case']}")
            bar.update(
                task,
                description=name,
                completed=progress.done,
                total=progress.total,
                remaining=_remaining(progress.remaining_s),
            )
            if latest is not None and latest["status"] == "failed":
                bar.console.print(
                    f"{name}: {short_message(str(latest['error']))}",
                    style="red",
                    markup=False,
                    soft_wrap=True,
                )

        yield update


def _remaining(seconds: float | None) -> str:
    return "" if seconds is None else f"{clock(seconds)} left"


def print_summary(summary: Summary, folder: Path) -> None:
    """Print a table of mean scores for each dataset, and where the full tables are."""
    from rich.console import Console
    from rich.text import Text

    console = Console(soft_wrap=True, highlight=False)
    for dataset in summary.datasets:
        console.print(_overview(summary, dataset))
        for note in dataset.notes:
            console.print(Text(printable(f"  {note}")))
        for method, reason in dataset.unavailable.items():
            console.print(Text(printable(f"  {method} could not run: {reason}")))
    echo(f"Results are in {folder}; the tables are in {folder / 'summary.md'}")


def _overview(summary: Summary, dataset: DatasetSummary) -> Table:
    from rich.table import Table
    from rich.text import Text

    from regkit.statistics.number_text import counted
    from regkit.statistics.overview import overview

    headings, rows = overview(summary, dataset)
    title = f"{one_line(dataset.dataset)}: {counted(dataset.cases, 'case')}"
    table = Table(title=Text(title), title_justify="left")
    table.add_column(headings[0])
    for heading in headings[1:]:
        table.add_column(heading, justify="right")
    for method, *cells in rows:
        table.add_row(Text(printable(method)), *cells)
    return table


def print_comparison(baseline: Path, old: list[Record], new: list[Record]) -> bool:
    """Print the changes since a baseline; return whether no score got worse."""
    from regkit.benchmark.compare import compare_records, cost_ratios, count_unmatched
    from regkit.benchmark.summary import directions_and_units

    changes = compare_records(old, new, *directions_and_units(current_registry()))
    echo(f"Compared with {baseline}, over the cases and methods in both:")
    for change in changes:
        if change.verdict in ("better", "worse"):
            echo(f"  {_change_text(change)}")
    worse, totals = _totals(changes)
    echo(f"  {totals}")
    for (dataset, method), ratio in cost_ratios(old, new).items():
        echo(
            f"  {dataset}, {method}: {ratio['runtime_s']:.2f} times the time, "
            f"{ratio['peak_memory_mb']:.2f} times the memory (not judged: machines differ)"
        )
    only_old, only_new = count_unmatched(old, new)
    if only_old or only_new:
        echo(f"  not compared: {only_old} records only there, {only_new} only here")
    return worse == 0


def _totals(changes: Iterable[Change]) -> tuple[int, str]:
    """Return how many scores got worse, and a line with the counts of all verdicts."""
    verdicts: list[str] = [change.verdict for change in changes]
    worse, better, noise, same = map(verdicts.count, ("worse", "better", "noise", "same"))
    text = (
        f"{worse} scores are worse, {better} better, {noise} changed within noise, "
        f"{same} are the same"
    )
    return worse, text


def _change_text(change: Change) -> str:
    evidence = "over too few patients to test" if change.p is None else f"p {change.p:.2g}"
    if isnan(change.new):
        evidence = "no longer scored"
    elif change.score == "failed cases":
        evidence = f"of {change.cases}"
    unit = f" {change.unit}" if change.unit else ""
    return (
        f"{change.verdict}: {change.dataset}, {change.method}, {change.score} "
        f"{change.old:.4g} -> {change.new:.4g}{unit} ({evidence})"
    )
