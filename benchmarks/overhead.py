"""How much of `regkit register` is neither reading, nor the method, nor writing.

    python benchmarks/overhead.py FIXED MOVING [-m mi] [--runs 5] [--out FILE.jsonl]

The wall time of the whole process is compared with the load, compute and save seconds of
PREFIX.json; what is left is the interpreter's start, imports, the choice of the start and the
verdict.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def one_run(fixed: Path, moving: Path, method: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "regkit", "register", str(fixed), str(moving)]
        command += ["-m", method, "-o", f"{folder}/a"]
        started = time.perf_counter()
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
        wall = time.perf_counter() - started
        timing = json.loads(Path(folder, "a.json").read_text())["timing_s"]
    rest = wall - sum(timing.values())
    return {"wall": wall, **timing, "rest": rest, "rest_share": rest / wall}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("fixed", type=Path)
    parser.add_argument("moving", type=Path)
    parser.add_argument("-m", "--method", default="mi")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/overhead.jsonl"))
    options = parser.parse_args()
    one_run(options.fixed, options.moving, options.method)  # fill the disk cache
    runs = [one_run(options.fixed, options.moving, options.method) for _ in range(options.runs)]
    record = {
        "pair": f"{options.fixed.parent.name}/{options.fixed.name} {options.moving.name}",
        "method": options.method,
        "runs": options.runs,
        "load_average": round(os.getloadavg()[0], 2),
        "median": {key: round(statistics.median(r[key] for r in runs), 3) for key in runs[0]},
    }
    print(json.dumps(record))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
