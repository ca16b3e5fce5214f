"""Real prostates: how methods bring transrectal ultrasound onto MR, in voxels.

    python benchmarks/mr_trus.py --data ../shared/data [-m attention-reg,mi,...]
    python benchmarks/mr_trus.py --table

The pairs are the samples of DeepReg (MR fixed, TRUS moving). Their headers say 0.4 mm, which the
glands' volumes contradict, so lengths are in voxels; methods are told --voxel-mm. No two headers
share a frame: every method starts with the middles of both images on each other. The motion is
partly not rigid, so no rigid map is perfect: `glands` is the shift that brings the centres of the
glands together, which nobody knows beforehand.

Dice is of the gland, TRE the mean distance of the landmarks' centres, over the patients. Lines go
to benchmarks/results/mr_trus.jsonl.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from records import append, markdown, read
from regkit import Grid, LabelMap, Pair, RegkitError, Transform, Volume, run
from regkit.geometry.resampling import resample
from regkit.geometry.transform import AffineTransform
from regkit.metrics.segmentation import dice_of
from regkit.registration.pipeline import build_method

HERE = Path(__file__).parent
FOLDER = "deepreg_mrtrus"
METHODS = "identity,glands,attention-reg,attention-reg+iso,mi,fast-mi,fast-cr"
COLUMNS = (
    "method",
    "patients",
    "Dice of the gland",
    "TRE, voxels",
    "lower Dice than identity",
    "OK",
)


@dataclass(frozen=True, eq=False)
class Prostate:
    """A patient: images, and labels (landmark, z, y, x) of which the first is the gland."""

    name: str
    images: tuple[Volume, Volume]
    labels: tuple[np.ndarray, np.ndarray]

    def centres(self, role: int) -> np.ndarray:
        """Return the centres of gland and landmarks of the fixed (0) or moving (1) image, mm."""
        index = [np.argwhere(label > 0.5).mean(axis=0) for label in self.labels[role]]
        return self.images[role].grid.to_physical(np.stack(index))


def prostates(data: Path, voxel_mm: float) -> Iterator[Prostate]:
    """Read the patients; MR is fixed here, and moving in the files."""
    folder = data / FOLDER
    for file in sorted((folder / "fixed_images").glob("*.nii.gz")):
        images, labels = [], []
        for role, modality in (("moving", "mr"), ("fixed", "us")):
            array = zyx(folder / f"{role}_images" / file.name)
            grid = centred(array.shape, voxel_mm)
            images.append(Volume(array.astype(np.float32), grid, modality))
            known = zyx(folder / f"{role}_labels" / file.name)
            labels.append(known.reshape(-1, *array.shape))
        yield Prostate(file.name.partition(".")[0], (images[0], images[1]), (labels[0], labels[1]))


def zyx(path: Path) -> np.ndarray:
    """Return an array of a file, spatial axes last and in the order z, y, x, in LPS."""
    array = np.asarray(nib.load(path).dataobj)
    return np.ascontiguousarray(array.T[..., ::-1, ::-1])


def centred(shape: tuple[int, ...], voxel_mm: float) -> Grid:
    """Return a grid around the origin."""
    nz, ny, nx = shape
    origin = [-(n - 1) / 2 * voxel_mm for n in (nx, ny, nz)]
    return Grid((nz, ny, nx), (voxel_mm,) * 3, (origin[0], origin[1], origin[2]))


def attempt(method: str, patient: Prostate) -> dict[str, Any]:
    """Run a method and score what it finds."""
    pair = Pair(*patient.images)
    if method == "glands":
        shift = patient.centres(1)[0] - patient.centres(0)[0]
        return scores(AffineTransform.shift(shift), patient)
    try:
        result = run(build_method(method), pair, method)
    except RegkitError as error:
        return {"error": str(error)}
    about = {"verdict": result.verdict.status, "reasons": list(result.verdict.reasons)}
    return {**scores(result.transform, patient), **about, "compute_s": result.compute_s}


def scores(found: Transform, patient: Prostate) -> dict[str, float]:
    """Dice of the gland, and the mean distance of landmarks in voxels, where there are any."""
    fixed, moving = patient.images
    glands = [(labels[0] > 0.5).astype(np.uint8) for labels in patient.labels]
    mapped = resample(LabelMap(glands[1], moving.grid), fixed.grid, found).array
    apart = found.map_points(patient.centres(0)[1:]) - patient.centres(1)[1:]
    known = {"dice": dice_of(glands[0] != 0, mapped != 0)}
    if len(apart):
        distance = float(np.linalg.norm(apart, axis=1).mean())
        known["tre_voxels"] = distance / fixed.grid.spacing[0]
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
                sum(r["dice"] < start[r["patient"]] for r in rows),
                sum(r.get("verdict") == "OK" for r in rows),
            )
        )
    return markdown(COLUMNS, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("-m", "--methods", default=METHODS)
    parser.add_argument("--voxel-mm", type=float, default=1.4)
    parser.add_argument("-o", "--output", type=Path, default=HERE / "results" / "mr_trus.jsonl")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    if not options.table:
        known = {(r["patient"], r["method"]) for r in read(options.output)}
        for patient in prostates(options.data, options.voxel_mm):
            for method in options.methods.split(","):
                if (patient.name, method) in known:
                    continue
                record = {"patient": patient.name, "method": method, "voxel_mm": options.voxel_mm}
                record |= attempt(method, patient)
                append(options.output, record)
                shown = f"Dice {record['dice']:.3f}" if "dice" in record else record["error"]
                print(f"{patient.name} {method}: {shown}", flush=True)
    print(table(read(options.output)))


if __name__ == "__main__":
    main()
