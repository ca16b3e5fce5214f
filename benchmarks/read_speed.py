"""How fast plain NRRD and MetaImage files are read, beside ITK and an earlier regkit.

    python benchmarks/read_speed.py [--size 256] [--runs 9]
    PYTHONPATH=EARLIER/src:EARLIER/plugins python benchmarks/read_speed.py --name 739e3f7
    python benchmarks/read_speed.py --table

A cube of noise, written without compression by ITK as int16 and float32, into a folder in memory
if there is one. `regkit` is `read_volume`, which returns float32; `SimpleITK` is `ReadImage` and
the array in float32, as regkit read before. The median of the runs counts; the readers take turns,
so that other work of the machine falls on all. One line per reader goes to
benchmarks/results/read_speed.jsonl; `--name` adds lines of an earlier version instead.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

import records
from regkit import read_volume

MEMORY = Path("/dev/shm")
RESULTS = Path("benchmarks/results/read_speed.jsonl")
SUFFIXES = (".mha", ".mhd", ".nrrd", ".nhdr")
COLUMNS = ("file", "type", "reader", "wall s", "CPU s", "MB of voxels / CPU s")


def with_regkit(path: Path) -> Any:
    """Read as users do."""
    return read_volume(path, "ct").array


def with_sitk(path: Path) -> Any:
    """Read through ITK."""
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(np.float32, copy=False)


def measure(
    path: Path, readers: dict[str, Callable[[Path], Any]], runs: int
) -> dict[str, tuple[float, float]]:
    """Return the median wall and CPU seconds of each reader."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in readers}
    for _ in range(runs + 1):
        for name, read in readers.items():
            started = time.perf_counter(), time.process_time()
            read(path)
            spent[name].append(
                (time.perf_counter() - started[0], time.process_time() - started[1])
            )
    return {
        name: tuple(statistics.median(kind) for kind in zip(*seconds[1:], strict=True))
        for name, seconds in spent.items()
    }


def run(size: int, runs: int, readers: dict[str, Callable[[Path], Any]]) -> list[dict[str, Any]]:
    """Return one record for each format, type and reader."""
    found = []
    noise = np.random.default_rng(0).normal(0, 300, (size, size, size)).astype(np.float32)
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for suffix in SUFFIXES:
            for dtype in ("int16", "float32"):
                path = Path(folder) / f"a{suffix}"
                image = sitk.GetImageFromArray(noise.astype(dtype))
                sitk.WriteImage(image, str(path), useCompression=False)
                megabytes = noise.size * np.dtype(dtype).itemsize / 1e6
                for name, (wall, cpu) in measure(path, readers, runs).items():
                    found.append(
                        {
                            "file": suffix,
                            "dtype": dtype,
                            "reader": name,
                            "runs": runs,
                            "wall_s": round(wall, 4),
                            "cpu_s": round(cpu, 4),
                            "mb_per_cpu_s": round(megabytes / cpu, 1),
                            "size": size,
                            "load_average": round(os.getloadavg()[0], 2),
                        }
                    )
    return found


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the records, the readers of a file together."""
    keys = ("file", "dtype", "reader", "wall_s", "cpu_s", "mb_per_cpu_s")
    order = sorted(found, key=lambda r: (SUFFIXES.index(r["file"]), r["dtype"], r["reader"]))
    return records.markdown(COLUMNS, ([record[key] for key in keys] for record in order))


def main() -> None:
    """Measure, or print the table of what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--name", help="measure the regkit on the path only, under this name")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    options = parser.parse_args()
    if not options.table:
        readers = {"regkit": with_regkit, "SimpleITK": with_sitk}
        if options.name:
            records.drop(options.out, reader=f"regkit {options.name}")
            readers = {f"regkit {options.name}": with_regkit}
        else:
            for name in readers:
                records.drop(options.out, reader=name)
        for record in run(options.size, options.runs, readers):
            records.append(options.out, record)
    records.write_table(options.out, table(records.read(options.out)))


if __name__ == "__main__":
    main()
