"""``regkit register``: align a moving image file to a fixed one."""

from __future__ import annotations

import json as json_text
import os
import re
import sys
import time
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regkit.cli.context import current_registry
from regkit.cli.error_handling import EXIT_VERDICT_FAIL
from regkit.cli.status_spinner import status_spinner

if TYPE_CHECKING:
    from regkit.registrar import Pair
    from regkit.report.save import Saved

DEFAULT_NAME = "registration"


@dataclass(frozen=True)
class RegisterRequest:
    """What was asked for on the command line."""

    fixed: Path
    moving: Path
    output: str
    method: str = "mi"
    parameters: dict[str, Any] = field(default_factory=dict)
    defaults: dict[str, Any] = field(default_factory=dict)
    init: str | None = None
    fixed_mask: Path | None = None
    moving_mask: Path | None = None
    fixed_modality: str = ""
    moving_modality: str = ""
    check_inverse: bool = False
    report: bool = False


def register_command(
    fixed: Annotated[Path, typer.Argument(help="The image that stays: a file or DICOM folder.")],
    moving: Annotated[Path, typer.Argument(help="The image to align to it.")],
    method: Annotated[
        str,
        typer.Option(
            "-m",
            "--method",
            help="A name; a+b runs b from the result of a; a,b tries b if a is not OK.",
        ),
    ] = "mi",
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", metavar="PREFIX", help="Prefix of the files, or a folder/."
        ),
    ] = DEFAULT_NAME,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Set a parameter; see `regkit show`."),
    ] = None,
    parameters: Annotated[
        Path | None, typer.Option("--parameters", metavar="FILE.toml", help="Parameters to set.")
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(
            metavar="auto|identity|centre|moments|FILE",
            help="Where to start; by default auto: the best of identity, centre and moments.",
        ),
    ] = None,
    fixed_mask: Annotated[
        Path | None, typer.Option(help="Where to look in the fixed image.")
    ] = None,
    moving_mask: Annotated[
        Path | None, typer.Option(help="Where to look in the moving image.")
    ] = None,
    fixed_modality: Annotated[str, typer.Option(help="ct, mu, spect, pet, mr or us.")] = "",
    moving_modality: Annotated[str, typer.Option(help="ct, mu, spect, pet, mr or us.")] = "",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    seed: Annotated[int, typer.Option(help="Same seed, same answer.")] = 0,
    threads: Annotated[int, typer.Option(min=0, help="0: as many as there are cores.")] = 0,
    check_inverse: Annotated[
        bool, typer.Option("--check-inverse", help="Register the other way round too and compare.")
    ] = False,
    report: Annotated[bool, typer.Option("--report", help="Write PREFIX.html as well.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Align MOVING to FIXED and say whether the result can be trusted.

    Writes PREFIX.tfm (maps fixed to moving points, LPS mm; PREFIX.h5 when non-linear),
    PREFIX_warped.nii.gz, PREFIX.json, PREFIX.png. Exit code 3: done, but the verdict is FAIL.
    """
    job = RegisterRequest(
        fixed,
        moving,
        output,
        method,
        named_parameters(parameters, assignments or (), device),
        {"seed": seed, "device": device, "threads": threads or None},
        init,
        fixed_mask,
        moving_mask,
        fixed_modality,
        moving_modality,
        check_inverse,
        report,
    )
    limit_threads(threads)
    with redirect_stdout(sys.stderr):  # what a method prints is no result
        saved = register_files(job)
    if json:
        typer.echo(json_text.dumps(saved.record, indent=2))
    else:
        _print_summary(saved)
    if saved.record["verdict"]["status"] == "FAIL":
        raise typer.Exit(EXIT_VERDICT_FAIL)


def register_files(job: RegisterRequest) -> Saved:
    """Read, register and write; return what was written and the record of it.

    Readers and writers are imported where they are needed: their import is part of their time.
    """
    started = time.perf_counter()
    from regkit.io.atomic_output import atomic_output
    from regkit.registration.pipeline import build_method
    from regkit.registration.run import run

    registry = current_registry()
    registrar = build_method(job.method, job.parameters, registry, job.defaults)
    prefix, init = prefix_path(job.output), _init_word(job)
    inputs = (job.fixed, job.moving, job.fixed_mask, job.moving_mask)
    with atomic_output(prefix.parent, inputs) as stage:
        with status_spinner("reading"):
            pair = _read_pair(job)
        load_s = time.perf_counter() - started
        with status_spinner(f"registering with {job.method}"):
            pair = _with_start(init, pair)
            start_s = time.perf_counter() - started - load_s
            result = run(registrar, pair, job.method, job.check_inverse)
        with status_spinner("writing"):
            since = time.perf_counter()
            from regkit.report.record import Inputs
            from regkit.report.save import save_registration

            masks = job.fixed_mask, job.moving_mask
            told = Inputs(job.fixed, job.moving, load_s, start_s, *masks, init)
            return save_registration(
                result, prefix.name, stage, told, report=job.report, since=since
            )


def prefix_path(output: str, name: str = DEFAULT_NAME) -> Path:
    """Return folder / prefix for the text after ``-o``; `name` is the prefix in a folder."""
    from regkit.errors import OutputError

    try:
        path = Path(output).expanduser()
    except RuntimeError as error:
        raise OutputError(f"{output}: there is no such user's home folder") from error
    if output.endswith(("/", os.sep)) or path.is_dir():
        return path / name
    return path


def _read_pair(job: RegisterRequest) -> Pair:
    from regkit.io import read_labels, read_volume
    from regkit.registrar import Pair

    return Pair(
        read_volume(job.fixed, job.fixed_modality),
        read_volume(job.moving, job.moving_modality),
        None if job.fixed_mask is None else read_labels(job.fixed_mask),
        None if job.moving_mask is None else read_labels(job.moving_mask),
    )


def _init_word(job: RegisterRequest) -> str:
    """Return what to start from; a method that searches nothing shall not get a search before."""
    if job.init is not None:
        return job.init
    stages = job.method.replace(",", "+").split("+")
    searches = any(current_registry().method(name.strip()).spec.is_registration for name in stages)
    return "auto" if searches else "identity"


def _with_start(word: str, pair: Pair) -> Pair:
    from dataclasses import replace

    from regkit.errors import ParameterError
    from regkit.io.transforms import read_transform
    from regkit.registration.initialization import INITIALIZERS, initial_transform, is_initializer
    from regkit.registry import suggest

    if is_initializer(word, current_registry()):
        start = initial_transform(word, pair, current_registry())
    elif not Path(word).is_file():
        hint = suggest(word, (*INITIALIZERS, "moments"))
        raise ParameterError(f"--init '{word}' is neither a transform file nor a start; {hint}")
    else:
        start = read_transform(Path(word), fixed=pair.fixed.grid, moving=pair.moving.grid)
    return replace(pair, initial=start)


def named_parameters(file: Path | None, assignments: Any, device: str) -> dict[str, Any]:
    """Merge the parameters of a file with those of the command line, which win."""
    from regkit.errors import ParameterError
    from regkit.registration.parameters import parse_assignment, read_parameters

    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise ParameterError(f"--device takes auto, cpu, cuda or cuda:N, got '{device}'")
    merged = {} if file is None else read_parameters(file)
    merged |= dict(parse_assignment(text) for text in assignments)
    if device not in ("auto", "cpu"):
        merged.setdefault("device", device)
    return merged


def limit_threads(threads: int) -> None:
    """Let methods use so many threads; 0 for as many as they like."""
    if threads:
        # Both ITKs (SimpleITK's and that of ANTs) read this when they are first used.
        os.environ["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = str(threads)


def _print_summary(saved: Saved) -> None:
    from rich.console import Console

    from regkit.report.summary import summary

    Console(soft_wrap=True, highlight=False).print(summary(saved.record, saved.files))
