"""CPU time that the verdict adds to a registration.

    python benchmarks/verdict_cost.py [-o FILE]

Real pairs, moved by their headers: T1/T2 of the average brain at 2 mm, and PET/CT of one thigh.
Each is registered with and without a verdict (`judge=False`), in turn, by `fast-mi`, whose result
is right, and by `identity`, whose result is wrong and takes longer to judge. The median of the
differences of CPU time counts, after one warm-up. One line per pair and method.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import pairs
from records import append, markdown, read, write_table
from regkit import register

RESULTS = Path(__file__).parent / "results" / "verdict_cost.jsonl"
METHODS, REPEATS = ("fast-mi", "identity"), 9
MOST_DEG, MOST_MM = 15.0, 20.0  # of the motions


def measure(name: str, real: pairs.RealPair, method: str) -> dict[str, Any]:
    """Register a pair in turn with and without a verdict."""
    rng = np.random.default_rng(0)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for repeat in range(REPEATS + 1):
        centre = np.array(real.moving.grid.centre)
        by = pairs.random_motion(rng, MOST_DEG, MOST_MM, centre)
        for judge in (False, True):
            # New images, of which nothing is kept.
            fixed, moving = replace(real.fixed), pairs.moved(real.moving, by)
            started = time.process_time()
            result = register(fixed, moving, method, judge=judge)
            if repeat:  # the first one warms up
                seconds[judge].append(time.process_time() - started)
    added = [judged - alone for judged, alone in zip(seconds[True], seconds[False], strict=True)]
    return {
        "pair": name,
        "voxels": [list(volume.grid.shape_zyx[::-1]) for volume in (real.fixed, real.moving)],
        "method": method,
        "verdict": result.verdict.status,
        "repeats": REPEATS,
        "without_s": round(statistics.median(seconds[False]), 4),
        "verdict_s": round(statistics.median(added), 4),
        "most_s": round(max(added), 4),
    }


def table(found: list[dict[str, Any]]) -> str:
    """Return a row for each pair and method."""
    rows = [
        (r["pair"], r["method"], r["verdict"], r["without_s"], r["verdict_s"], r["most_s"])
        for r in found
    ]
    names = ("pair", "method", "verdict", "without it, CPU s", "verdict, CPU s", "at most")
    return markdown(names, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=pairs.SHARED)
    parser.add_argument("-o", "--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    options.out.unlink(missing_ok=True)
    found = {
        "T1/T2 of brains, 2 mm": next(pairs.brains(options.data)),
        "PET/CT of a thigh": next(pairs.pet_ct(options.data)),
    }
    for name, real in found.items():
        for method in METHODS:
            append(options.out, measure(name, real, method))
    write_table(options.out, table(read(options.out)))


if __name__ == "__main__":
    main()
