"""How well methods undo known rigid motions of real pairs of images.

Pairs: PET and CT of one hybrid scanner (TCIA Soft-Tissue-Sarcoma as cropped by the IBSI), and
T1, T2 and PD of the ICBM 2009c average brain at 2 mm. They are aligned as they are: by
construction (brain), or nearly, as far as a patient lies still between CT and PET (PET/CT).

Motions: angles about x, y, z uniform within 15 degrees and shifts within 20 mm along each, about
the centre of the fixed image; seeds 0, 1, ... They move the header (origin and direction) of the
moving image, so that no voxel is interpolated and the truth is exact. PET is the fixed image: what
needs a CT is the reconstruction of the emission, on its own grid. T2 and PD are first resampled
onto an oblique grid of 2.3 x 2.1 x 2.2 mm, for voxels that coincide favour standing still.

TRE is the mean distance of points of the fixed body from where they belong. Every method starts
from the headers; ``method@auto`` from ``--init auto``.

    python benchmarks/real_pairs.py --data ../shared/data
    python benchmarks/real_pairs.py --table
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from regkit import Grid, Pair, RegkitError, Transform, Volume, read_volume, resample, rigid, run
from regkit.euler import nearest_rotation, rotation_angle, rotation_matrix
from regkit.initial import initial_transform
from regkit.pipeline import build
from regkit.sample import draw
from regkit.transform import AffineTransform, linear_part

HERE = Path(__file__).parent
METHODS = "identity,moments,mi,mi@auto,ants-rigid,ants-affine"
ANGLE_DEG, SHIFT_MM = 15.0, 20.0
FAILURE_MM = 5.0
COLUMNS = (
    *("dataset", "method", "runs", "median TRE mm", "95 %", "max", "> 5 mm", "median s"),
    *("OK", "CHECK", "FAIL", "errors"),
)


def pairs(data: Path) -> Iterator[tuple[str, str, Volume, Volume]]:
    """Yield dataset, name, fixed and moving image of every pair, as aligned as they come."""
    brain = data / "mni2009c_multicontrast"
    t1 = read_volume(brain / "2mm_T1.nii.gz", modality="mr")
    for contrast in ("T2", "PD"):
        moving = read_volume(brain / f"2mm_{contrast}.nii.gz", modality="mr")
        yield "MNI", f"T1/{contrast}", t1, resample(moving, oblique_grid(moving.grid))
    for folder in sorted((data / "ibsi_sts").glob("STS_*")):
        pet = read_volume(folder / "PET_image.nii.gz", modality="pet")
        ct = read_volume(folder / "CT_image.nii.gz", modality="ct")
        yield "PET/CT", folder.name, pet, ct


def oblique_grid(grid: Grid) -> Grid:
    """Return a turned grid of other voxels around the same centre."""
    shape, spacing = (100, 116, 98), (2.3, 2.1, 2.2)
    affine = np.eye(4)
    affine[:3, :3] = (rotation_matrix((7, -11, 5)) * spacing)[:, ::-1]
    affine[:3, 3] = grid.centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid.from_affine(shape, affine)


def motion(seed: int, fixed: Grid) -> AffineTransform:
    """Draw the true map of fixed to moving points."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(-ANGLE_DEG, ANGLE_DEG, 3)
    return rigid(angles, rng.uniform(-SHIFT_MM, SHIFT_MM, 3), fixed.centre)


def moved(volume: Volume, by: AffineTransform) -> Volume:
    """Move an image rigidly by its header."""
    grid = Grid.from_affine(volume.grid.shape_zyx, by.matrix @ volume.grid.affine)
    return volume.with_array(volume.array, grid)


def attempt(method: str, pair: Pair, truth: AffineTransform) -> dict[str, Any]:
    """Run a method and score what it finds."""
    name, _, start = method.partition("@")
    began, cpu_began = time.perf_counter(), time.process_time()
    try:
        if start:
            pair = Pair(pair.fixed, pair.moving, initial=initial_transform(start, pair))
        result = run(build(name), pair, name)
    except RegkitError as error:
        return {"error": str(error), "runtime_s": time.perf_counter() - began}
    return {
        **errors(result.transform, truth, pair.fixed),
        "verdict": result.verdict.status,
        "reasons": list(result.verdict.reasons),
        "matrix": result.transform.matrix.tolist(),
        "measures": dict(result.verdict.measures),
        "runtime_s": result.compute_s,
        "total_cpu_s": time.process_time() - cpu_began,
        "error": "",
    }


def errors(found: Transform, truth: AffineTransform, fixed: Volume) -> dict[str, float]:
    """TRE in mm over the fixed body, and the angle between the rotations in degrees."""
    sample = draw(fixed)
    body = sample.points[sample.foreground]
    apart = np.linalg.norm(found.map_points(body) - truth.map_points(body), axis=1)
    turn = nearest_rotation(linear_part(found, fixed.grid.centre))
    return {
        "tre_mm": float(apart.mean()),
        "rotation_deg": rotation_angle(turn @ truth.matrix[:3, :3].T),
    }


def measure(data: Path, methods: list[str], seeds: int, out: Path) -> None:
    """Append one line per pair, seed and method that the file lacks."""
    known = {key(record) for record in records(out)}
    out.parent.mkdir(parents=True, exist_ok=True)
    for dataset, name, fixed, moving in pairs(data):
        for seed in range(seeds):
            truth = motion(seed, fixed.grid)
            pair = Pair(fixed, moved(moving, truth))
            for method in methods:
                record = {"dataset": dataset, "pair": name, "seed": seed, "method": method}
                if key(record) in known:
                    continue
                record |= attempt(method, pair, truth)
                with out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
                shown = f"{record['tre_mm']:.2f} mm" if "tre_mm" in record else record["error"]
                print(f"{dataset} {name} seed {seed} {method}: {shown}", flush=True)


def key(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record[part] for part in ("dataset", "pair", "seed", "method"))


def records(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the records as Markdown; a run that stopped with an error counts as a failure."""
    lines = [
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for dataset, method in dict.fromkeys((r["dataset"], r["method"]) for r in found):
        rows = [r for r in found if (r["dataset"], r["method"]) == (dataset, method)]
        tre = np.array([r.get("tre_mm", np.inf) for r in rows])
        verdicts = [r.get("verdict") for r in rows]
        counts = [verdicts.count(status) for status in ("OK", "CHECK", "FAIL", None)]
        distances = (np.median(tre), np.quantile(tre, 0.95, method="higher"), tre.max())
        cells = [
            *(dataset, method, len(rows)),
            *(f"{value:.2f}" for value in distances),
            int((tre > FAILURE_MM).sum()),
            f"{np.median([r['runtime_s'] for r in rows]):.2f}",
            *counts,
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=HERE.parents[1] / "shared" / "data")
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "real_pairs.jsonl")
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    arguments = parser.parse_args()
    if not arguments.table:
        measure(arguments.data, arguments.methods.split(","), arguments.seeds, arguments.out)
    print(table(records(arguments.out)))


if __name__ == "__main__":
    main()
