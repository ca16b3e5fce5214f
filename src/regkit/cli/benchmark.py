"""``regkit benchmark``: run methods on a dataset, score and compare them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from regkit.cli.benchmark_output import benchmark_progress, print_comparison, print_summary
from regkit.cli.colors import echo
from regkit.cli.completion import complete_datasets, complete_from, complete_methods
from regkit.cli.context import current_registry
from regkit.cli.margins import settings_with_margins
from regkit.cli.options import (
    COMPUTATION,
    DEVICE_VALUES,
    METHOD,
    OUTPUT,
    SPLIT_VALUES,
    AsJson,
    CalibrationCard,
    Margins,
    OutputFolder,
    SetOption,
    Workers,
)
from regkit.cli.progress import status_spinner
from regkit.cli.requests.benchmark import (
    BenchmarkRequest,
    CaseSelection,
    Execution,
    MethodSelection,
    benchmark_plan,
    run_plan,
)

EXIT_WORSE = 1
DATASET = "Dataset"

DatasetOrFolder = Annotated[
    str | None,
    typer.Argument(
        metavar="DATASET",
        autocompletion=complete_datasets,
        help="Name of a dataset (see `regkit plugins`), a dataset folder, a table of pairs "
        "(CSV or TSV), or a Learn2Reg JSON file.",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(min=0, rich_help_panel=DATASET, help="Number of cases to run; 0 for all."),
]
Split = Annotated[
    str,
    typer.Option(
        metavar=SPLIT_VALUES,
        autocompletion=complete_from(SPLIT_VALUES),
        rich_help_panel=DATASET,
        help="Part of the dataset. Default: all.",
    ),
]
DatasetParameters = Annotated[
    list[str] | None,
    typer.Option(
        "--data",
        metavar="KEY=VALUE",
        rich_help_panel=DATASET,
        help="Set a parameter of the dataset; repeatable. `regkit show DATASET` lists them.",
    ),
]
MethodList = Annotated[
    list[str] | None,
    typer.Option(
        "-m",
        "--methods",
        autocompletion=complete_methods,
        rich_help_panel=METHOD,
        help="Methods a,b,... or all. a+b runs b from the result of a; (a,b) runs b if the "
        "verdict on a is not OK; label=a+b sets the name in the tables.",
    ),
]
MethodsSeed = Annotated[
    int | None,
    typer.Option(
        rich_help_panel=COMPUTATION,
        help="Seed of the methods; the same seed gives the same result. Default: 0.",
    ),
]
MethodsDevice = Annotated[
    str | None,
    typer.Option(
        metavar=DEVICE_VALUES,
        autocompletion=complete_from("auto|cpu|cuda"),
        rich_help_panel=COMPUTATION,
        help="Device of methods and of scores that reconstruct. Default: auto.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.toml",
        rich_help_panel=DATASET,
        help="Configuration to run, such as config.toml of a benchmark folder.",
    ),
]
WorkerThreads = Annotated[
    int | None,
    typer.Option(
        min=0,
        rich_help_panel=COMPUTATION,
        help="Number of CPU threads of each process. Default: the cores divided by --workers.",
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        min=0.001,
        metavar="SECONDS",
        rich_help_panel=COMPUTATION,
        help="Time limit of each stage of a case (reading, registering, scoring), in seconds. "
        "Default: 3600.",
    ),
]
MemoryLimit = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="MB",
        rich_help_panel=COMPUTATION,
        help="Memory limit of a process, in MB; 0 for none. Default: none.",
    ),
]
DaskAddress = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS|FILE",
        rich_help_panel=COMPUTATION,
        help="Run on the dask cluster of this scheduler address or scheduler file.",
    ),
]
RetryFailed = Annotated[
    bool,
    typer.Option(
        "--retry-failed", rich_help_panel=COMPUTATION, help="Run the failed cases again."
    ),
]
Baseline = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        rich_help_panel=OUTPUT,
        help="Earlier benchmark folder to compare with; exit code 1 if a score got worse.",
    ),
]


def benchmark_command(
    dataset: DatasetOrFolder = None,
    limit: Limit = None,
    split: Split = "",
    data: DatasetParameters = None,
    config: ConfigFile = None,
    methods: MethodList = None,
    assignments: SetOption = None,
    seed: MethodsSeed = None,
    device: MethodsDevice = None,
    workers: Workers = 1,
    threads: WorkerThreads = None,
    timeout: Timeout = None,
    memory: MemoryLimit = None,
    dask: DaskAddress = None,
    retry_failed: RetryFailed = False,
    output: OutputFolder = Path("benchmark"),
    compare: Baseline = None,
    margins: Margins = None,
    calibration: CalibrationCard = None,
    as_json: AsJson = False,
) -> None:
    """Run methods on every case of DATASET; score, test and report them.

    Every method runs in its own process: a crash, a timeout or a lack of memory is one failed
    record. If interrupted, the same command continues. Without DATASET, --config or config.toml of
    the output folder defines the benchmark, and options override it. With --compare but
    neither DATASET nor a configuration, only the comparison is made.
    """
    request = BenchmarkRequest(
        folder=output,
        cases=CaseSelection(dataset, data or (), split, limit),
        methods=MethodSelection(methods or (), assignments or (), seed, device),
        execution=Execution(workers, threads, timeout, memory, dask, retry_failed),
        config=config,
        baseline=compare,
        margins=margins or (),
        calibration=calibration,
    )
    if not _benchmark(request, as_json):
        raise typer.Exit(EXIT_WORSE)


def _benchmark(request: BenchmarkRequest, as_json: bool) -> bool:
    """Run, summarize and compare; return whether no score is worse than in the baseline."""
    from regkit.benchmark.records import read_records
    from regkit.benchmark.summary import summarize_folder
    from regkit.report.benchmark_page import write_report

    # All inputs are checked before the methods run, which may take hours.
    plan = benchmark_plan(request)
    statistics = settings_with_margins(request.margins, request.folder)
    old = None if request.baseline is None else read_records(request.baseline)
    if plan is not None:
        with benchmark_progress() as update:
            run_plan(plan, request, update)
    folder, registry = request.folder, current_registry()
    summary = summarize_folder(folder, registry, statistics)
    with status_spinner("drawing the report"):
        write_report(folder, summary, registry)
    if as_json:
        echo((folder / "summary.json").read_text(encoding="utf-8"), nl=False)
    else:
        print_summary(summary, folder)
    if request.baseline is None or old is None:
        return True
    return print_comparison(request.baseline, old, read_records(folder))
