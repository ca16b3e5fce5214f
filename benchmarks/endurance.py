"""What many registrations in one process leave behind: memory, open files, threads.

    python benchmarks/endurance.py [--registrations 1000] [--every 25] [--out FILE.jsonl]
    python benchmarks/endurance.py --table

Small simulated pairs are read from files, registered by methods in turn, learned ones among them,
and written to files: transform, image, picture and record. Every tenth round is judged as well.
One line for every 25 registrations goes to benchmarks/results/endurance.jsonl. The slope is that
of a straight line through the lines after the first fifth, in which libraries are loaded and
memory is kept for further use.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import records
import regkit
from regkit import Grid, rigid, write_volume
from regkit.benchmark.memory import resident_mb
from regkit.testing.phantom import thorax

RESULTS = Path(__file__).parent / "results" / "endurance.jsonl"
# Simulated datasets with small images: a parameter, and the methods that register one pair of it.
DATASETS = {
    "mr-us": ("size=48", ("attention-reg", "gland")),
    "spect-ct": ("corrected=false", ("dusfe", "dvnet")),
    "pet-ct": ("coarser=6", ("transmorph-cr",)),
    "lv-spect": ("size=64", ("ms-st-unet",)),
}
SEARCHES = (
    *("identity", "moments", "mi", "fast-mi", "fast-cr", "moments+iso", "ants-rigid"),
    "auto",
)
JUDGED_ROUND = 10
WARM_UP = 0.2
MEASURES = {"resident_mb": "resident memory, MB", "descriptors": "open descriptors"}
MEASURES |= {"threads": "threads", "temporary_files": "files in the folder of temporary files"}


def write_pairs(folder: Path) -> list[tuple[str, Path]]:
    """Write one pair for each dataset and the thorax; return each method with its folder."""
    grid = Grid((36, 30, 36), (10.0, 10.0, 10.0), (-175.0, -145.0, -175.0))
    home = folder / "thorax"
    home.mkdir(parents=True)
    write_volume(thorax(grid, "pet"), home / "fixed.nii.gz")
    moved = thorax(grid, "ct", rigid((3, 2, 6), (8, -5, 4)), noise=0.02)
    write_volume(moved, home / "moving.nii.gz")
    found = [(method, home) for method in SEARCHES]
    for dataset, (parameter, methods) in DATASETS.items():
        command = [sys.executable, "-P", "-m", "regkit", "--quiet", "simulate", dataset, "-n", "1"]
        command += ["--split", "test", "--set", parameter, "-o", str(folder / dataset)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        home = next((folder / dataset).glob("*/fixed.nii.gz")).parent
        found += [(method, home) for method in methods]
    return found


def registered(method: str, home: Path, output: Path, judge: bool) -> None:
    """Register a pair of files, and write the result."""
    images = home / "fixed.nii.gz", home / "moving.nii.gz"
    result = regkit.register(*images, method, judge=judge)
    result.save(output / "a", force=True)


def state(folder: Path) -> dict[str, Any]:
    """Return what the process holds."""
    return {
        "resident_mb": round(resident_mb(os.getpid()), 1),
        "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - no paths are needed
        "threads": len(os.listdir("/proc/self/task")),  # noqa: PTH208
        "temporary_files": sum(1 for _ in folder.rglob("*")),
    }


def run(home: Path, registrations: int, every: int, out: Path) -> None:
    """Register; write a line now and then."""
    pairs, temporary = write_pairs(home / "pairs"), home / "temporary"
    temporary.mkdir()
    tempfile.tempdir = str(temporary)
    logging.getLogger("regkit").setLevel(logging.ERROR)
    started = time.perf_counter()
    for number in count(1):
        turn, which = divmod(number - 1, len(pairs))
        method, pair = pairs[which]
        registered(method, pair, home / "out", judge=turn % JUDGED_ROUND == 0)
        if number % every == 0:
            line = {"registrations": number, **state(temporary)}
            line["seconds"] = round(time.perf_counter() - started, 1)
            records.append(out, line)
            print(line, file=sys.stderr)
        if number == registrations:
            return


def table(found: list[dict[str, Any]]) -> str:
    """Return each measure after the warm-up and at the end, and its slope."""
    total = found[-1]["registrations"]
    warm = [line for line in found if line["registrations"] >= WARM_UP * total]
    numbers = [line["registrations"] for line in warm]
    rows = []
    for key, name in MEASURES.items():
        values = [line[key] for line in warm]
        slope = round(1000 * float(np.polyfit(numbers, values, 1)[0]), 1) + 0  # no -0.0
        most = max(line[key] for line in found)
        rows.append((name, found[0][key], values[0], values[-1], most, f"{slope:.1f}"))
    columns = (
        *("measure", f"after {found[0]['registrations']}", f"after {numbers[0]}"),
        *(f"after {total}", "most", "slope per 1,000"),
    )
    return records.markdown(columns, rows)


def main() -> None:
    """Measure, or print the table of what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--registrations", type=int, default=1000)
    parser.add_argument("--every", type=int, default=25)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    options = parser.parse_args()
    if not options.table:
        options.out.unlink(missing_ok=True)
        home = Path(tempfile.mkdtemp(prefix="regkit-endurance-"))
        try:
            run(home, options.registrations, options.every, options.out)
        finally:
            shutil.rmtree(home, ignore_errors=True)
    records.write_table(options.out, table(records.read(options.out)))


if __name__ == "__main__":
    main()
