"""``regkit explain``: show what a learned method looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regkit.cli.colors import echo
from regkit.cli.options import AsJson, Force
from regkit.cli.progress import status_spinner
from regkit.cli.replay import InputsFolder
from regkit.cli.stray_output import stray_output_on_stderr

if TYPE_CHECKING:
    from regkit.report.explain import ExplainedRegistration

LearnedRecord = Annotated[
    Path,
    typer.Argument(
        metavar="PREFIX.json", help="Record of a registration or reorientation by a network."
    ),
]
ExplanationPrefix = Annotated[
    str,
    typer.Option(
        "-o",
        "--output",
        metavar="PREFIX",
        help="Prefix of the output files, or a folder for them. Default: that of the record with "
        "_explain.",
    ),
]


def explain_command(
    record: LearnedRecord,
    inputs: InputsFolder = None,
    output: ExplanationPrefix = "",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Run the learned method of a record again, and show what its network looked at.

    Writes PREFIX.png (both images with the weights over them), PREFIX.json and one NIfTI file for
    each map of weights, on the grid of the fixed image. `regkit show NAME` says what a method
    shows; a method that shows nothing is refused.
    """
    with stray_output_on_stderr():
        from regkit.report.explain import explain

        explained = explain(record, inputs=inputs, on_stage=status_spinner)
        with status_spinner("drawing and writing"):
            files = explained.save(output, force=force)
    if as_json:
        echo(json.dumps(explained.as_data(files[0].stem), indent=2))
    else:
        _print(explained, files)


def _print(explained: ExplainedRegistration, files: tuple[Path, ...]) -> None:
    echo(f"{explained.method}: {explained.maps_in_words}")
    if explained.same is False:
        echo(
            f"  the network now gives another transform than the record, by up to "
            f"{explained.difference_mm:.3g} mm; `regkit replay` says what has changed"
        )
    if explained.initial_kept:
        echo(
            "  the registration kept its initial transform: what the network found, and is shown "
            "here, aligned the images worse"
        )
    echo("wrote " + ", ".join(map(str, files)))
