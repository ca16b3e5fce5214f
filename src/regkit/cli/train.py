"""``regkit train``: train a learned method."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regkit.cli.colors import echo
from regkit.cli.completion import complete_datasets, complete_from, complete_trainable_methods
from regkit.cli.context import current_registry
from regkit.cli.options import COMPUTATION, OUTPUT, Device
from regkit.cli.training_progress import training_progress

if TYPE_CHECKING:
    from regkit.learning.training_job import TrainingJob

TRAINING = "Training"

LearnedMethod = Annotated[
    str,
    typer.Argument(
        metavar="METHOD",
        autocompletion=complete_trainable_methods,
        help="A learned method; `regkit weights list` lists them.",
    ),
]
TrainingDataset = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="DATASET",
        autocompletion=complete_datasets,
        rich_help_panel=TRAINING,
        help="Training data: name of a dataset, a dataset folder, or a table of pairs "
        "(CSV or TSV).",
    ),
]
TrainingFolder = Annotated[
    Path,
    typer.Option(
        "-o",
        "--output",
        "--out",
        metavar="FOLDER",
        rich_help_panel=OUTPUT,
        help="Folder for the checkpoint, the log, the learning curve and the trained weights.",
    ),
]
PresetName = Annotated[
    str,
    typer.Option(
        metavar="fast|paper",
        autocompletion=complete_from("fast|paper"),
        rich_help_panel=TRAINING,
        help="Preset of network size, loss, optimizer and schedule; log.json in the folder "
        "records its values.",
    ),
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", rich_help_panel=TRAINING, help="Continue from the checkpoint in the folder."
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        min=1,
        rich_help_panel=TRAINING,
        help="Total number of optimizer steps. Default: that of the preset.",
    ),
]
StartWeights = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE",
        rich_help_panel=TRAINING,
        help="Weights to start from, such as the shipped ones. Default: random.",
    ),
]
PresetOverrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        rich_help_panel=TRAINING,
        help="Override a value of the preset; repeatable.",
    ),
]
TorchThreads = Annotated[
    int | None,
    typer.Option(
        min=1, rich_help_panel=COMPUTATION, help="Number of CPU threads. Default: all cores."
    ),
]
CacheFolder = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        rich_help_panel=COMPUTATION,
        help="Cache of preprocessed cases, which several trainings can use.",
    ),
]


def train_command(
    method: LearnedMethod,
    data: TrainingDataset,
    output: TrainingFolder,
    preset: PresetName = "fast",
    assignments: PresetOverrides = None,
    start: StartWeights = "",
    steps: Steps = None,
    resume: Resume = False,
    device: Device = "auto",
    threads: TorchThreads = None,
    cache: CacheFolder = None,
) -> None:
    """Train a learned method; writes its weights and their card to the folder.

    On a terminal a bar shows the progress; elsewhere, as in the log of a cluster, a line every
    30 s tells step, loss, rate and time left. After the first steps a line tells how long one
    takes here, and all of them.

    After an interruption, even a kill, the same command with --resume continues and gives the
    same learning curve.
    """
    _configure_openmp(threads)
    from regkit.learning.training_job import TrainingJob
    from regkit.registration.parameters import parse_assignment

    registry = current_registry()
    trainer = registry.method(method).load_trainer()
    job = TrainingJob(
        method=method,
        data=data,
        folder=output,
        registry=registry,
        preset=preset,
        resume=resume,
        steps=steps,
        start=start,
        device=device,
        cache=cache,
        changes=dict(parse_assignment(text) for text in assignments or ()),
    )
    _run(trainer, job)
    if os.environ.get("RANK", "0") == "0":  # only the first of distributed processes reports
        echo(f"{method}: trained weights in {output}; install them with `regkit weights install`")


def _configure_openmp(threads: int | None) -> None:
    """Set the variables that OpenMP reads when torch is imported."""
    # Idle threads must not occupy cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)


def _run(trainer: Any, job: TrainingJob) -> None:
    """Train, and show the progress."""
    with training_progress() as show:
        try:
            for progress in trainer(job):
                show(progress)
        except KeyboardInterrupt:
            echo("regkit: interrupted; add --resume to continue from here", err=True)
            raise typer.Exit(1) from None
