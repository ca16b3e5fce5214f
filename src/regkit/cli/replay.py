"""``regkit replay``: run a registration again from its record, and compare."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from regkit.cli.colors import STATUS_STYLES, echo, styled
from regkit.cli.options import AsJson, Force
from regkit.cli.progress import status_spinner
from regkit.cli.stray_output import stray_output_on_stderr

if TYPE_CHECKING:
    from regkit.report.replay import Replay

# The run is done, and its answer is no: as of a verdict that is FAIL.
EXIT_DIFFERENT = 3

RecordFile = Annotated[
    Path, typer.Argument(metavar="PREFIX.json", help="Record of a registration.")
]
InputsFolder = Annotated[
    Path | None,
    typer.Option(
        "--inputs",
        metavar="FOLDER",
        help="Folder in which the images, masks and other inputs lie now. Default: where the "
        "record says, or where they lay as seen from the record.",
    ),
]
NewPrefix = Annotated[
    str,
    typer.Option(
        "-o",
        "--output",
        metavar="PREFIX",
        help="Also write the files of the new run, as `regkit register` does.",
    ),
]


def replay_command(
    record: RecordFile,
    inputs: InputsFolder = None,
    output: NewPrefix = "",
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Run the registration of a record again, and say whether the transform is the same.

    The inputs must be those of the record, by their SHA-256; packages and the machine are compared
    and told. The same are transforms that differ by at most 1e-6 mm in the fixed field of view.
    Exit code 3: done, but the transform is another one.
    """
    with stray_output_on_stderr():
        replayed = _replay(record, inputs, output, force)
    if as_json:
        echo(json.dumps(replayed.as_data(), indent=2))
    else:
        _print(replayed)
    if not replayed.same:
        raise typer.Exit(EXIT_DIFFERENT)


def _replay(record: Path, inputs: Path | None, output: str, force: bool) -> Replay:
    from regkit.report.record import read_record
    from regkit.report.replay import replay

    replayed = replay(record, inputs=inputs, on_stage=status_spinner)
    if output:
        options = read_record(record)["options"]
        replayed.result.save(
            output,
            report=bool(options.get("report")),
            dtype=options.get("dtype", ""),
            warped=not options.get("no_warped"),
            moved=bool(options.get("moved")),
            dicom=bool(options.get("dicom")),
            force=force,
        )
    return replayed


def _print(replayed: Replay) -> None:
    """Print the comparison; its first word is the answer."""
    word, style = ("same", "OK") if replayed.same else ("different", "FAIL")
    apart = replayed.largest_difference_mm
    difference = f"differ by at most {apart:.3g} mm" if apart else "are equal"
    echo(
        styled(word, **STATUS_STYLES[style]),
        f"  {replayed.result.method}: the old and the new transform {difference} in the fixed "
        "field of view",
    )
    for found in replayed.inputs:
        moved = ", not at the path of the record" if found.moved else ""
        echo(f"  {found.role}: {found.path}, unchanged{moved}")
    if replayed.transform_file != "unchanged":
        echo(f"  the file of the old transform is {replayed.transform_file}")
    then, now = replayed.verdicts
    echo(f"  verdict: {then} then, {now} now")
    differences = {**replayed.versions, **replayed.environment}
    for name, (before, after) in differences.items():
        echo(f"  {name}: {before or 'none'} then, {after or 'none'} now")
    if not differences:
        echo("  versions and machine: the same")
