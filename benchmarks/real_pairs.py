"""Measure how well methods undo known rigid motions of real pairs of images.

Pairs: see pairs.py. Motions: angles about x, y, z uniform within 15 degrees and shifts within
20 mm along each, about the centre of the fixed image; seeds 0, 1, ...

TRE is the mean distance of points of the fixed body from where they belong. Every method starts
from the headers; ``method@auto`` from ``--init auto``.

    python benchmarks/real_pairs.py --data ../shared/data
    python benchmarks/real_pairs.py --table
"""

from __future__ import annotations

import argparse
import time
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from pairs import SHARED, brains, moved, pet_ct
from records import append, markdown, read
from regkit import Grid, Pair, RegkitError, Transform, Volume, rigid, run
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.geometry.transform import AffineTransform, linear_part
from regkit.registration.initialization import initial_transform
from regkit.registration.pipeline import build_method
from regkit.similarity.point_sample import sample_points

HERE = Path(__file__).parent
METHODS = "identity,moments,mi,mi@auto,ants-rigid,ants-affine"
ANGLE_DEG, SHIFT_MM = 15.0, 20.0
FAILURE_MM = 5.0
COLUMNS = (
    *("dataset", "method", "runs", "median TRE mm", "95 %", "max", "> 5 mm", "median s"),
    *("OK", "CHECK", "FAIL", "errors"),
)


def motion(seed: int, fixed: Grid) -> AffineTransform:
    """Draw the true map of fixed to moving points."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(-ANGLE_DEG, ANGLE_DEG, 3)
    return rigid(angles, rng.uniform(-SHIFT_MM, SHIFT_MM, 3), fixed.centre)


def attempt(method: str, pair: Pair, truth: AffineTransform) -> dict[str, Any]:
    """Run a method and score what it finds."""
    name, _, start = method.partition("@")
    began, cpu_began = time.perf_counter(), time.process_time()
    try:
        if start:
            pair = Pair(pair.fixed, pair.moving, initial=initial_transform(start, pair))
        result = run(build_method(name), pair, name)
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
    """Return the TRE in mm over the fixed body and the angle between the rotations in degrees."""
    sample = sample_points(fixed)
    body = sample.points[sample.foreground]
    apart = np.linalg.norm(found.map_points(body) - truth.map_points(body), axis=1)
    turn = nearest_rotation(linear_part(found, fixed.grid.centre))
    return {
        "tre_mm": float(apart.mean()),
        "rotation_deg": rotation_angle(turn @ truth.matrix[:3, :3].T),
    }


def measure(data: Path, methods: list[str], seeds: int, out: Path) -> None:
    """Append one line per pair, seed and method that the file lacks."""
    known = {key(record) for record in read(out)}
    for real in chain(brains(data), pet_ct(data)):
        for seed in range(seeds):
            truth = motion(seed, real.fixed.grid)
            pair = Pair(real.fixed, moved(real.moving, truth))
            for method in methods:
                record = {"dataset": real.dataset, "pair": real.name}
                record |= {"seed": seed, "method": method}
                if key(record) in known:
                    continue
                record |= attempt(method, pair, truth)
                append(out, record)
                shown = f"{record['tre_mm']:.2f} mm" if "tre_mm" in record else record["error"]
                print(f"{real.dataset} {real.name} seed {seed} {method}: {shown}", flush=True)


def key(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record[part] for part in ("dataset", "pair", "seed", "method"))


def table(found: list[dict[str, Any]]) -> str:
    """Return the records as a Markdown table; a run that stopped with an error is a failure."""
    lines = []
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
        lines.append(cells)
    return markdown(COLUMNS, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "real_pairs.jsonl")
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    arguments = parser.parse_args()
    if not arguments.table:
        measure(arguments.data, arguments.methods.split(","), arguments.seeds, arguments.out)
    print(table(read(arguments.out)))


if __name__ == "__main__":
    main()
