"""How fast and how exact methods are beside each other, warm and on as many threads.

    python benchmarks/speed.py [--seeds 20] [--threads 2] [-m fast-mi,mi,ants-rigid,...]
    python benchmarks/speed.py --table

The T1/T2 and T1/PD pairs of the average brain at 2 mm (see pairs.py), with random motions within
20 degrees and 25 mm of the headers, from which every method starts; `method@auto` from
`--init auto`. All run in one process, in turn on each start, after one run each that does not
count. TRE is the distance of points of the brain from where they belong. One line per run goes to
benchmarks/results/speed.jsonl; the table is that of the last run of this script.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import pairs
import peers
import records
from regkit import Pair, Registrar

ANGLE_DEG, OFFSET_MM = 20.0, 25.0
FAILURES_MM = (2.0, 5.0)
OURS = "fast-"
COLUMNS = (
    *("method", "runs", "median TRE mm", "largest TRE mm", "> 2 mm", "> 5 mm", "errors"),
    *("median s", "ratio", "CPU s", "CPU ratio", "memory MB"),
)


def measure(
    methods: dict[str, Registrar],
    real: list[pairs.RealPair],
    seeds: int,
    out: Path,
    common: dict[str, Any],
) -> None:
    """Run every method on every start and write a line for each."""
    for name, registrar in methods.items():
        warm = _attempt(registrar, real[0], seeds)
        print(f"warm {name}: {warm['wall_s']:.2f} s", file=sys.stderr)
    for seed in range(seeds):
        for pair in real:
            for name, registrar in methods.items():
                record = {"method": name, "pair": pair.name, "seed": seed}
                record |= _attempt(registrar, pair, seed)
                records.append(out, record | common)
                told = record["error"] or f"{record['tre_mm']:.2f} mm"
                print(f"{seed} {pair.name} {name}: {record['wall_s']:.2f} s, {told}", flush=True)


def _attempt(registrar: Registrar, pair: pairs.RealPair, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng([seed, *pair.name.encode()])
    truth = pairs.random_motion(rng, ANGLE_DEG, OFFSET_MM, pair.fixed.grid.centre)
    there = Pair(pair.fixed, pairs.moved(pair.moving, truth))
    return peers.attempt(registrar, there, truth, pair.points)


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the last run; ratios are to the fastest peer that finds most of the pairs."""
    last = [record for record in found if record["run"] == found[-1]["run"]]
    names = dict.fromkeys(record["method"] for record in last)
    of = {name: [record for record in last if record["method"] == name] for name in names}
    peer_names = [name for name in of if not name.startswith(OURS)]
    good = [n for n in peer_names if np.median(peers.errors_mm(of[n])) < max(FAILURES_MM)]
    best = {
        unit: min((middle(of[n], unit) for n in good), default=np.nan)
        for unit in ("wall_s", "cpu_s")
    }
    return records.markdown(COLUMNS, (row(name, runs, best) for name, runs in of.items()))


def row(name: str, runs: list[dict[str, Any]], best: dict[str, float]) -> list[object]:
    """Return the cells of a method; `best` holds the seconds of the fastest peer."""
    tre = peers.errors_mm(runs)
    return [
        *(name, len(runs), f"{np.median(tre):.3f}"),
        f"{max(run.get('tre_max_mm', np.inf) for run in runs):.2f}",
        *(f"{100 * np.mean(tre > limit):.0f} %" for limit in FAILURES_MM),
        sum(bool(run["error"]) for run in runs),
        *(f"{middle(runs, 'wall_s'):.3f}", f"{middle(runs, 'wall_s') / best['wall_s']:.2f}"),
        *(f"{middle(runs, 'cpu_s'):.3f}", f"{middle(runs, 'cpu_s') / best['cpu_s']:.2f}"),
        f"{max(run['extra_mb'] for run in runs):.0f}",
    ]


def middle(runs: list[dict[str, Any]], key: str) -> float:
    """Return the median of what all runs tell."""
    return median(run[key] for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=pairs.SHARED)
    parser.add_argument("-m", "--methods", default=peers.METHODS)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/speed.jsonl"))
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    options = parser.parse_args()
    if not options.table:
        peers.limit_threads(options.threads)
        methods = peers.built(options.methods.split(","), options.threads)
        common = {"run": datetime.now(UTC).isoformat(timespec="seconds")}
        common |= peers.conditions()
        real = list(pairs.brains(options.data))
        measure(methods, real, options.seeds, options.out, common)
    print(table(records.read(options.out)))


if __name__ == "__main__":
    main()
