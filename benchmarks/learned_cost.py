"""How long a learned registration takes, once its weights are loaded.

    python benchmarks/learned_cost.py [--runs 5] [--full]
    python benchmarks/learned_cost.py --table

One simulated SPECT/CT pair, registered by every cardiac method whose weights are there: a first
time, which loads torch and the weights, then `--runs` times; the median counts. `--full` times one
look of the published sizes (80 x 80 x 40 voxels, random weights) instead. Lines go to
benchmarks/results/learned_cost.jsonl.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch

from records import append, markdown, read
from regkit.datasets.folder import build_dataset
from regkit.registration.pipeline import build_method
from regkit.registry import default_registry
from regkit_pairnets import build_pair_network

HERE = Path(__file__).parent
METHODS = ("dvnet", "msreg", "densenet", "densenet-nonlocal", "dusfe")
FULL = (80, 80, 40)
COLUMNS = ("method", "what", "parameters", "looks", "s", "CPU s", "threads", "load")


def timed(work: Callable[[], Any], runs: int) -> dict[str, float]:
    """Return the median wall and CPU seconds."""
    walls, cpus = [], []
    for _ in range(runs):
        began, cpu_began = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - began)
        cpus.append(time.process_time() - cpu_began)
    return {"s": median(walls), "cpu_s": median(cpus), "load": os.getloadavg()[0]}


def shipped(runs: int, out: Path) -> None:
    """Time the methods with their weights on a pair."""
    dataset = build_dataset(
        "spect-ct", {"n": 1, "split": "test", "corrected": False}, default_registry()
    )
    pair = next(iter(dataset)).pair
    for name in METHODS:
        if default_registry().method(name).problem:
            continue
        method = build_method(name)
        moved = method.register(pair).diagnostics["pass_displacement_mm"]
        record = {"method": name, "what": "shipped weights, one pair", "looks": len(moved)}
        append(out, record | timed(lambda m=method: m.register(pair), runs) | conditions())


def full_size(out: Path) -> None:
    """Time one look of the published networks."""
    images = torch.rand(2, 1, 1, *FULL)
    for name in METHODS:
        network = build_pair_network(name, FULL).eval()
        count = sum(p.numel() for p in network.parameters())
        with torch.inference_mode():
            cost = timed(lambda n=network: n(*images), 1)
        record = {"method": name, "what": "published size, one look", "looks": 1}
        append(out, record | {"parameters": count} | cost | conditions())


def conditions() -> dict[str, Any]:
    return {"threads": torch.get_num_threads(), "torch": torch.__version__}


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the records as Markdown."""
    rows = []
    for r in found:
        seconds = (f"{r['s']:.3f}", f"{r['cpu_s']:.3f}", r["threads"], f"{r['load']:.1f}")
        rows.append(
            (f"`{r['method']}`", r["what"], r.get("parameters", "-"), r["looks"], *seconds)
        )
    return markdown(COLUMNS, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--table", action="store_true")
    out = HERE / "results" / "learned_cost.jsonl"
    parser.add_argument("-o", "--output", type=Path, default=out)
    options = parser.parse_args()
    if not options.table:
        if options.full:
            full_size(options.output)
        else:
            shipped(options.runs, options.output)
    print(table(read(options.output)))


if __name__ == "__main__":
    main()
