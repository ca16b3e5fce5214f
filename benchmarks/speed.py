"""How fast and how exact methods are beside each other, already loaded and on as many threads.

    python benchmarks/speed.py [--size 2mm,256] [--seeds 5] [--threads 1] [-m fast-mi,mi,...]
    python benchmarks/speed.py --table

--size 2mm  T1/T2 and T1/PD of the average brain at 2 mm
--size N    one person's head in two contrasts on N x N x 0.8 N voxels, whose truth is exact

See pairs.py, and peers.py for the methods: those of others as their makers run them. Motions are
random, within 20 degrees and 25 mm of the headers, from which every method starts; `method@auto`
from `--init auto`. All run in one process, in turn on each start, after one run each that does not
count. TRE is the distance of points of the brain from where they belong. Ratios of ours are to the
cheapest peer whose median TRE is not worse; where all are worse, to the most exact one.

Memory is measured in a fresh process for each method: `peak MB` is all that it held at most while
it registered one pair, `beyond MB` what that is beyond the images and the loaded libraries.

One line per run goes to benchmarks/results/speed.jsonl; of every size the table has the last run.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import pairs
import peers
import records
from regkit import Pair, Registrar
from regkit.benchmark.memory import resident_mb

ANGLE_DEG, OFFSET_MM = 20.0, 25.0
FAILURES_MM = (2.0, 5.0)
SMALL = "32"  # voxels of the pair that loads what there is to load
COLUMNS = (
    *("size", "method", "runs", "median TRE mm", "largest TRE mm", "> 2 mm", "> 5 mm", "errors"),
    *("s", "CPU s", "s / that of", "CPU s / that of", "peak MB", "beyond MB"),
)


def measure(
    methods: dict[str, Registrar],
    real: list[pairs.RealPair],
    seeds: int,
    out: Path,
    common: dict[str, dict[str, Any]],
) -> None:
    """Run every method on every start and write a line for each, with what all its lines tell."""
    for name, registrar in methods.items():
        warm = _attempt(registrar, real[0], seeds)
        print(f"warm {name}: {warm['wall_s']:.2f} s", file=sys.stderr)
    for seed in range(seeds):
        for pair in real:
            for name, registrar in methods.items():
                record = {"method": name, "pair": pair.name, "seed": seed}
                record |= _attempt(registrar, pair, seed) | common[name]
                records.append(out, record)
                told = record["error"] or f"{record['tre_mm']:.3f} mm"
                print(f"{seed} {pair.name} {name}: {record['wall_s']:.2f} s, {told}", flush=True)


def _attempt(registrar: Registrar, pair: pairs.RealPair, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng([seed, *pair.name.encode()])
    truth = pairs.random_motion(rng, ANGLE_DEG, OFFSET_MM, pair.fixed.grid.centre)
    there = Pair(pair.fixed, pairs.moved(pair.moving, truth))
    return peers.attempt(registrar, there, truth, pair.points)


def memory(options: argparse.Namespace) -> dict[str, float]:
    """Return the memory of one registration in this process, which has run nothing else."""
    (registrar,) = peers.built([options.memory], options.threads).values()
    _attempt(registrar, next(pairs.of_size(options.data, SMALL)), 0)
    real = next(pairs.of_size(options.data, options.size))
    _release_freed_memory()
    before = resident_mb(os.getpid())
    extra = _attempt(registrar, real, 0)["extra_mb"]
    return {"peak_mb": round(before + extra, 1), "extra_mb": extra}


def _release_freed_memory() -> None:
    """Give back to the system what is free, lest a method gets it and seems to need nothing."""
    with suppress(OSError, AttributeError):  # only the GNU library has it
        ctypes.CDLL(None).malloc_trim(0)


def _memory_of(method: str, size: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, __file__, "--memory", method, "--size", size]
    command += ["--data", str(options.data), "--threads", str(options.threads)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the last run of every size."""
    return records.markdown(COLUMNS, (row for runs in last_runs(found) for row in _rows(runs)))


def last_runs(found: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Return the records of the last run of every size, in the order of sizes."""
    sizes = sorted({r["size"] for r in found}, key=lambda size: (size != "2mm", len(size), size))
    last = {record["size"]: record["run"] for record in found}
    return [[r for r in found if (r["size"], r["run"]) == (size, last[size])] for size in sizes]


def _rows(runs: list[dict[str, Any]]) -> list[list[object]]:
    of = {name: [r for r in runs if r["method"] == name] for name in methods_of(runs)}
    return [_row(name, of) for name in of]


def methods_of(runs: list[dict[str, Any]]) -> list[str]:
    """Return the methods of records in their order."""
    return list(dict.fromkeys(record["method"] for record in runs))


def reference(name: str, of: dict[str, list[dict[str, Any]]], unit: str) -> str:
    """Return the peer beside which a method is put: cheapest of those as exact, or most exact."""
    there = [peer for peer in of if peers.is_peer(peer)]
    as_exact = [peer for peer in there if _tre(of[peer]) <= _tre(of[name])]
    if as_exact:
        return min(as_exact, key=lambda peer: middle(of[peer], unit))
    return min(there, key=lambda peer: _tre(of[peer]), default="")


def _row(name: str, of: dict[str, list[dict[str, Any]]]) -> list[object]:
    runs = of[name]
    tre = peers.errors_mm(runs)
    return [
        *(runs[0]["size"], name, len(runs), f"{np.median(tre):.3f}"),
        f"{max(run.get('tre_max_mm', np.inf) for run in runs):.2f}",
        *(f"{100 * np.mean(tre > limit):.0f} %" for limit in FAILURES_MM),
        sum(bool(run["error"]) for run in runs),
        *(f"{middle(runs, unit):.3f}" for unit in ("wall_s", "cpu_s")),
        *(_ratio(name, of, unit) for unit in ("wall_s", "cpu_s")),
        *(f"{runs[0][key]:.0f}" for key in ("peak_mb", "extra_mb")),
    ]


def _ratio(name: str, of: dict[str, list[dict[str, Any]]], unit: str) -> str:
    beside = "" if peers.is_peer(name) else reference(name, of, unit)
    return f"{middle(of[name], unit) / middle(of[beside], unit):.2f} {beside}" if beside else ""


def _tre(runs: list[dict[str, Any]]) -> float:
    return float(np.median(peers.errors_mm(runs)))


def middle(runs: list[dict[str, Any]], key: str) -> float:
    """Return the median of what all runs tell."""
    return median(run[key] for run in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=pairs.SHARED)
    parser.add_argument("--size", default="2mm", help="2mm, a number of voxels, or several")
    parser.add_argument("-m", "--methods", default=peers.METHODS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/speed.jsonl"))
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    parser.add_argument("--memory", help="print the memory of a method only, as this script asks")
    options = parser.parse_args()
    if not options.table:
        peers.limit_threads(options.threads)
    if options.memory:
        print(json.dumps(memory(options)))
        return
    run = {"run": datetime.now(UTC).isoformat(timespec="seconds")}
    for size in () if options.table else options.size.split(","):
        methods = peers.built(options.methods.split(","), options.threads)
        same = {**run, "size": size, **peers.conditions()}
        common = {name: same | _memory_of(name, size, options) for name in methods}
        real = list(pairs.of_size(options.data, size))
        measure(methods, real, options.seeds, options.out, common)
    records.write_table(options.out, table(records.read(options.out)))


if __name__ == "__main__":
    main()
