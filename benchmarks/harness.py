"""Measure the overhead of the benchmark harness and its robustness against kills.

    python benchmarks/harness.py overhead [--cases 200] [-m mi]
    python benchmarks/harness.py kills [--kills 200]
    python benchmarks/harness.py dask [--cases 40] [-m mi]

Each writes one line to benchmarks/results/harness.jsonl, with the machine's load before it began.
The cases are pairs of the thorax phantom, written to a folder once.

overhead  the fraction of the wall time of a whole run, start of the processes included, that is
          neither reading, nor the method, nor verdict and scores, nor writing; and the memory of
          harness and worker at case 50 and at the last case
kills     SIGKILL at random moments between the start and a second after the first new record;
          then the run is ended, and every case and method must have exactly one record, whose
          scores are those of a run that was left alone
dask      seconds for the same cases on a real cluster of one worker, then of two
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median

# The methods' own threads would hide what the processes gain.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from regkit import Grid, rigid
from regkit.benchmark.case_source import DatasetRef
from regkit.benchmark.dask_executor import DaskCluster
from regkit.benchmark.harness import BenchmarkProgress, run_benchmark
from regkit.benchmark.local_executor import run_local
from regkit.benchmark.memory import resident_mb
from regkit.benchmark.plan import Plan, parse_methods
from regkit.benchmark.records import RECORDS_FILE, read_records
from regkit.datasets.folder import write_dataset
from regkit.errors import BenchmarkError
from regkit.io import write_volume
from regkit.io.transforms import write_transform
from regkit.registry import default_registry
from regkit.testing.phantom import thorax

RESULTS = Path(__file__).parent / "results" / "harness.jsonl"
EARLY = 50


def write_cases(folder: Path, count: int) -> None:
    """Write the missing pairs of the thorax phantom, two of each patient."""
    folder.mkdir(parents=True, exist_ok=True)
    grid = Grid((56, 48, 56), (7.0, 7.0, 7.0), (-190.0, -165.0, -190.0))
    entries = []
    for number in range(count):
        rng = np.random.default_rng(number)
        truth = rigid(rng.uniform(-8, 8, 3), rng.uniform(-20, 20, 3))
        files = {key: f"{number:04}-{key}.nii.gz" for key in ("fixed", "moving")}
        if not (folder / f"{number:04}.tfm").exists():
            write_volume(thorax(grid, "pet"), folder / files["fixed"])
            write_volume(thorax(grid, "ct", truth, noise=0.02), folder / files["moving"])
            write_transform(truth, folder / f"{number:04}.tfm")
        modalities = {"fixed_modality": "pet", "moving_modality": "ct"}
        known = {"truth": f"{number:04}.tfm", "group": f"p{number // 2:03}"}
        entries.append({"id": f"c{number:04}", **files, **modalities, **known})
    write_dataset(folder, "thorax", entries)


def plan_of(data: Path, methods: str, cases: int) -> Plan:
    chosen = parse_methods([methods], default_registry())
    return Plan(DatasetRef(str(data), limit=cases), chosen, threads=1)


def overhead(data: Path, out: Path, options: argparse.Namespace) -> dict:
    held: dict[int, float] = {}

    def watch(progress: BenchmarkProgress) -> None:
        held[progress.done] = resident_mb(os.getpid())

    started = time.perf_counter()
    run_benchmark(plan_of(data, options.methods, options.cases), out, on_progress=watch)
    wall = time.perf_counter() - started
    records = read_records(out)
    spent = Counter()
    for record in records:
        spent.update(record["timing_s"])
    rest = wall - sum(spent.values())
    worker = [r["peak_memory_mb"] for r in records]
    return {
        "cases": len(records),
        "methods": options.methods,
        "wall_s": round(wall, 2),
        "spent_s": {key: round(value, 2) for key, value in spent.items()},
        "rest_s": round(rest, 2),
        "rest_of_compute": round(rest / spent["compute"], 4),
        "harness_mb": {str(n): round(held[n], 1) for n in (EARLY, len(records))},
        "worker_peak_mb": {
            str(n): round(median(worker[n - 10 : n]), 1) for n in (EARLY, len(records))
        },
    }


def kills(data: Path, out: Path, options: argparse.Namespace) -> dict:
    # Quick, so that records are written often; ten labels, so that there is enough to do.
    names = ("moments", "identity") * 5
    methods = ",".join(f"m{i}={name}" for i, name in enumerate(names))
    command = [sys.executable, "-m", "regkit", "benchmark", str(data), "-m", methods]
    command += ["--workers", "2", "--threads", "1"]
    generator, found, moments = random.Random(options.seed), [], []
    while len(found) < options.kills:
        killed_after = kill_once([*command, "-o", str(out)], out / RECORDS_FILE, generator)
        records = read_records(out) if (out / RECORDS_FILE).exists() else []
        found.append(len(records))
        moments.append(killed_after)
        assert_whole(records)
        print(f"kill {len(found)}: {len(records)} records", file=sys.stderr)
    subprocess.run([*command, "-o", str(out)], check=True, stdout=subprocess.DEVNULL)
    alone = out.with_name("alone")
    subprocess.run([*command, "-o", str(alone)], check=True, stdout=subprocess.DEVNULL)
    mine, theirs = scores_of(out), scores_of(alone)
    return {
        "kills": len(found),
        "kills_after_new_records": sum(a < b for a, b in zip([0, *found], found, strict=False)),
        "records": len(mine),
        "expected": len(theirs),
        "lost": len(theirs.keys() - mine.keys()),
        "duplicated": len(read_records(out)) - len(mine),
        "fewer_than_before": sum(a > b for a, b in pairwise(found)),
        "other_scores": sum(mine[key] != theirs[key] for key in theirs.keys() & mine.keys()),
        "killed_after_s": {"mean": round(fmean(moments), 2), "most": round(max(moments), 2)},
    }


def kill_once(command: list[str], file: Path, generator: random.Random) -> float:
    """Start a run and kill it at a random moment; return the seconds that it ran."""
    before = file.stat().st_size if file.exists() else 0
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    early = generator.random() < 0.2
    deadline = started + (generator.uniform(0, 3) if early else 60)
    while time.monotonic() < deadline and process.poll() is None:
        if not early and file.exists() and file.stat().st_size > before:
            time.sleep(generator.uniform(0, 1))
            break
        time.sleep(0.005)
    lived = time.monotonic() - started
    process.send_signal(signal.SIGKILL)
    process.wait()
    return lived


def assert_whole(records: list[dict]) -> None:
    keys = Counter((r["case"], r["method"]) for r in records)
    assert all(count == 1 for count in keys.values()), "a record is there twice"
    assert all(r["status"] == "ok" for r in records), "a record is not whole"


def scores_of(folder: Path) -> dict[tuple[str, str], dict]:
    return {(r["case"], r["method"]): r["scores"] for r in read_records(folder)}


def dask(data: Path, out: Path, options: argparse.Namespace) -> dict:
    plan = plan_of(data, options.methods, options.cases)
    seconds = {}
    scores = {}
    for workers in (1, 2):
        with (
            cluster(out.parent, workers) as file,
            DaskCluster(str(file)).connected() as connection,
        ):
            warm = plan_of(data, options.methods, 2 * workers)
            run_benchmark(warm, out.with_name(f"warm-{workers}"), connection.run)
            started = time.perf_counter()
            run_benchmark(
                plan, out.with_name(f"dask-{workers}"), connection.run, concurrency=workers
            )
            seconds[f"dask_{workers}"] = time.perf_counter() - started
        scores[workers] = scores_of(out.with_name(f"dask-{workers}"))
    for workers in (1, 2):
        started = time.perf_counter()
        run_benchmark(plan, out.with_name(f"here-{workers}"), partial(run_local, workers=workers))
        seconds[f"here_{workers}"] = time.perf_counter() - started
    here = scores_of(out.with_name("here-1"))
    return {
        "cases": options.cases,
        "methods": options.methods,
        "cores": os.cpu_count(),
        "seconds": {key: round(value, 2) for key, value in seconds.items()},
        "throughput_dask": round(seconds["dask_1"] / seconds["dask_2"], 2),
        "throughput_here": round(seconds["here_1"] / seconds["here_2"], 2),
        "same_scores": here == scores[1] == scores[2],
    }


@contextlib.contextmanager
def cluster(folder: Path, workers: int) -> Iterator[Path]:
    """Start a scheduler and workers; yield the scheduler file once all are there."""
    file = folder / f"scheduler-{workers}.json"
    module = [sys.executable, "-m", "distributed.cli.dask_"]
    scheduler = [*module[:2], f"{module[2]}scheduler", "--host", "127.0.0.1", "--port", "0"]
    worker = [*module[:2], f"{module[2]}worker", "--nthreads", "1", "--no-dashboard"]
    with contextlib.ExitStack() as stack:

        def start(*words: str) -> None:
            process = subprocess.Popen(
                words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)

        start(*scheduler, "--no-dashboard", "--scheduler-file", str(file))
        while not file.exists():
            time.sleep(0.1)
        for _ in range(workers):
            start(*worker, "--no-nanny", "--scheduler-file", str(file))
        while threads_of(file) < workers:
            time.sleep(0.2)
        yield file


def threads_of(file: Path) -> int:
    try:
        with DaskCluster(str(file)).connected() as connection:
            return connection.concurrency
    except BenchmarkError:
        return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("overhead", "kills", "dask"))
    parser.add_argument("--cases", type=int, default=0)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-m", "--methods", default="mi")
    parser.add_argument("--data", type=Path, help="folder that stores the cases between runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    options.cases = options.cases or {"overhead": 200, "kills": 45, "dask": 40}[options.what]
    home = Path(tempfile.mkdtemp(prefix="regkit-harness-"))
    data = (options.data or home / "data").resolve()
    try:
        write_cases(data, options.cases)
        before = os.getloadavg()[0]
        measure = {"overhead": overhead, "kills": kills, "dask": dask}[options.what]
        found = measure(data, home / "out", options)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    record = {
        "what": options.what,
        **found,
        "load_average": {"before": round(before, 2), "after": round(os.getloadavg()[0], 2)},
    }
    print(json.dumps(record))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
