"""``regkit batch``: register many pairs, or reorient many images, and review them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regkit.cli.benchmark import DaskAddress, MemoryLimit, RetryFailed, Timeout, WorkerThreads
from regkit.cli.benchmark_output import benchmark_progress
from regkit.cli.colors import echo
from regkit.cli.completion import complete_frames, complete_methods
from regkit.cli.context import settings
from regkit.cli.error_handling import EXIT_VERDICT_FAIL
from regkit.cli.options import (
    IMAGES,
    METHOD,
    OUTPUT,
    AsJson,
    CalibrationCard,
    Device,
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
    from regkit.batches.batch_kind import BatchKind
    from regkit.benchmark.harness import BenchmarkProgress

PairsArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="PAIRS...",
        help="CSV or TSV table with the columns id, fixed, moving and more (with --to: id, image "
        "and more); or a folder with one folder for each patient, a BIDS dataset, or a dataset "
        "folder; or several of them.",
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
ImageOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=IMAGES,
        help="With --to, the image of folders of patients and datasets: a modality, or words, as "
        "of --pair.",
    ),
]
BatchFrame = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="FRAME",
        autocompletion=complete_frames,
        rich_help_panel=METHOD,
        help="Reorient single images to this standard frame, such as short-axis, as reorient "
        "does, instead of registering pairs; `regkit plugins` lists the frames.",
    ),
]
BatchMethod = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--method",
        autocompletion=complete_methods,
        rich_help_panel=METHOD,
        help=f"Method, as of register. Default: {DEFAULT_METHOD}; with --to, the one that the "
        "frame names.",
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
        help="Also write what register or reorient writes with --dicom; all images must be DICOM.",
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
    method: BatchMethod = None,
    output: OutputFolder = Path("batch"),
    to: BatchFrame = "",
    pair: PairOption = None,
    image: ImageOption = None,
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
    with its folder pages, and methods.md, a text for a paper. With --to, it reorients single
    images, and writes what reorient writes (FOLDER/ID/reorientation.*). A pair that fails is a
    row with its error. If interrupted, the same command continues. Exit code 3: done, but a pair
    failed or its verdict is FAIL.
    """
    request = BatchRequest(
        pairs=tuple(pairs),
        folder=output,
        method=method,
        settings=MethodSettings(assignments or (), parameters, device, seed),
        execution=Execution(workers, threads, timeout, memory, dask, retry_failed),
        to=to,
        pair=pair,
        image=image,
        reviewed=reviewed,
        init=init,
        witnesses=tuple(witness or ()),
        calibration=calibration,
        warped=not no_warped,
        dicom=dicom,
        force=force,
    )
    if list_only:
        _print_pairs(request)
        return
    batch = _run(request)
    _print(batch, as_json)
    if batch.counts["FAIL"] or batch.counts["failed"]:
        raise typer.Exit(EXIT_VERDICT_FAIL)


def _print_pairs(request: BatchRequest) -> None:
    from regkit.batches.pair_table import pair_table

    echo(pair_table(batch_pairs(request), request.kind.layout), nl=False)


def _run(request: BatchRequest) -> Batch:
    pairs = batch_pairs(request)
    with _progress(request.kind) as update:
        return run_batch_request(request, pairs, update)


def _print(batch: Batch, as_json: bool) -> None:
    """Print the counts by verdict and where the results are."""
    from regkit.statistics.number_text import counted

    if as_json:
        content = {"folder": str(batch.folder), "counts": batch.counts, "pairs": batch.rows}
        echo(json.dumps(content, indent=2))
        return
    counts = ", ".join(f"{count} {name}" for name, count in batch.counts.items())
    echo(f"{counted(len(batch.rows), batch.item)}: {counts}")
    if batch.counts["failed"]:
        why = f"The column error says why {batch.item}s failed"
        echo(f"{why}; --retry-failed tries them again")
    table, page = batch.folder / "batch.csv", batch.folder / "index.html"
    echo(f"Results are in {table}; review them in {page}")


@contextmanager
def _progress(kind: BatchKind) -> Iterator[Callable[[BenchmarkProgress], None]]:
    """Show a bar on a terminal, else a line for each pair; nothing with ``-q``."""
    if sys.stderr.isatty() and not settings.quiet:
        with benchmark_progress() as update:
            yield update
        return
    yield partial(_print_latest, kind)


def _print_latest(kind: BatchKind, progress: BenchmarkProgress) -> None:
    """Print the number of pairs to do, then each pair with its verdict and the time left."""
    latest, left_s = progress.latest, progress.remaining_s
    if latest is None:
        if progress.done < progress.total:
            done = f"{progress.done} of {progress.total} {kind.item}s have a result"
            say(f"{done}; {kind.doing} the others")
        return
    error = latest.get("expected_error_mm")
    told = latest["error"] or ("" if error is None else f"expected error {error:.1f} mm")
    state = latest["verdict"] or latest["status"]
    left = f"; {clock(left_s)} left" if left_s and progress.done < progress.total else ""
    said = " ".join(filter(None, (latest["case"], state, told)))
    say(f"{progress.done} of {progress.total}: {said}{left}")
