"""What a registration costs: against size and parameters, and of the command line around it.

    python benchmarks/cost.py size [-m fast-mi] [--sizes 32,64,128,256,512]
    python benchmarks/cost.py parameter [-m fast-mi] --name starts --values 1,8,64,512 [--size 64]
    python benchmarks/cost.py command [-m fast-mi] [--runs 5]
    python benchmarks/cost.py --table

The pair is T1/T2 of the average brain, sampled onto cubes of so many voxels and moved a little (10
degrees, 10 mm at most). Each size and value is measured in a process of its own: after a
registration of a small pair, which imports what there is to import, `memory` is what the first run
holds at most beside the images, in units of both images; seconds are the median of the runs after
it. `command` is all of `regkit register`, files at 2 mm: load, compute and save seconds as it says
in PREFIX.json. Lines go to benchmarks/results/cost.jsonl.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

import pairs
import peers
import records
from overhead import one_run
from regkit import Grid, Pair, Volume, resample, write_volume
from regkit.registration.parameters import parse_assignment

SIDE_MM = 230.0
SMALL = 24
ANGLE_DEG, OFFSET_MM = 10.0, 10.0
COLUMNS = {
    "size": ("method", "voxels", "s", "CPU s", "memory / images", "TRE mm"),
    "parameter": ("method", "voxels", "parameter", "value", "s", "CPU s", "TRE mm"),
    "command": ("method", "load s", "compute s", "save s", "compute / (load + save)", "wall s"),
}


def cube(volume: Volume, size: int, centre: pairs.FloatArray) -> Volume:
    """Sample a volume on a cube of 230 mm with so many voxels along each axis."""
    spacing = SIDE_MM / size
    corner = np.asarray(centre) - spacing * (size - 1) / 2
    return resample(volume, Grid((size,) * 3, (spacing,) * 3, tuple(corner.tolist())))


def sized(real: pairs.RealPair, size: int) -> tuple[Pair, pairs.AffineTransform]:
    """Return a pair of cubes and its true map."""
    centre = real.fixed.grid.centre
    truth = pairs.random_motion(np.random.default_rng(0), ANGLE_DEG, OFFSET_MM, centre)
    fixed, moving = (cube(volume, size, centre) for volume in (real.fixed, real.moving))
    return Pair(fixed, pairs.moved(moving, truth)), truth


def one(options: argparse.Namespace) -> dict[str, Any]:
    """Measure one size and setting in this process."""
    real = next(pairs.brains(options.data))
    parameters = dict(parse_assignment(text) for text in options.set)
    (registrar,) = peers.built(options.methods, options.threads, **parameters).values()
    small, small_truth = sized(real, SMALL)
    peers.attempt(registrar, small, small_truth, real.points)
    pair, truth = sized(real, options.size)
    first = peers.attempt(registrar, pair, truth, real.points)
    runs = [peers.attempt(registrar, pair, truth, real.points) for _ in range(options.runs)]
    images_mb = (pair.fixed.array.nbytes + pair.moving.array.nbytes) / 1e6
    return {
        "images_mb": round(images_mb, 1),
        "memory_of_images": round((first["extra_mb"] + images_mb) / images_mb, 2),
        "first_s": first["wall_s"],
        "wall_s": median(run["wall_s"] for run in runs),
        "cpu_s": median(run["cpu_s"] for run in runs),
        "tre_mm": first.get("tre_mm"),
        "error": first["error"],
    }


def in_a_process(method: str, size: int, options: argparse.Namespace, *assignments: str) -> dict:
    """Run `one` in a fresh process."""
    command = [sys.executable, __file__, "one", "-m", method, "--size", str(size)]
    command += ["--threads", str(options.threads), "--runs", str(options.runs)]
    command += ["--data", str(options.data)]
    for assignment in assignments:
        command += ["--set", assignment]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def size(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for method in options.methods:
        for voxels in map(int, options.sizes.split(",")):
            yield {"method": method, "size": voxels, **in_a_process(method, voxels, options)}


def parameter(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for method in options.methods:
        for value in options.values.split(","):
            found = in_a_process(method, options.size, options, f"{options.name}={value}")
            told = {"method": method, "size": options.size}
            yield told | {"parameter": options.name, "value": value} | found


def command(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    real = next(pairs.brains(options.data))
    truth = pairs.random_motion(
        np.random.default_rng(0), ANGLE_DEG, OFFSET_MM, real.fixed.grid.centre
    )
    with tempfile.TemporaryDirectory() as folder:
        fixed, moving = Path(folder, "fixed.nii.gz"), Path(folder, "moving.nii.gz")
        write_volume(real.fixed, fixed)
        write_volume(pairs.moved(real.moving, truth), moving)
        for method in options.methods:
            first = one_run(fixed, moving, method)  # fills the disk cache
            runs = [one_run(fixed, moving, method) for _ in range(options.runs)]
            middle = {key: round(median(run[key] for run in runs), 3) for key in first}
            yield {"method": method, "first_wall_s": round(first["wall"], 3), **middle}


def tables(found: list[dict[str, Any]]) -> str:
    """Lay out all records as one table for each kind."""
    cells = {"size": _size_cells, "parameter": _parameter_cells, "command": _command_cells}
    parts = []
    for what, columns in COLUMNS.items():
        rows = [cells[what](record) for record in found if record["what"] == what]
        if rows:
            parts.append(records.markdown(columns, rows))
    return "\n\n".join(parts)


def _size_cells(record: dict[str, Any]) -> list[object]:
    memory = f"{record['memory_of_images']:.2f}"
    return [record["method"], f"{record['size']}^3", *_seconds(record), memory, _tre(record)]


def _parameter_cells(record: dict[str, Any]) -> list[object]:
    setting = (record["parameter"], record["value"])
    where = (record["method"], f"{record['size']}^3")
    return [*where, *setting, *_seconds(record), _tre(record)]


def _command_cells(record: dict[str, Any]) -> list[object]:
    load, compute, save = (record[key] for key in ("load", "compute", "save"))
    numbers = (load, compute, save, compute / (load + save), record["wall"])
    return [record["method"], *(f"{number:.2f}" for number in numbers)]


def _seconds(record: dict[str, Any]) -> tuple[str, str]:
    return f"{record['wall_s']:.3f}", f"{record['cpu_s']:.3f}"


def _tre(record: dict[str, Any]) -> str:
    return record["error"] or f"{record['tre_mm']:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    measures = {"size": size, "parameter": parameter, "command": command}
    parser.add_argument("what", nargs="?", choices=(*measures, "one"), default="size")
    parser.add_argument("--data", type=Path, default=pairs.SHARED)
    parser.add_argument("-m", "--methods", type=lambda text: text.split(","), default=["fast-mi"])
    parser.add_argument("--sizes", default="32,64,128,256,512")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--name", default="starts")
    parser.add_argument("--values", default="1,8,64,512")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/cost.jsonl"))
    parser.add_argument("--table", action="store_true", help="print the tables of the file only")
    options = parser.parse_args()
    if options.table:
        print(tables(records.read(options.out)))
        return
    peers.limit_threads(options.threads)
    if options.what == "one":
        print(json.dumps(one(options)))
        return
    options.methods = list(peers.built(options.methods, options.threads))
    for record in measures[options.what](options):
        record |= {"what": options.what, **peers.conditions()}
        print(json.dumps(record), flush=True)
        records.append(options.out, record)


if __name__ == "__main__":
    main()
