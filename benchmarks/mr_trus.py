"""Real prostates: how methods bring transrectal ultrasound onto MR, in voxels.

    python benchmarks/mr_trus.py --data ../shared/data --folds FOLDER [-m attention-reg,mi,...]
    python benchmarks/mr_trus.py --table
    python benchmarks/mr_trus.py --card plugins/regkit_gland/shipped/gland.json

The pairs are the samples of DeepReg, in patient axes; see prostates.py. Lengths are in voxels,
since those of the files are not known; methods are told --voxel-mm. No two headers share a frame:
every method starts with the middles of both images on each other (`identity`). The motion is
partly not rigid, so no rigid map is perfect: `glands` is the shift that brings the centres of the
glands together, which nobody knows beforehand. `header` is what the files say.

`gland` is cross-validated: each patient is registered by networks that were trained on the
patients of the other four folds, and so is `auto`, which runs it. They are trained first, into
--folds, where they are missing, and installed for the patient in place of those of regkit.

Dice is of the gland, TRE the mean distance of the landmarks' centres, over the patients. Lines go
to benchmarks/results/mr_trus.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from prostates import DATA, FOLDS, VOXEL_MM, Prostate, left_out, prostates, write_folder
from records import append, markdown, read
from regkit import Pair, RegkitError, Transform, run
from regkit.geometry.resampling import resample
from regkit.geometry.transform import AffineTransform
from regkit.metrics.segmentation import dice_of
from regkit.registration.pipeline import build_method
from regkit.weights import HOME_VARIABLE, install

HERE = Path(__file__).parent
METHODS = "identity,header,glands,gland,auto,attention-reg,attention-reg+iso,mi,fast-mi,fast-cr"
TRAINED, CROSS_VALIDATED = "gland", ("gland", "auto")
# Loss of Dice that is worse than not registering.
WORSE = 0.02
COLUMNS = (
    "method",
    "patients",
    "Dice of the gland",
    "TRE, voxels",
    "Dice range",
    "Dice lower than of identity by more than 0.02",
    "OK",
)


def train_folds(folder: Path, patients: list[Prostate]) -> None:
    """Train the networks of each fold that has no weights yet."""
    for fold in range(FOLDS):
        if not weights_of(folder, fold).exists():
            write_folder(folder / f"data{fold}", patients, fold)
            words = ["train", TRAINED, "--data", str(folder / f"data{fold}")]
            words += ["-o", str(weights_of(folder, fold).parent)]
            subprocess.run([sys.executable, "-m", "regkit", *words], check=True)


def fold_of(number: int) -> int:
    """Return the fold whose networks have not seen the patient of this number."""
    return next(fold for fold in range(FOLDS) if left_out(number, fold))


def weights_of(folder: Path, fold: int) -> Path:
    """Return the file of the weights that were trained on the patients of other folds."""
    return folder / f"fold{fold}" / f"{TRAINED}.safetensors"


@contextmanager
def installed(weights: Path | None) -> Iterator[None]:
    """Install weights in a folder of their own for a while; None for those of regkit."""
    if weights is None:
        yield
        return
    before = os.environ.get(HOME_VARIABLE)
    with TemporaryDirectory() as folder:
        os.environ[HOME_VARIABLE] = folder
        try:
            install(weights, [TRAINED])
            yield
        finally:
            os.environ.pop(HOME_VARIABLE)
            if before is not None:
                os.environ[HOME_VARIABLE] = before


def attempt(
    method: str, patient: Prostate, weights: Path | None, judge: bool = True
) -> dict[str, Any]:
    """Run a method, score what it finds, and keep the verdict on it."""
    pair = Pair(*patient.images)
    if method == "glands":
        return scores(patient.shift(), patient)
    if method == "header":
        return scores(header_shift(patient), patient)
    try:
        with installed(weights):
            result = run(build_method(method), pair, method, judge=judge)
    except RegkitError as error:
        return {"error": str(error)}
    about: dict[str, Any] = {"compute_s": result.compute_s}
    if "used" in result.estimate.diagnostics:
        about |= {key: result.estimate.diagnostics[key] for key in ("used", "why")}
    if judge:
        about |= {"verdict": result.verdict.status, "reasons": list(result.verdict.reasons)}
    return {**scores(result.transform, patient), **about}


def header_shift(patient: Prostate) -> Transform:
    """Return the map of the headers: the first voxels of both images are at the same place."""
    fixed, moving = (image.grid for image in patient.images)
    # i runs to posterior, +y; j from left to right, -x; k to superior, +z.
    first = np.array([1, -1, -1]) * np.divide(fixed.extent, 2)
    other = np.array([1, -1, -1]) * np.divide(moving.extent, 2)
    return AffineTransform.shift(other - first)


def scores(found: Transform, patient: Prostate) -> dict[str, float]:
    """Dice of the gland, and the mean distance of landmarks in voxels, where there are any."""
    gland, other = patient.gland(0), patient.gland(1)
    mapped = resample(other, gland.grid, found).array
    apart = found.map_points(patient.centres(0)[1:]) - patient.centres(1)[1:]
    known = {"dice": dice_of(gland.array != 0, mapped != 0)}
    if len(apart):
        distance = float(np.linalg.norm(apart, axis=1).mean())
        known["tre_voxels"] = distance / gland.grid.spacing[0]
    return known


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the records as Markdown."""
    start = {r["patient"]: r["dice"] for r in found if r["method"] == "identity"}
    lines = []
    for method in dict.fromkeys(r["method"] for r in found):
        rows = [r for r in found if r["method"] == method and "dice" in r]
        overlap, tre = (
            np.array([r[key] for r in rows if key in r]) for key in ("dice", "tre_voxels")
        )
        lines.append(
            (
                f"`{method}`",
                len(rows),
                f"{overlap.mean():.3f} ± {overlap.std():.3f}",
                f"{tre.mean():.2f} ± {tre.std():.2f}",
                f"{overlap.min():.2f} to {overlap.max():.2f}",
                sum(r["dice"] < start.get(r["patient"], 0.0) - WORSE for r in rows),
                sum(r.get("verdict") == "OK" for r in rows),
            )
        )
    return markdown(COLUMNS, lines)


def write_card(card: Path, found: list[dict[str, Any]]) -> None:
    """Write the cross-validated scores on the card of weights trained on all patients."""
    left_out, start = (
        [r["dice"] for r in found if r["method"] == method and "dice" in r]
        for method in (TRAINED, "identity")
    )
    content = json.loads(card.read_text(encoding="utf-8"))
    content["about"]["scores"] = {
        "validation": {
            "dice_cross_validated": float(np.mean(left_out)),
            "dice_not_registered": float(np.mean(start)),
        }
    }
    card.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def measure(options: argparse.Namespace) -> None:
    """Append what has not been measured yet to the records."""
    patients = list(prostates(options.data, options.voxel_mm))
    methods = options.methods.split(",")
    if not set(CROSS_VALIDATED).isdisjoint(methods):
        train_folds(options.folds, patients)
    known = {(r["patient"], r["method"]) for r in read(options.output)}
    for number, patient in enumerate(patients):
        fold = fold_of(number)
        for method in methods:
            if (patient.name, method) in known:
                continue
            record = {"patient": patient.name, "method": method, "voxel_mm": options.voxel_mm}
            weights = None
            if method in CROSS_VALIDATED:
                record["fold"], weights = fold, weights_of(options.folds, fold)
            record |= attempt(method, patient, weights, not options.unjudged)
            append(options.output, record)
            shown = f"Dice {record['dice']:.3f}" if "dice" in record else record["error"]
            print(f"{patient.name} {method}: {shown}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("-m", "--methods", default=METHODS)
    parser.add_argument("--voxel-mm", type=float, default=VOXEL_MM)
    parser.add_argument("--folds", type=Path, default=Path("prostate-folds"))
    parser.add_argument("-o", "--output", type=Path, default=HERE / "results" / "mr_trus.jsonl")
    parser.add_argument("--unjudged", action="store_true", help="ask for no verdicts")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--card", type=Path, help="card that gets the cross-validated scores")
    options = parser.parse_args()
    if not (options.table or options.card):
        measure(options)
    if options.card:
        write_card(options.card, read(options.output))
    print(table(read(options.output)))


if __name__ == "__main__":
    main()
