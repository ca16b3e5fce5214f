"""``regkit selftest``: capture range and accuracy of a method on one's own pair."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from regkit.cli.colors import echo
from regkit.cli.error_handling import EXIT_VERDICT_FAIL
from regkit.cli.image_selection import Selections, chooses_images
from regkit.cli.options import (
    AsJson,
    CalibrationCard,
    Device,
    FixedImage,
    FixedMask,
    FixedModality,
    FixedRegion,
    Force,
    InitFormat,
    Initializer,
    MethodOption,
    MovingImage,
    MovingMask,
    MovingModality,
    MovingRegion,
    OutputPrefix,
    ParametersFile,
    Seed,
    SetOption,
    Threads,
    Witnesses,
)
from regkit.cli.progress import progress_bar
from regkit.cli.requests.method_settings import MethodSettings
from regkit.cli.requests.registration import DEFAULT_METHOD, RegisterRequest
from regkit.cli.requests.selftest import SELFTEST_PREFIX, SelfTestRequest, selftest_files
from regkit.cli.stray_output import stray_output_on_stderr
from regkit.cli.tables import print_table

if TYPE_CHECKING:
    from regkit.benchmark.selftest_result import SelfTest
    from regkit.registration.saved import Saved

MOTIONS = "Known motions"

Runs = Annotated[
    int,
    typer.Option(
        rich_help_panel=MOTIONS,
        help="Number of runs: a tenth (three at least) from the given start, the others from "
        "shifts, rotations and both together, of six sizes each.",
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        metavar="MM",
        rich_help_panel=MOTIONS,
        help="Largest distance from the reference of a success, in mm. Default: the coarsest "
        "voxel, 3 mm at least.",
    ),
]
LongestShift = Annotated[
    float | None,
    typer.Option(
        "--max-mm",
        metavar="MM",
        rich_help_panel=MOTIONS,
        help="Longest shift, in mm. Default: half the middle side of the smaller field of view.",
    ),
]
LargestRotation = Annotated[
    float,
    typer.Option(
        "--max-deg",
        metavar="DEGREES",
        rich_help_panel=MOTIONS,
        help="Largest rotation, in degrees, up to 180.",
    ),
]


@chooses_images(fixed="fixed", moving="moving")
def selftest_command(
    fixed: FixedImage,
    moving: MovingImage,
    method: MethodOption = DEFAULT_METHOD,
    assignments: SetOption = None,
    parameters: ParametersFile = None,
    init: Initializer = None,
    init_format: InitFormat = None,
    fixed_mask: FixedMask = None,
    moving_mask: MovingMask = None,
    fixed_roi: FixedRegion = "",
    moving_roi: MovingRegion = "",
    fixed_modality: FixedModality = "",
    moving_modality: MovingModality = "",
    runs: Runs = 100,
    tolerance: Tolerance = None,
    max_mm: LongestShift = None,
    max_deg: LargestRotation = 180.0,
    witness: Witnesses = None,
    calibration: CalibrationCard = None,
    device: Device = "auto",
    seed: Seed = 0,
    threads: Threads = 0,
    output: OutputPrefix = SELFTEST_PREFIX,
    force: Force = False,
    as_json: AsJson = False,
    *,
    selections: Selections,
) -> None:
    """Measure capture range, accuracy and repeatability of a method on FIXED and MOVING.

    The header of MOVING is moved by known rigid motions, from small to any rotation; the method
    is run from each as `regkit register` would be (--init identity tests it alone), and compared
    with its own answer from the given start. Writes PREFIX.json, PREFIX.jsonl (every run) and
    PREFIX.html. Exit code 3: done, but the verdict on that answer is FAIL.
    """
    registration = RegisterRequest(
        fixed=fixed,
        moving=moving,
        output=output,
        method=method,
        settings=MethodSettings(assignments or (), parameters, device, seed, threads),
        init=init,
        init_format=init_format,
        fixed_mask=fixed_mask,
        moving_mask=moving_mask,
        fixed_roi=fixed_roi,
        moving_roi=moving_roi,
        fixed_modality=fixed_modality,
        moving_modality=moving_modality,
        force=force,
        witnesses=tuple(witness or ()),
        calibration=calibration,
        selections=selections,
    )
    _selftest(SelfTestRequest(registration, runs, tolerance, max_mm, max_deg), as_json)


def _selftest(request: SelfTestRequest, as_json: bool) -> None:
    """Run, print and exit by the verdict on the reference."""
    from rich.progress import TimeRemainingColumn

    request.registration.settings.limit_threads()
    with stray_output_on_stderr(), progress_bar(TimeRemainingColumn()) as bar:
        task = bar.add_task(f"testing {request.registration.method}", total=None)
        test, saved = selftest_files(
            request, lambda done, runs: bar.update(task, completed=done, total=runs)
        )
    if as_json:
        echo(json.dumps(test.results, indent=2))
    else:
        _print(test, saved)
    if test.reference.verdict.status == "FAIL":
        raise typer.Exit(EXIT_VERDICT_FAIL)


def _print(test: SelfTest, saved: Saved) -> None:
    """Print the sizes, the main results and the verdict on the reference."""
    from regkit.report.selftest_text import (
        KIND_NAMES,
        length_text,
        selftest_facts,
        size_text,
    )

    judgements = ("OK", "CHECK", "FAIL", "failed")
    print_table(
        ("motion", "size", f"within {test.tolerance_mm:g} mm", "median error", *judgements),
        [
            (
                KIND_NAMES[size.kind],
                size_text(size),
                f"{size.within_tolerance} of {len(size.runs)}",
                length_text(size.median_error_mm),
                *map(str, size.judgements.values()),
            )
            for size in test.graded
        ],
    )
    echo("")
    print_table(("", ""), [(fact.name, fact.value) for fact in selftest_facts(test)], header=False)
    verdict = test.reference.verdict
    echo(f"\nThe reference, the answer of {test.method} itself: {verdict.status}")
    for reason in (*verdict.reasons, *test.notes):
        echo(f"  - {reason}")
    echo("wrote " + ", ".join(str(file) for file in saved.files))
