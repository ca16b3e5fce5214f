"""``regkit batch``: register many pairs, tabulate them, and make a page for their review."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regkit.cli.benchmark import DaskAddress, MemoryLimit, RetryFailed, Timeout, WorkerThreads
from regkit.cli.benchmark_output import benchmark_progress
from regkit.cli.context import settings
from regkit.cli.error_handling import EXIT_VERDICT_FAIL
from regkit.cli.options import (
    IMAGES,
    METHOD,
    OUTPUT,
    AsJson,
    CalibrationCard,
    Device,
    MethodOption,
    OutputFolder,
    ParametersFile,
    Seed,
    SetOption,
    Witnesses,
    Workers,
)
from regkit.cli.progress import say
from regkit.cli.progress_lines import clock
from regkit.cli.requests.batch import BatchRequest, batch_pairs, run_batch_request
from regkit.cli.requests.benchmark import Execution
from regkit.cli.requests.method_settings import MethodSettings
from regkit.cli.requests.registration import DEFAULT_METHOD

if TYPE_CHECKING:
    from regkit.batches.batch import Batch
    from regkit.batches.batch_pair import BatchPair
    from regkit.benchmark.harness import BenchmarkProgress

PairsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="PAIRS...",
        help="CSV or TSV table with the columns id, fixed, moving and more; or a folder with one "
        "folder for each patient, a BIDS dataset, or a dataset folder; or several of them.",
    ),
]
PairOption = Annotated[
    str | None,
    typer.Option(
        metavar="FIXED,MOVING",
        rich_help_panel=IMAGES,
        help="The fixed and the moving image of folders of patients: modalities, as in pet,ct, or "
        "words of the file's name or the series' description, as in T1w,'ct lung'.",
    ),
]
ListOnly = Annotated[
    bool,
    typer.Option("--list", rich_help_panel=IMAGES, help="Only list the pairs, as a table in CSV."),
]
Reviewed = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.csv",
        rich_help_panel=OUTPUT,
        help="Marks and notes that index.html exported; they are added to batch.csv and kept.",
    ),
]
BatchInit = Annotated[
    str,
    typer.Option(
        metavar="auto|identity|centre|METHOD",
        rich_help_panel=METHOD,
        help="Initial transform of the pairs that name none in the column init. Default: auto.",
    ),
]
BatchDicom = Annotated[
    bool,
    typer.Option(
        "--dicom",
        rich_help_panel=OUTPUT,
        help="Also write what register --dicom writes; all images must be DICOM.",
    ),
]
BatchNoWarped = Annotated[
    bool,
    typer.Option("--no-warped", rich_help_panel=OUTPUT, help="Leave out the resampled images."),
]
BatchForce = Annotated[
    bool,
    typer.Option(
        "--force", rich_help_panel=OUTPUT, help="Replace results of other settings in FOLDER."
    ),
]


def batch_command(
    pairs: PairsArgument,
    method: MethodOption = DEFAULT_METHOD,
    output: OutputFolder = Path("batch"),
    pair: PairOption = None,
    list_only: ListOnly = False,
    assignments: SetOption = None,
    parameters: ParametersFile = None,
    init: BatchInit = "",
    witness: Witnesses = None,
    device: Device = "auto",
    seed: Seed = 0,
    workers: Workers = 1,
    threads: WorkerThreads = None,
    timeout: Timeout = None,
    memory: MemoryLimit = None,
    dask: DaskAddress = None,
    retry_failed: RetryFailed = False,
    reviewed: Reviewed = None,
    calibration: CalibrationCard = None,
    no_warped: BatchNoWarped = False,
    dicom: BatchDicom = False,
    force: BatchForce = False,
    as_json: AsJson = False,
) -> None:
    """Register many pairs, tabulate the results, and make a page to review them by eye.

    Writes what register writes for each pair (FOLDER/ID/registration.*), batch.csv, index.html
    with its folder pages, and methods.md, a text for a paper. A pair that fails is a row with its
    error. If interrupted, the same command continues. Exit code 3: done, but a pair failed or its
    verdict is FAIL.
    """
    request = BatchRequest(
        pairs=tuple(pairs),
        folder=output,
        method=method,
        settings=MethodSettings(assignments or (), parameters, device, seed),
        execution=Execution(workers, threads, timeout, memory, dask, retry_failed),
        pair=pair,
        reviewed=reviewed,
        init=init,
        witnesses=tuple(witness or ()),
        calibration=calibration,
        warped=not no_warped,
        dicom=dicom,
        force=force,
    )
    found = batch_pairs(request)
    if list_only:
        _print_pairs(found)
        return
    with _progress() as update:
        batch = run_batch_request(request, found, update)
    _print(batch, as_json)
    if batch.counts["FAIL"] or batch.counts["failed"]:
        raise typer.Exit(EXIT_VERDICT_FAIL)


def _print_pairs(pairs: list[BatchPair]) -> None:
    from regkit.batches.pair_table import pair_table

    typer.echo(pair_table(pairs), nl=False)


def _print(batch: Batch, as_json: bool) -> None:
    """Print the counts by verdict and where the results are."""
    if as_json:
        content = {"folder": str(batch.folder), "counts": batch.counts, "pairs": batch.rows}
        typer.echo(json.dumps(content, indent=2))
        return
    counts = ", ".join(f"{count} {name}" for name, count in batch.counts.items())
    pairs = "1 pair" if len(batch.rows) == 1 else f"{len(batch.rows)} pairs"
    typer.echo(f"{pairs}: {counts}")
    if batch.counts["failed"]:
        typer.echo("The column error says why pairs failed; --retry-failed tries them again")
    table, page = batch.folder / "batch.csv", batch.folder / "index.html"
    typer.echo(f"Results are in {table}; review them in {page}")


@contextmanager
def _progress() -> Iterator[Callable[[BenchmarkProgress], None]]:
    """Show a bar on a terminal, else a line for each pair; nothing with ``-q``."""
    if sys.stderr.isatty() and not settings.quiet:
        with benchmark_progress() as update:
            yield update
        return
    yield _print_latest


def _print_latest(progress: BenchmarkProgress) -> None:
    """Print the number of pairs to do, then each pair with its verdict and the time left."""
    latest, left_s = progress.latest, progress.remaining_s
    if latest is None:
        if progress.done < progress.total:
            say(f"{progress.done} of {progress.total} pairs have a result; registering the others")
        return
    error = latest.get("expected_error_mm")
    told = latest["error"] or ("" if error is None else f"expected error {error:.1f} mm")
    state = latest["verdict"] or latest["status"]
    left = f"; {clock(left_s)} left" if left_s and progress.done < progress.total else ""
    say(f"{progress.done} of {progress.total}: {latest['case']} {state} {told}{left}")
