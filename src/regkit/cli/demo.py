"""``regkit demo``: the main job end to end on a simulated pair whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regkit.cli.context import current_registry
from regkit.cli.error_handling import EXIT_VERDICT_FAIL
from regkit.cli.register import RegisterRequest, register_files

if TYPE_CHECKING:
    from regkit.geometry.transform import Transform
    from regkit.registrar import Pair
    from regkit.report.save import Saved

# A patient who moved between the scans: degrees and mm about the middle of the thorax.
EULER_DEG, TRANSLATION_MM = (4.0, -5.0, 8.0), (12.0, -9.0, 14.0)
STYLES = {"OK": "bold green", "CHECK": "bold yellow", "FAIL": "bold red"}
FIXED, MOVING, TRUTH, PREFIX = "pet.nii.gz", "ct.nii.gz", "truth.tfm", "registration"


def demo(
    out: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where to write everything.")
    ] = Path("demo"),
    method: Annotated[
        str, typer.Option("-m", "--method", help="A method, as for `regkit register`.")
    ] = "mi",
) -> None:
    """Register a simulated PET and CT of a thorax, and compare with the truth.

    Paints two images of one phantom that moved in between, writes them as files and registers
    these files as `regkit register` does. Takes well under a minute.
    """
    _check(method)
    truth = _write_pair(out)
    job = RegisterRequest(
        out / FIXED,
        out / MOVING,
        str(out / PREFIX),
        method,
        fixed_modality="pet",
        moving_modality="ct",
        report=True,
    )
    saved = register_files(job)
    _print(job, saved, truth, _errors(job, saved, truth))
    if saved.record["verdict"]["status"] == "FAIL":
        raise typer.Exit(EXIT_VERDICT_FAIL)


def _check(method: str) -> None:
    """Refuse a method that cannot run, before anything is written."""
    from regkit.registration.pipeline import build_method

    build_method(method, registry=current_registry())


def simulated_pair() -> tuple[Pair, Transform]:
    """Paint a fixed PET and a moving CT with noise; return them and the true map."""
    from regkit.geometry.grid import Grid
    from regkit.geometry.rigid import rigid
    from regkit.registrar import Pair
    from regkit.testing.phantom import thorax

    truth = rigid(EULER_DEG, TRANSLATION_MM)
    pet = Grid((80, 56, 80), (4.0, 4.0, 4.0), (-158.0, -110.0, -158.0))
    ct = Grid((112, 84, 120), (3.0, 3.0, 3.0), (-168.0, -135.0, -154.0))
    fixed = thorax(pet, "pet", noise=0.15)
    return Pair(fixed, thorax(ct, "ct", truth, noise=0.03)), truth


def _write_pair(folder: Path) -> Transform:
    from regkit.io import write_volume
    from regkit.io.transforms import write_transform

    pair, truth = simulated_pair()
    write_volume(pair.fixed, folder / FIXED)
    write_volume(pair.moving, folder / MOVING)
    write_transform(truth, folder / TRUTH)
    return truth


def _errors(job: RegisterRequest, saved: Saved, truth: Transform) -> tuple[float, float]:
    """Return the mean error of points of the fixed body in mm, before and after."""
    import numpy as np

    from regkit.geometry.transform import IDENTITY
    from regkit.io import read_volume
    from regkit.io.transforms import read_transform
    from regkit.similarity.point_sample import sample_points

    sample = sample_points(read_volume(job.fixed, job.fixed_modality))
    body = sample.points[sample.foreground]
    found = read_transform(job.fixed.with_name(saved.record["transform"]["file"]))
    there = truth.map_points(body)
    before, after = (
        float(np.linalg.norm(t.map_points(body) - there, axis=1).mean()) for t in (IDENTITY, found)
    )
    return before, after


def _print(
    job: RegisterRequest, saved: Saved, truth: Transform, errors: tuple[float, float]
) -> None:
    from rich.console import Console
    from rich.text import Text

    from regkit.geometry.motion_text import motion_in_words, transform_in_words
    from regkit.io import read_volume

    record: dict[str, Any] = saved.record
    found, verdict = record["transform"], record["verdict"]
    before, after = errors
    rows = [
        ("Verdict", verdict["status"]),
        *(("", reason) for reason in verdict["reasons"]),
        ("Found", motion_in_words(found["rotation_deg"], found["translation_mm"])),
        ("Truth", transform_in_words(truth, read_volume(job.fixed).grid)),
        ("Error", f"{before:.1f} mm before, {after:.2f} mm after: mean over the fixed body"),
        ("Time", f"{record['timing_s']['compute']:.1f} s for {job.method}"),
        ("Files", ", ".join(map(str, saved.files))),
        ("Look at", f"{job.output}.png"),
        ("By hand", equivalent_command(job)),
    ]
    console = Console(soft_wrap=True, highlight=False)
    console.print("A simulated PET (fixed) and CT (moving) of a thorax that moved in between:")
    for name, words in rows:
        console.print(Text.assemble((f"  {name:8}", "dim"), (words, STYLES.get(words, ""))))


def equivalent_command(job: RegisterRequest) -> str:
    """Return the `regkit register` command that does a job, ready to paste into a shell."""
    import shlex

    words = ["regkit", "register", str(job.fixed), str(job.moving), "-m", job.method]
    words += ["--fixed-modality", job.fixed_modality, "--moving-modality", job.moving_modality]
    return shlex.join([*words, "-o", job.output, *(["--report"] if job.report else [])])
