"""``regkit benchmark``: run methods on a dataset, score and compare them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from regkit.cli.context import current_registry, settings
from regkit.cli.margins import settings_with_margins
from regkit.cli.status_spinner import status_spinner

if TYPE_CHECKING:
    from regkit.benchmark.compare import Change
    from regkit.benchmark.harness import BenchmarkProgress, Executor
    from regkit.benchmark.plan import Plan
    from regkit.benchmark.records import Record
    from regkit.statistics import Summary

EXIT_WORSE = 1
EXIT_INTERRUPTED = 1
LEADING_SCORES = ("dt_mm", "dr_deg", "tre_mm", "dice", "hd95_mm", "runtime_s")


def benchmark_command(
    dataset: Annotated[
        str | None,
        typer.Argument(help="A dataset (see `regkit plugins`), its folder, or a Learn2Reg JSON."),
    ] = None,
    methods: Annotated[
        list[str] | None,
        typer.Option(
            "-m",
            "--methods",
            help="A list a,b of names, a+b, a/b (b if a is not OK), label=a+b, or all.",
        ),
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="The benchmark folder.")
    ] = Path("benchmark"),
    limit: Annotated[int | None, typer.Option(min=0, help="Only the first cases; 0: all.")] = None,
    split: Annotated[
        str, typer.Option(metavar="train|validation|test", help="Only this part of the dataset.")
    ] = "",
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="[METHOD.]KEY=VALUE", help="Set a parameter of methods."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="KEY=VALUE", help="Set a parameter of the dataset."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="Run what this config.toml says.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the methods; same seed, same answer; by default 0.")
    ] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or cuda:N.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes side by side.")] = 1,
    threads: Annotated[
        int | None, typer.Option(min=0, help="Of each process; by default its share of the cores.")
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(min=0.001, metavar="SECONDS", help="A method is ended after that; 3600."),
    ] = None,
    memory: Annotated[
        int | None,
        typer.Option(min=0, metavar="MB", help="A method is ended above that; 0: no limit."),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS|FILE", help="Run on this dask cluster (scheduler file)."),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="An earlier run; exit code 1 if a score got worse."),
    ] = None,
    margins: Annotated[
        list[str] | None,
        typer.Option("--margin", metavar="SCORE=VALUE", help="Differences that do not matter."),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Do again what failed before.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Run METHODS on every case of DATASET; score, test and summarize.

    Each method runs in a process of its own: one that crashes, hangs or runs out of memory is one
    failed record. Interrupted, the same command goes on where it stopped. Without DATASET,
    --config or the folder's own config.toml says what to run, and options change it; with
    --compare alone, nothing is run.
    """
    from regkit.benchmark.plan import CONFIG, Plan, read_plan
    from regkit.benchmark.records import read_records
    from regkit.benchmark.summary import summarise_folder
    from regkit.errors import ParameterError
    from regkit.report.benchmark_page import write_report

    if dataset is None and (split or data):
        raise ParameterError("--split and --data are of a dataset: name it in front of them")
    if not methods and dataset is None and assignments:
        raise ParameterError("--set is of methods: name them with -m")
    given = {
        "dataset": _source(dataset, data or (), split) if dataset is not None else None,
        "methods": _methods(methods or (), assignments or ()) if methods or dataset else None,
        "seed": seed,
        "device": device,
        "threads": _threads(threads, workers, dask is not None),
        "timeout_s": timeout,
        "memory_mb": memory,
        "builtin_only": settings.builtin_only or None,
    }
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    # Before anything runs: what is wrong with these must not show hours later.
    chosen = settings_with_margins(margins or (), output)
    before = None if compare is None else read_records(compare)
    if dataset is not None or config is not None or compare is None:
        plan = (
            Plan(**changes)
            if dataset
            else replace(read_plan(config or output / CONFIG), **changes)
        )
        if limit is not None:
            plan = replace(plan, dataset=replace(plan.dataset, limit=limit))
        _run(plan, output, workers, dask, retry_failed)
    summary = summarise_folder(output, current_registry(), chosen)
    with status_spinner("drawing the report"):
        write_report(output, summary, current_registry())
    if json:
        typer.echo((output / "summary.json").read_text(encoding="utf-8"), nl=False)
    else:
        _print(summary, output)
    if compare is not None and before is not None:
        _compare(compare, before, output)


def _source(dataset: str, data: Any, split: str) -> Any:
    from regkit.benchmark.case_source import DatasetRef
    from regkit.registration.parameters import parse_assignment

    offered = {offer.spec.name for offer in current_registry().datasets}
    exists = Path(dataset).exists()
    is_path = dataset not in offered and exists
    if exists and not is_path:
        typer.echo(
            f"regkit: '{dataset}' is a dataset that comes with a plugin, and this is what is run; "
            f"for the folder write ./{dataset}",
            err=True,
        )
    place = str(Path(dataset).resolve()) if is_path else dataset
    return DatasetRef(place, dict(parse_assignment(text) for text in data), split)


def _methods(texts: Any, assignments: Any) -> Any:
    from regkit.benchmark.plan import parse_methods, with_parameters
    from regkit.registration.parameters import parse_assignment

    chosen = parse_methods(texts, current_registry())
    return with_parameters(chosen, dict(parse_assignment(text) for text in assignments))


def _threads(threads: int | None, workers: int, is_elsewhere: bool) -> int:
    """Return what was asked for, else a fair share of this machine; other machines are unknown."""
    if threads is not None:
        return threads
    return 1 if is_elsewhere else max(1, (os.cpu_count() or 1) // workers)


def _run(plan: Plan, output: Path, workers: int, dask: str | None, retry_failed: bool) -> None:
    from regkit.benchmark.harness import run_benchmark

    # A batch system sends SIGTERM before it kills.
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        with _executor(workers, dask) as (execute, lanes), _progress() as watch:
            run_benchmark(
                plan, output, execute, lanes=lanes, watch=watch, retry_failed=retry_failed
            )
    except KeyboardInterrupt:
        typer.echo(
            f"regkit: interrupted; every finished record is in {output}, and the same command "
            "goes on from there",
            err=True,
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt


@contextmanager
def _executor(workers: int, dask: str | None) -> Iterator[tuple[Executor, int]]:
    if dask is None:
        from regkit.benchmark.local_executor import run_local

        yield partial(run_local, workers=workers), workers
        return
    from regkit.benchmark.dask_executor import Cluster

    with Cluster(dask).connected() as connection:
        yield connection.run, connection.lanes


@contextmanager
def _progress() -> Iterator[Callable[[BenchmarkProgress], None]]:
    """Show on a terminal how far it is and how long it will take."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    from regkit.statistics.summary_files import one_line

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("starting", total=None, left="")

        def watch(progress: BenchmarkProgress) -> None:
            latest = progress.latest
            words = (
                "starting" if latest is None else one_line(f"{latest['method']}, {latest['case']}")
            )
            bar.update(
                task,
                description=words,
                completed=progress.done,
                total=progress.total,
                left=_left_in_words(progress.left_s),
            )
            if latest is not None and latest["status"] == "failed":
                bar.console.print(
                    f"{words}: {latest['error']}", style="red", markup=False, soft_wrap=True
                )

        yield watch


def _left_in_words(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"


def _print(summary: Summary, output: Path) -> None:
    """Print a table of means for each dataset, and where the rest is."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from regkit.statistics.summary_files import counted, format_mean, format_value, one_line

    console = Console(soft_wrap=True, highlight=False)
    for dataset in summary.datasets:
        tables = {s.score: s for s in summary.scores if s.dataset == dataset.dataset}
        leading = [tables[name] for name in LEADING_SCORES if name in tables]
        title = f"{one_line(dataset.dataset)}: {counted(dataset.cases, 'case')}"
        table = Table(title=Text(title), title_justify="left")
        table.add_column("method")
        for score in leading:
            unit = f" ({score.unit})" if score.unit else ""
            table.add_column(score.score + unit, justify="right")
        for method in dataset.methods:
            rows = [next(r for r in s.methods if r.method == method) for s in leading]
            cells = [
                format_mean(r.mean, r.low, r.high) if r.cases else format_value(None) for r in rows
            ]
            table.add_row(Text(method), *cells)
        console.print(table)
        for note in dataset.notes:
            console.print(Text(f"  {note}"))
        for method, reason in dataset.unavailable.items():
            console.print(Text(f"  {method} could not run: {reason}"))
    console.print(Text(f"Everything is in {output}; the tables are in {output / 'summary.md'}"))


def _compare(old: Path, before: list[Record], new: Path) -> None:
    from regkit.benchmark.compare import compare_records, costs, only_in_one
    from regkit.benchmark.records import read_records
    from regkit.benchmark.summary import of_scores

    now = read_records(new)
    changes = compare_records(before, now, *of_scores(current_registry()))
    gone, added = only_in_one(before, now)
    typer.echo(f"Compared with {old}, over the cases and methods that both have:")
    for change in changes:
        if change.verdict in ("better", "worse"):
            typer.echo(f"  {_change_in_words(change)}")
    counts = {
        v: sum(c.verdict == v for c in changes) for v in ("same", "noise", "better", "worse")
    }
    typer.echo(
        f"  {counts['worse']} scores are worse, {counts['better']} better, {counts['noise']} "
        f"changed within noise, {counts['same']} are the same"
    )
    for (dataset, method), ratio in costs(before, now).items():
        typer.echo(
            f"  {dataset}, {method}: {ratio['runtime_s']:.2f} times the time, "
            f"{ratio['peak_memory_mb']:.2f} times the memory (not judged: machines differ)"
        )
    if gone or added:
        typer.echo(f"  not compared: {gone} records only there, {added} only here")
    if counts["worse"]:
        raise typer.Exit(EXIT_WORSE)


def _change_in_words(change: Change) -> str:
    how = "over too few patients to test" if change.p is None else f"p {change.p:.2g}"
    if isnan(change.new):
        how = "it is not scored any more"
    elif change.score == "failed cases":
        how = f"of {change.cases}"
    unit = f" {change.unit}" if change.unit else ""
    return (
        f"{change.verdict}: {change.dataset}, {change.method}, {change.score} "
        f"{change.old:.4g} -> {change.new:.4g}{unit} ({how})"
    )
