"""How much faster a search is with two threads, the whole of it and its finest level alone.

    python benchmarks/thread_speed.py [--size 2mm,256] [--seeds 5]
    python benchmarks/thread_speed.py --table

Pairs, motions and starts are those of speed.py. One process registers every pair with `fast-mi` on
one thread and on two, in turn, after one run each that does not count. The finest level begins
where the search tells that it does, and ends with the search. Both transforms are compared bit by
bit. Run it on two idle cores. One line per pair goes to benchmarks/results/thread_speed.jsonl; of
every size the table has the last run, medians.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import pairs
import peers
import records
from regkit import Pair, Registrar
from regkit.working import WorkStage, progress_heard
from speed import ANGLE_DEG, OFFSET_MM, last_runs

RESULTS = Path("benchmarks/results/thread_speed.jsonl")
PARTS = {"whole search": "whole", "finest level": "finest"}
COLUMNS = ("size", "part", "runs", "s, one thread", "s, two threads", "times faster", "same bits")


def timed(registrar: Registrar, pair: Pair) -> tuple[float, float, bytes]:
    """Return the seconds of a search and of its finest level, and the bits of its result."""
    finest: list[float] = []

    def heard(stage: WorkStage) -> None:
        words = stage.words.split()
        if words[0] == "level" and words[1] == words[3]:
            finest.append(time.perf_counter())

    started = time.perf_counter()
    with progress_heard(heard):
        found = registrar.register(pair).transform
    ended = time.perf_counter()
    return ended - started, ended - finest[0], found.matrix.tobytes()


def measure(size: str, options: argparse.Namespace, common: dict[str, Any]) -> None:
    """Write a line for every pair and motion."""
    by_threads = {threads: peers.built(["fast-mi"], threads)["fast-mi"] for threads in (1, 2)}
    every = list(pairs.of_size(options.data, size))
    for seed in range(-1, options.seeds):
        for real in every:
            rng = np.random.default_rng([max(seed, 0), *real.name.encode()])
            truth = pairs.random_motion(rng, ANGLE_DEG, OFFSET_MM, real.fixed.grid.centre)
            pair = Pair(real.fixed, pairs.moved(real.moving, truth))
            runs = {threads: timed(registrar, pair) for threads, registrar in by_threads.items()}
            if seed < 0:
                continue
            record = {"size": size, "pair": real.name, "seed": seed, **common}
            for threads, (whole, finest, _) in runs.items():
                record[f"whole_{threads}_s"] = round(whole, 5)
                record[f"finest_{threads}_s"] = round(finest, 5)
            records.append(options.out, record | {"same": runs[1][2] == runs[2][2]})


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the last run of every size."""
    rows = []
    for runs in last_runs(found):
        same = sum(run["same"] for run in runs)
        for part, key in PARTS.items():
            one, two = (median(run[f"{key}_{n}_s"] for run in runs) for n in (1, 2))
            ratio = median(run[f"{key}_1_s"] / run[f"{key}_2_s"] for run in runs)
            seconds = f"{one:.4f}", f"{two:.4f}", f"{ratio:.2f}"
            rows.append([runs[0]["size"], part, len(runs), *seconds, f"{same} of {len(runs)}"])
    return records.markdown(COLUMNS, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=pairs.SHARED)
    parser.add_argument("--size", default="2mm,256", help="2mm, numbers of voxels, or several")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    options = parser.parse_args()
    if not options.table:
        peers.limit_threads(1)  # of libraries, whose threads would wait beside those measured
    common = {"run": datetime.now(UTC).isoformat(timespec="seconds"), **peers.conditions()}
    for size in () if options.table else options.size.split(","):
        measure(size, options, common)
    records.write_table(options.out, table(records.read(options.out)))


if __name__ == "__main__":
    main()
