"""Measure how well methods undo known rigid motions of real pairs of images.

Pairs: see pairs.py. Motions: angles about x, y, z uniform within 15 degrees and shifts within
20 mm along each, about the centre of the fixed image; seeds 0, 1, ...

TRE is the mean distance of points of the fixed body from where they belong. Every method starts
from the headers; ``method@auto`` from ``--init auto``. Methods of others are as in peers.py; they
are slow, so by default they run on the first motion of each pair only.

    python benchmarks/real_pairs.py [--sets MNI,PET/CT] [-m fast-mi,mi,...] [--again]
    python benchmarks/real_pairs.py --table

One line per run goes to benchmarks/results/real_pairs.jsonl; a run that the file has is not
repeated, unless --again has the methods measured anew.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path
from typing import Any

import numpy as np

import peers
from pairs import SHARED, brains, moved, pet_ct
from records import append, drop, markdown, read, write_table
from regkit import Estimate, Grid, Pair, Registrar, Transform, Volume, rigid, run
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.geometry.transform import AffineTransform, linear_part
from regkit.similarity.point_sample import sample_points

HERE = Path(__file__).parent
METHODS = f"identity,moments,{peers.METHODS}"
DATASETS = {"MNI": brains, "PET/CT": pet_ct}
ANGLE_DEG, SHIFT_MM = 15.0, 20.0
FAILURE_MM = 5.0
COLUMNS = (
    *("dataset", "method", "runs", "median TRE mm", "95 %", "max", "> 5 mm", "s", "CPU s"),
    *("OK", "CHECK", "FAIL", "errors"),
)


def motion(seed: int, fixed: Grid) -> AffineTransform:
    """Draw the true map of fixed to moving points."""
    rng = np.random.default_rng(seed)
    angles = rng.uniform(-ANGLE_DEG, ANGLE_DEG, 3)
    return rigid(angles, rng.uniform(-SHIFT_MM, SHIFT_MM, 3), fixed.centre)


def attempt(name: str, registrar: Registrar, pair: Pair, truth: AffineTransform) -> dict[str, Any]:
    """Run a method and score what it finds."""
    began, cpu_began = time.perf_counter(), time.process_time()
    timed = Timed(registrar)
    try:
        result = run(timed, pair, name)
    except Exception as problem:  # whatever stops a peer is a failure of it
        spent = {
            "runtime_s": time.perf_counter() - began,
            "cpu_s": time.process_time() - cpu_began,
        }
        return {"error": str(problem) or repr(problem), **spent}
    return {
        **errors(result.transform, truth, pair.fixed),
        "verdict": result.verdict.status,
        "reasons": list(result.verdict.reasons),
        "matrix": result.transform.matrix.tolist(),
        "measures": dict(result.verdict.measures),
        "runtime_s": result.compute_s,
        "cpu_s": timed.cpu_s,
        "total_cpu_s": time.process_time() - cpu_began,
        "error": "",
    }


@dataclass
class Timed:
    """A method whose CPU seconds are measured, without those of the verdict on it."""

    registrar: Registrar
    cpu_s: float = 0.0

    def register(self, pair: Pair) -> Estimate:
        """Return the method's estimate."""
        began = time.process_time()
        try:
            return self.registrar.register(pair)
        finally:
            self.cpu_s = time.process_time() - began


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


def measure(
    names: Iterable[str], methods: dict[str, Registrar], options: argparse.Namespace
) -> None:
    """Append one line per pair, seed and method that the file lacks."""
    known = {key(record) for record in read(options.out)}
    for real in chain.from_iterable(DATASETS[name](options.data) for name in names):
        for seed in range(max(options.seeds, options.peer_seeds)):
            truth = motion(seed, real.fixed.grid)
            pair = Pair(real.fixed, moved(real.moving, truth))
            for method, registrar in methods.items():
                record = {"dataset": real.dataset, "pair": real.name}
                record |= {"seed": seed, "method": method}
                usual = options.peer_seeds if peers.is_peer(method) else options.seeds
                if seed >= usual or key(record) in known:
                    continue
                record |= attempt(method, registrar, pair, truth) | peers.conditions()
                append(options.out, record)
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
            *(f"{np.median([r[unit] for r in rows]):.2f}" for unit in ("runtime_s", "cpu_s")),
            *counts,
        ]
        lines.append(cells)
    return markdown(COLUMNS, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--sets", default=",".join(DATASETS))
    parser.add_argument("-m", "--methods", default=METHODS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--peer-seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="measure these methods anew")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "real_pairs.jsonl")
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    options = parser.parse_args()
    if not options.table:
        peers.limit_threads(options.threads)
        methods = peers.built(options.methods.split(","), options.threads)
        sets = options.sets.split(",")
        for name, method in product(sets, methods) if options.again else ():
            drop(options.out, dataset=name, method=method)
        measure(sets, methods, options)
    write_table(options.out, table(read(options.out)))


if __name__ == "__main__":
    main()
