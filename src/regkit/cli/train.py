"""``regkit train``: train a method that learns."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regkit.cli.context import current_registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from regkit.training import TrainingProgress


def train_command(
    method: Annotated[str, typer.Argument(help="A method that uses weights: dusfe, ...")],
    data: Annotated[
        str, typer.Option("--data", metavar="DATASET", help="A dataset's name, or a folder.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", "--out", metavar="FOLDER", help="Where all goes.")
    ],
    preset: Annotated[
        str, typer.Option(metavar="fast|paper", help="Sets of choices; see the folder's log.json.")
    ] = "fast",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in the folder.")
    ] = False,
    steps: Annotated[
        int | None, typer.Option(min=1, help="Steps in all; the preset's if not given.")
    ] = None,
    start: Annotated[
        str,
        typer.Option(metavar="NAME|FILE", help="Weights to begin from, such as those shipped."),
    ] = "",
    device: Annotated[
        str, typer.Option(metavar="auto|cpu|cuda|cuda:N", help="Where to compute.")
    ] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of torch; all cores if not given.")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Prepared cases, for several trainings to share."),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a choice of the preset."),
    ] = None,
) -> None:
    """Train a method; at the end, its weights and their card are in the folder.

    Stopped at any moment, even killed, the same command with --resume goes on along the same
    curve.
    """
    # Threads that wait for work must not burn the cores that others need; set before torch comes.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    from regkit.registration.parameters import parse_assignment
    from regkit.training import TrainingJob

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
    with _shown() as show:
        try:
            for progress in trainer(job):
                show(progress)
        except KeyboardInterrupt:
            typer.echo("regkit: interrupted; add --resume to go on from here", err=True)
            raise typer.Exit(1) from None
    if os.environ.get("RANK", "0") == "0":  # of several processes one speaks
        typer.echo(
            f"{method}: trained weights in {output}; regkit weights install makes them yours"
        )


@contextmanager
def _shown() -> Iterator[Callable[[TrainingProgress], None]]:
    """Show on a terminal how far it is and how much time is left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    columns = (
        "{task.description}",
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[facts]}"),
    )
    with Bar(*columns, console=console, disable=not console.is_terminal) as bar:
        tasks: dict[str, object] = {}

        def show(progress: TrainingProgress) -> None:
            if progress.stage not in tasks:
                tasks[progress.stage] = bar.add_task(
                    progress.stage, total=progress.total, facts=""
                )
            facts = "  ".join(f"{name} {value:.3g}" for name, value in progress.facts.items())
            bar.update(tasks[progress.stage], completed=progress.done, facts=facts)  # type: ignore[arg-type]

        yield show
