"""How fast volumes are written, and how large their files are, beside other writers.

    python benchmarks/write_speed.py [--image FOLDER|FILE] [--copies 16] [--runs 5]
    python benchmarks/write_speed.py --table

A CT of a patient, its slices stacked so many times to the size of a whole-body scan, as the int16
of its file and as float32. `regkit` is `write_volume`; `zlib 1` is
nibabel's writer through Python's gzip at level 1, which regkit used before; `SimpleITK` compresses
at its level 1. The median of the runs counts, into a folder in memory if there is one. One line
per writer goes to benchmarks/results/write_speed.jsonl.
"""

from __future__ import annotations

import argparse
import gzip
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import SimpleITK as sitk

import records
from regkit import Volume, read_volume, write_volume
from regkit.geometry.sitk_bridge import volume_to_sitk
from regkit.io.raw_image import ras_from_lps

CT = Path("../shared/data/sts_dicom/STS_002/CT")
MEMORY = Path("/dev/shm")
COLUMNS = ("file", "type", "writer", "wall s", "CPU s", "MB / CPU s", "MB", "size / voxels")


def with_zlib(volume: Volume, path: Path, dtype: str) -> None:
    """Write a NIfTI through Python's gzip at level 1."""
    array = np.rint(volume.array).astype(dtype) if dtype != "float32" else volume.array
    image = nib.Nifti1Image(array.T, ras_from_lps(volume.grid.affine))
    with gzip.open(path, "wb", compresslevel=1) as file:
        image.to_stream(file)


def with_sitk(volume: Volume, path: Path, dtype: str) -> None:
    """Write any format with SimpleITK."""
    image = volume_to_sitk(volume)
    if dtype == "int16":
        image = sitk.Cast(sitk.Round(image), sitk.sitkInt16)
    sitk.WriteImage(image, str(path), useCompression=True, compressionLevel=1)


WRITERS: dict[str, Callable[[Volume, Path, str], None]] = {
    "regkit": write_volume,
    "zlib 1": with_zlib,
    "SimpleITK": with_sitk,
}
FILES = {
    ".nii.gz": ("regkit", "zlib 1", "SimpleITK"),
    ".mha": ("regkit", "SimpleITK"),
    ".nrrd": ("regkit", "SimpleITK"),
}


def measure(volume: Volume, runs: int) -> list[dict[str, Any]]:
    """Return one record for each format, type and writer."""
    found = []
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        for suffix, writers in FILES.items():
            for dtype in ("int16", "float32"):
                for writer in writers:
                    path = Path(folder) / f"out{suffix}"
                    seconds = [_seconds(writer, volume, path, dtype) for _ in range(runs)]
                    name = {"file": suffix, "dtype": dtype, "writer": writer}
                    found.append(name | _cost(volume, dtype, seconds, path))
    return found


def _seconds(writer: str, volume: Volume, path: Path, dtype: str) -> tuple[float, float]:
    """Return wall and CPU seconds."""
    started = time.perf_counter(), time.process_time()
    WRITERS[writer](volume, path, dtype)
    return time.perf_counter() - started[0], time.process_time() - started[1]


def _cost(
    volume: Volume, dtype: str, seconds: list[tuple[float, float]], path: Path
) -> dict[str, Any]:
    megabytes = volume.array.size * np.dtype(dtype).itemsize / 1e6
    wall, cpu = (statistics.median(kind) for kind in zip(*seconds, strict=True))
    size = path.stat().st_size / 1e6
    return {
        "runs": len(seconds),
        "wall_s": round(wall, 4),
        "cpu_s": round(cpu, 4),
        "mb_per_cpu_s": round(megabytes / cpu, 1),
        "size_mb": round(size, 3),
        "size_ratio": round(size / megabytes, 4),
        "shape_zyx": list(volume.grid.shape_zyx),
        "load_average": round(os.getloadavg()[0], 2),
    }


def stacked(volume: Volume, copies: int) -> Volume:
    """Return the slices of a volume so many times; deflate does not see that far back."""
    z, y, x = volume.grid.shape_zyx
    grid = replace(volume.grid, shape_zyx=(copies * z, y, x))
    return volume.with_array(np.tile(volume.array, (copies, 1, 1)), grid)


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the records."""
    keys = ("file", "dtype", "writer", "wall_s", "cpu_s", "mb_per_cpu_s", "size_mb", "size_ratio")
    return records.markdown(COLUMNS, ([record[key] for key in keys] for record in found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--image", type=Path, default=CT)
    parser.add_argument("--copies", type=int, default=16)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/write_speed.jsonl"))
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    options = parser.parse_args()
    if not options.table:
        options.out.unlink(missing_ok=True)
        for record in measure(stacked(read_volume(options.image), options.copies), options.runs):
            records.append(options.out, record)
    print(table(records.read(options.out)))


if __name__ == "__main__":
    main()
