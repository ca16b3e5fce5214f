"""``regkit simulate``: write the cases of a dataset as a dataset folder."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regkit.cli.context import current_registry

if TYPE_CHECKING:
    from regkit.datasets.export import ImageWriter, Painter
    from regkit.plugin import DatasetSpec

NIFTI = "nifti"


def simulate_command(
    dataset: Annotated[
        str, typer.Argument(help="spect-ct, lv-spect, lv-pet, pet-ct, mr-us, or one of a plugin.")
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="The dataset folder.")
    ],
    count: Annotated[
        int | None, typer.Option("-n", "--number", min=1, help="How many cases.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Which cohort; same seed, same cases.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(metavar="train|validation|test", help="No patient is in two of them."),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set a parameter; see `regkit show`."),
    ] = None,
    anatomy: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="spect-ct from a real CT: ct, labels and uptake.csv; see `regkit show spect-ct`.",
        ),
    ] = None,
    file_format: Annotated[
        str, typer.Option("--format", metavar="nifti|dicom", help="How images are written.")
    ] = NIFTI,
    montage: Annotated[
        bool, typer.Option("--montage", help="Draw every case as montage.png.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
) -> None:
    """Write simulated cases with exact truth as a dataset folder.

    Interrupted, the same command goes on where it stopped; with a larger -n it adds cases.
    """
    # Threads that wait for work must not burn the cores that others need; set before torch comes.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from regkit.datasets.export import Simulation
    from regkit.datasets.folder import build_dataset
    from regkit.registration.parameters import parse_assignment

    given = {"n": count, "seed": seed, "split": split, "anatomy": anatomy and str(anatomy)}
    parameters = {key: value for key, value in given.items() if value is not None}
    parameters |= dict(parse_assignment(text) for text in assignments or ())
    built = build_dataset(dataset, parameters, current_registry())
    spec = current_registry().dataset(dataset).spec
    simulation = Simulation(
        built, output, _writer(spec, file_format), _painter(spec) if montage else None, file_format
    )
    with _progress(dataset, len(built)) as advance:
        try:
            made = simulation.run(workers, advance)
        except KeyboardInterrupt:
            typer.echo("regkit: interrupted; the same command goes on from here", err=True)
            raise typer.Exit(1) from None
    there = len(built) - made
    kept = f" ({there} there already)" if there else ""
    cases = "1 case" if len(built) == 1 else f"{len(built)} cases"
    typer.echo(f"{cases} of {dataset} in {output}{kept}")


def _writer(spec: DatasetSpec, name: str) -> ImageWriter:
    from regkit.datasets.export import as_nifti
    from regkit.errors import ParameterError

    if name == NIFTI:
        return as_nifti
    if name not in spec.writers:
        known = ", ".join((NIFTI, *spec.writers))
        raise ParameterError(f"{spec.name} cannot be written as '{name}'; use {known}")
    return _imported(spec.writers[name])  # type: ignore[no-any-return]


def _painter(spec: DatasetSpec) -> Painter:
    from regkit.report.cases import picture_of_case

    return _imported(spec.picture) if spec.picture else picture_of_case


def _imported(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


@contextmanager
def _progress(words: str, total: int) -> Iterator[Callable[[str], None]]:
    """Show on a terminal how far it is; yield what is to be called with every case's id."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    console = Console(stderr=True)
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"simulating {words}", total=total)
        yield lambda _: bar.advance(task)
