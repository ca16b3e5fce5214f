"""``regkit demo``: register a simulated PET/CT pair whose true transform is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regkit.cli.colors import STATUS_STYLES, echo, styled
from regkit.cli.completion import complete_methods
from regkit.cli.context import current_registry
from regkit.cli.options import Force, OutputFolder
from regkit.cli.progress import status_spinner
from regkit.cli.requests.registration import DEFAULT_METHOD, RegisterRequest, register_files
from regkit.cli.result_output import exit_on_fail

if TYPE_CHECKING:
    from regkit.geometry.transform import Transform
    from regkit.registrar import Pair
    from regkit.registration.saved import Saved

# The motion of the patient between the scans, in degrees and mm about the center of the thorax;
# chosen by hand.
EULER_DEG, TRANSLATION_MM = (4.0, -5.0, 8.0), (12.0, -9.0, 14.0)
FIXED, MOVING, TRUTH, PREFIX = "pet.nii.gz", "ct.nii.gz", "truth.tfm", "registration"

DemoMethod = Annotated[
    str,
    typer.Option(
        "-m",
        "--method",
        autocompletion=complete_methods,
        help="Method, as for `regkit register`.",
    ),
]


def demo_command(
    out: OutputFolder = Path("demo"), method: DemoMethod = DEFAULT_METHOD, force: Force = False
) -> None:
    """Register a simulated PET and CT of a thorax, and compare with the true transform.

    Simulates both images from one phantom that moved between the scans, writes them as files, and
    registers the files as `regkit register` does. Takes less than a minute. Files of another run
    are kept, unless --force is given.
    """
    _require_method(method)
    with status_spinner("simulating"):
        truth = _write_pair(out, force)
    request = RegisterRequest(
        out / FIXED,
        out / MOVING,
        str(out / PREFIX),
        method,
        fixed_modality="pet",
        moving_modality="ct",
        report=True,
        force=force,
    )
    saved = register_files(request)
    _print(request, saved, truth, _errors(request, saved, truth))
    exit_on_fail(saved)


def _require_method(method: str) -> None:
    """Raise an error, before anything is written, if the method cannot run."""
    from regkit.registration.pipeline import build_method

    build_method(method, registry=current_registry())


def simulated_pair() -> tuple[Pair, Transform]:
    """Simulate a fixed PET and a moving CT with noise; return them and the true transform."""
    from regkit.geometry.grid import Grid
    from regkit.geometry.rigid import rigid
    from regkit.registrar import Pair
    from regkit.testing.phantom import thorax

    truth = rigid(EULER_DEG, TRANSLATION_MM)
    pet = Grid((80, 56, 80), (4.0, 4.0, 4.0), (-158.0, -110.0, -158.0))
    ct = Grid((112, 84, 120), (3.0, 3.0, 3.0), (-168.0, -135.0, -154.0))
    fixed = thorax(pet, "pet", noise=0.15)
    return Pair(fixed, thorax(ct, "ct", truth, noise=0.03)), truth


def _write_pair(folder: Path, force: bool) -> Transform:
    from regkit.io import atomic_output, write_volume
    from regkit.io.transforms import write_transform

    pair, truth = simulated_pair()
    with atomic_output(folder, replace=force) as stage:
        write_volume(pair.fixed, stage.path(FIXED))
        write_volume(pair.moving, stage.path(MOVING))
        write_transform(truth, stage.path(TRUTH))
    return truth


def _errors(request: RegisterRequest, saved: Saved, truth: Transform) -> tuple[float, float]:
    """Return the mean target registration error in mm over the fixed body, before and after."""
    import numpy as np

    from regkit.geometry.transform import IDENTITY
    from regkit.io import read_volume
    from regkit.io.transforms import read_transform
    from regkit.similarity.point_sample import sample_points

    sample = sample_points(read_volume(request.fixed, request.fixed_modality))
    body = sample.points[sample.foreground]
    estimated = read_transform(request.fixed.with_name(saved.record["transform"]["file"]))
    targets = truth.map_points(body)
    before, after = (
        float(np.linalg.norm(t.map_points(body) - targets, axis=1).mean())
        for t in (IDENTITY, estimated)
    )
    return before, after


def _print(
    request: RegisterRequest, saved: Saved, truth: Transform, errors: tuple[float, float]
) -> None:
    from regkit.geometry.motion_text import motion_in_words, transform_in_words
    from regkit.io import read_volume

    record: dict[str, Any] = saved.record
    found, verdict = record["transform"], record["verdict"]
    before, after = errors
    rows = [
        ("Verdict", verdict["status"]),
        *(("", reason) for reason in verdict["reasons"]),
        ("Found", motion_in_words(found["rotation_deg"], found["translation_mm"])),
        ("Truth", transform_in_words(truth, read_volume(request.fixed).grid)),
        ("Error", f"{before:.1f} mm before, {after:.2f} mm after: mean over the fixed body"),
        ("Time", f"{record['timing_s']['compute']:.1f} s for {request.method}"),
        ("Files", ", ".join(map(str, saved.files))),
        ("Picture", f"{request.output}.png"),
        ("Command", equivalent_command(request)),
    ]
    echo("Simulated PET (fixed) and CT (moving) of a thorax that moved between the scans:")
    for name, text in rows:
        style = STATUS_STYLES.get(text)
        echo(styled(f"  {name:8}", dim=True), (styled(text, **style) if style else text))


def equivalent_command(request: RegisterRequest) -> str:
    """Return the `regkit register` command of a request, quoted for a shell."""
    import shlex

    words = ["regkit", "register", str(request.fixed), str(request.moving), "-m", request.method]
    words += [
        "--fixed-modality",
        request.fixed_modality,
        "--moving-modality",
        request.moving_modality,
    ]
    return shlex.join([*words, "-o", request.output, *(["--report"] if request.report else [])])
