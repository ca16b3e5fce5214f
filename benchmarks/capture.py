"""From how far away methods find the way: success against the error at the start.

    python benchmarks/capture.py [--sets brain,pet-ct] [-m fast-mi,mi,...] [--again]
    python benchmarks/capture.py --table [--by start|rotation|offset]

brain   T1/T2 and T1/PD of the average brain at 2 mm: any rotation (uniform on SO(3)), offsets to
        100 mm; success is a mean TRE below 2 mm
pet-ct  PET and CT of eight thighs: rotations within 30 degrees, offsets within 60 mm; success is
        below 5 mm, for the headers are only nearly the truth there

See pairs.py, and peers.py for the methods. All begin at the same starts, the headers;
`method@auto` at `--init auto`. Peers are slow, so by default they run on the first starts only.
One line per run goes to benchmarks/results/capture.jsonl; a run that the file has is not repeated,
so that what was interrupted goes on, and more seeds or methods can follow, unless --again has the
methods measured anew.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import pairs
import peers
import records
from regkit import IDENTITY, Pair, Registrar
from regkit.geometry.rotation import rotation_angle


@dataclass(frozen=True)
class Task:
    """Pairs, how far they are moved, what counts as success, and seeds for us and for peers."""

    real: Callable[[Path], Iterator[pairs.RealPair]]
    angle_deg: float
    offset_mm: float
    success_mm: float
    seeds: int
    peer_seeds: int


TASKS = {
    "brain": Task(pairs.brains, 180.0, 100.0, 2.0, 50, 4),
    "pet-ct": Task(pairs.pet_ct, 30.0, 60.0, 5.0, 5, 2),
}
# How far away a start is: the key of a record, the unit, upper ends of the bins.
DISTANCES = {
    "start": ("start_tre_mm", "mm", (20, 40, 60, 80, 100, 120, 150)),
    "rotation": ("start_rotation_deg", "deg", (10, 20, 30, 60, 90, 120, 150, 180)),
    "offset": ("start_offset_mm", "mm", (20, 40, 60, 80, 100)),
}
KEY = ("set", "pair", "seed", "method")


def measure(
    name: str,
    methods: dict[str, Registrar],
    real: list[pairs.RealPair],
    seeds: int | None,
    out: Path,
) -> None:
    """Append one line per seed, pair and method that the file lacks; None for the usual seeds."""
    known = {tuple(record[part] for part in KEY) for record in records.read(out)}
    task = TASKS[name]
    for seed in range(seeds or max(task.seeds, task.peer_seeds)):
        for pair in real:
            told, there, truth = start(name, pair, seed)
            for method, registrar in methods.items():
                record = {**told, "method": method}
                usual = task.peer_seeds if peers.is_peer(method) else task.seeds
                if seed >= (seeds or usual) or tuple(record[part] for part in KEY) in known:
                    continue
                record |= peers.attempt(registrar, there, truth, pair.points)
                records.append(out, record | peers.conditions())
                found = record["error"] or f"{record['tre_mm']:.2f} mm"
                begun = f"from {record['start_tre_mm']:.0f} mm"
                print(f"{name} {seed} {pair.name} {method} {begun}: {found}", flush=True)


def start(
    name: str, pair: pairs.RealPair, seed: int
) -> tuple[dict[str, Any], Pair, pairs.AffineTransform]:
    """Return what is told about a start, the pair as it is seen there, and the true map."""
    task, centre = TASKS[name], pair.fixed.grid.centre
    rng = np.random.default_rng([seed, *pair.name.encode()])
    truth = pairs.random_motion(rng, task.angle_deg, task.offset_mm, centre)
    offset = np.linalg.norm(truth.map_points(centre) - np.asarray(centre))
    told = {
        "set": name,
        "pair": pair.name,
        "seed": seed,
        "start_tre_mm": float(pairs.tre_mm(IDENTITY, truth, pair.points).mean()),
        "start_rotation_deg": rotation_angle(truth.matrix[:3, :3]),
        "start_offset_mm": float(offset),
    }
    return told, Pair(pair.fixed, pairs.moved(pair.moving, truth)), truth


def tables(found: list[dict[str, Any]], by: str) -> str:
    """Lay out the success of every method on every set, in all and by distance."""
    names = [name for name in TASKS if any(record["set"] == name for record in found)]
    return "\n\n".join(
        table([record for record in found if record["set"] == name], TASKS[name].success_mm, by)
        for name in names
    )


def table(found: list[dict[str, Any]], success_mm: float, by: str) -> str:
    """Lay out one set; each bin shows the share of successes and the number of runs."""
    key, unit, ends = DISTANCES[by]
    furthest = max(record[key] for record in found)
    used = [end for end, lower in zip(ends, (0, *ends), strict=False) if lower < furthest]
    columns = ["set", "method", "runs", f"< {success_mm:g} mm", "median TRE mm", "errors"]
    columns += ["median s", "CPU s", *(f"to {end} {unit}" for end in used)]
    rows = []
    for method in dict.fromkeys(record["method"] for record in found):
        runs = [record for record in found if record["method"] == method]
        rows.append(_summary(runs, success_mm) + _bins(runs, success_mm, key, used))
    return records.markdown(columns, rows)


def _summary(runs: list[dict[str, Any]], success_mm: float) -> list[object]:
    tre = peers.errors_mm(runs)
    return [
        *(runs[0]["set"], runs[0]["method"], len(runs)),
        f"{100 * np.mean(tre < success_mm):.1f} %",
        f"{np.median(tre):.2f}",
        sum(bool(run["error"]) for run in runs),
        *(f"{median(run[key] for run in runs):.3f}" for key in ("wall_s", "cpu_s")),
    ]


def _bins(runs: list[dict[str, Any]], success_mm: float, key: str, ends: list[int]) -> list[str]:
    which = np.searchsorted(ends, [run[key] for run in runs])
    good = peers.errors_mm(runs) < success_mm
    inside = [good[np.minimum(which, len(ends) - 1) == number] for number in range(len(ends))]
    return [f"{100 * part.mean():.0f} % of {len(part)}" if len(part) else "" for part in inside]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=pairs.SHARED)
    parser.add_argument("--sets", default=",".join(TASKS))
    parser.add_argument("-m", "--methods", default=peers.METHODS)
    parser.add_argument("--seeds", type=int, help="the same for all; usually fewer for peers")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="measure these methods anew")
    parser.add_argument("--by", choices=DISTANCES, default="start")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/capture.jsonl"))
    parser.add_argument("--table", action="store_true", help="print the tables of the file only")
    options = parser.parse_args()
    if not options.table:
        peers.limit_threads(options.threads)
        methods = peers.built(options.methods.split(","), options.threads)
        for name in options.sets.split(","):
            for method in methods if options.again else ():
                records.drop(options.out, set=name, method=method)
            real = list(TASKS[name].real(options.data))
            measure(name, methods, real, options.seeds, options.out)
    records.write_table(options.out, tables(records.read(options.out), options.by))


if __name__ == "__main__":
    main()
