"""Measure the time and the imports of `regkit --help` and `regkit methods`.

    python benchmarks/startup.py [--runs 9] [--out benchmarks/results/startup.jsonl]

Each command runs as a process of its own, in turn with a bare `python -c pass`; the median wall
time of all runs is reported, as seconds and as a ratio to the bare interpreter.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "regkit --help": [sys.executable, "-m", "regkit", "--help"],
    "regkit methods": [sys.executable, "-m", "regkit", "methods"],
}
HEAVY = ("numpy", "scipy", "SimpleITK", "torch", "ants", "matplotlib", "nibabel", "pydicom")


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def imported(command: list[str]) -> list[str]:
    """Return the heavy packages that a command imports."""
    command_line = [command[0], "-X", "importtime", *command[1:]]
    import_log = subprocess.run(command_line, check=True, capture_output=True, text=True).stderr
    modules = {line.rpartition("|")[2].strip() for line in import_log.splitlines()}
    return [name for name in HEAVY if name in modules]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/startup.jsonl"))
    options = parser.parse_args()
    for command in COMMANDS.values():
        seconds(command)  # fill the disk cache
    runs = [{n: seconds(c) for n, c in COMMANDS.items()} for _ in range(options.runs)]
    bare = statistics.median(run["python -c pass"] for run in runs)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8") as stream:
        for name, command in COMMANDS.items():
            median = statistics.median(run[name] for run in runs)
            record = {
                "command": name,
                "runs": options.runs,
                "median_s": round(median, 3),
                "min_s": round(min(run[name] for run in runs), 3),
                "ratio_to_bare_python": round(median / bare, 1),
                "imports": imported(command),
                "load_average": round(os.getloadavg()[0], 2),
                "python": platform.python_version(),
            }
            print(json.dumps(record))
            stream.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
