"""``regkit simulate``: write the cases of a dataset as a dataset folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regkit.cli.colors import echo
from regkit.cli.completion import complete_datasets, complete_from
from regkit.cli.options import OUTPUT, SPLIT_VALUES, DatasetSetOption, OutputFolder, Workers
from regkit.cli.progress import progress_bar
from regkit.cli.requests.simulation import NIFTI, SimulateRequest, open_simulation

if TYPE_CHECKING:
    from regkit.datasets.export import Simulation

DatasetName = Annotated[
    str,
    typer.Argument(
        autocompletion=complete_datasets,
        metavar="DATASET",
        help="A dataset that can be simulated; see `regkit plugins`.",
    ),
]
NumberOfCases = Annotated[
    int | None,
    typer.Option("-n", "--number", min=1, help="Number of cases. Default: that of the dataset."),
]
CohortSeed = Annotated[
    int | None,
    typer.Option(min=0, help="Seed of the cohort; the same seed gives the same cases."),
]
CohortSplit = Annotated[
    str | None,
    typer.Option(
        metavar=SPLIT_VALUES,
        autocompletion=complete_from(SPLIT_VALUES),
        help="Part of the cohort; every patient belongs to only one part.",
    ),
]
AnatomyFolder = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Real anatomy instead of the phantom, for datasets with this parameter; "
        "`regkit show DATASET` describes the files.",
    ),
]
ImageFormat = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="nifti|dicom",
        autocompletion=complete_from("nifti|dicom"),
        rich_help_panel=OUTPUT,
        help="File format of the images.",
    ),
]
Montage = Annotated[
    bool,
    typer.Option(
        "--montage", rich_help_panel=OUTPUT, help="Also draw every case, as montage.png."
    ),
]


def simulate_command(
    dataset: DatasetName,
    output: OutputFolder,
    count: NumberOfCases = None,
    seed: CohortSeed = None,
    split: CohortSplit = None,
    anatomy: AnatomyFolder = None,
    assignments: DatasetSetOption = None,
    file_format: ImageFormat = NIFTI,
    montage: Montage = False,
    workers: Workers = 1,
) -> None:
    """Simulate cases with a known true transform, and write them as a dataset folder.

    If interrupted, the same command continues; with a larger -n it adds cases.
    """
    # Idle OpenMP threads must not occupy cores; read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    parameters = {"n": count, "seed": seed, "split": split, "anatomy": anatomy and str(anatomy)}
    request = SimulateRequest(dataset, output, parameters, assignments or (), file_format, montage)
    simulation = open_simulation(request)
    written = _run(simulation, workers)
    total = len(simulation.dataset)
    present = f" ({total - written} there already)" if written < total else ""
    cases = "1 case" if total == 1 else f"{total} cases"
    echo(f"{cases} of {dataset} in {output}{present}")


def _run(simulation: Simulation, workers: int) -> int:
    """Write the missing cases with a progress bar; return their number."""
    from rich.progress import TimeRemainingColumn

    with progress_bar(TimeRemainingColumn()) as bar:
        task = bar.add_task(f"simulating {simulation.dataset.name}", total=len(simulation.dataset))
        try:
            return simulation.run(workers, lambda _: bar.advance(task))
        except KeyboardInterrupt:
            echo("regkit: interrupted; the same command continues from here", err=True)
            raise typer.Exit(1) from None
