"""What a user waits for: whole commands in fresh processes, from two files to those written.

    python benchmarks/cold.py [--runs 3] [--sizes small|all] [--programs regkit,greedy,...]
    python benchmarks/cold.py --case "CT moving"
    python benchmarks/cold.py --table

T1 and T2 of the average brain (MNI, 2 mm) and one pair of PET and CT (see pairs.py), also
resampled to the sizes of large scans. The moving image is moved by its header, so the truth is
exact; that of PET and CT is what the scanner says. Programs: regkit; greedy (the command
of `picsl_greedy`); the quick rigid registration of `antspyx`; the default rigid parameters of
`itk-elastix`; a SimpleITK script (see cold_peer.py). Those that are not installed are left out.
All run in turn, on one thread, each with its own default start. CPU seconds and peak memory are
those that the kernel counts for the process. --runs is of the small cases; of the large ones every
program is run once. The ratio is to the cheapest peer whose TRE is not larger or, where all are
larger, to the cheapest. One line per run goes to benchmarks/results/cold.jsonl; of every case the
table has the last run of this script.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import records

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "cold.jsonl"
SHARED = HERE.parents[1] / "shared" / "data"
# A motion as a patient makes between two scans: degrees about x, y, z, and mm.
MOTION = ((6.0, -7.0, 9.0), (14.0, -11.0, 9.0))
THREADS = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "NUMBA_NUM_THREADS"),
)
COLUMNS = (
    *("case", "program", "runs", "TRE mm", "CPU s", "ratio", "wall s"),
    *("peak MB", "peak / images"),
)
OURS = "regkit"
PACKAGES = {"ants": "ants", "elastix": "itk", "greedy": "picsl_greedy", "simpleitk": "SimpleITK"}
AIR_HU = -1024.0


@dataclass(frozen=True)
class Case:
    """Two image files and how they are made.

    Parameters
    ----------
    name
        Name in the table.
    fixed, moving
        Image of `SOURCES` and its size x, y, z; no size for its own voxels.
    small
        True for a case of `--sizes small`.
    """

    name: str
    fixed: tuple[str, tuple[int, int, int] | None]
    moving: tuple[str, tuple[int, int, int] | None]
    small: bool = False


CASES = (
    Case("brain, 2 mm", ("T1", None), ("T2", None), small=True),
    Case("256 x 256 x 204", ("T1", (256, 256, 204)), ("T2", (256, 256, 204)), small=True),
    Case("512 x 512 x 409 fixed", ("T1", (512, 512, 409)), ("T2", (256, 256, 204))),
    Case("512 x 512 x 800 CT fixed", ("CT", (512, 512, 800)), ("PET", None)),
    Case("512 x 512 x 800 CT moving", ("PET", None), ("CT", (512, 512, 800))),
)
SOURCES = {
    "T1": ("mni2009c_multicontrast/2mm_T1.nii.gz", "mr", "float32"),
    "T2": ("mni2009c_multicontrast/2mm_T2.nii.gz", "mr", "float32"),
    "PET": ("ibsi_sts/STS_002/PET_image.nii.gz", "pet", "float32"),
    "CT": ("ibsi_sts/STS_002/CT_image.nii.gz", "ct", "int16"),
}


def make_case(case: Case, folder: Path) -> dict[str, Any]:
    """Write the files of a case, if they are missing; return them and the size of both images."""
    import numpy as np

    from pairs import moved
    from regkit import Grid, read_volume, resample, rigid, write_transform, write_volume

    folder.mkdir(parents=True, exist_ok=True)
    made: dict[str, Any] = {"truth": str(folder / "truth.tfm"), "images_mb": 0.0}
    truth = None
    for role, (source, size) in (("fixed", case.fixed), ("moving", case.moving)):
        file, modality, dtype = SOURCES[source]
        volume = read_volume(SHARED / file, modality)
        if size is not None:
            old = volume.grid
            spacing = tuple(np.array(old.spacing) * old.shape_zyx[::-1] / size)
            onto = Grid(size[::-1], spacing, old.origin, old.direction)
            volume = resample(volume, onto, outside=AIR_HU if modality == "ct" else 0.0)
        truth = truth or rigid(*MOTION, volume.grid.centre)
        made[role] = str(folder / f"{role}.nii.gz")
        made[f"{role}_modality"] = modality
        made["images_mb"] += 4e-6 * volume.array.size
        if not Path(made[role]).exists():
            write_volume(volume if role == "fixed" else moved(volume, truth), made[role], dtype)
    write_transform(truth, made["truth"])
    return made


def tre_mm(found: Path, made: dict[str, Any]) -> float:
    """Return the mean TRE of the file of a transform, over the foreground of the fixed image."""
    import numpy as np

    from regkit import read_transform, read_volume
    from regkit.similarity.point_sample import sample_points

    sample = sample_points(read_volume(made["fixed"], made["fixed_modality"]), count=20_000)
    body = sample.points[sample.foreground]
    maps = [read_transform(file).map_points(body) for file in (found, made["truth"])]
    return float(np.linalg.norm(maps[0] - maps[1], axis=1).mean())


def command_of(program: str, made: dict[str, Any], out: str) -> tuple[list[str], str]:
    """Return the command line of a program, and the file of its transform."""
    files = [made["fixed"], made["moving"]]
    if program.startswith(OURS):
        _, _, method = program.partition(" ")
        modalities = [
            f"--{role}-modality={made[f'{role}_modality']}" for role in ("fixed", "moving")
        ]
        chosen = ["-m", method] if method else []
        command = [sys.executable, "-m", "regkit", "register", *files, *chosen, *modalities]
        return [*command, "-o", f"{out}", "--force"], f"{out}.tfm"
    ending = {"ants": "mat", "elastix": "txt", "greedy": "txt", "simpleitk": "tfm"}[program]
    script = str(HERE / "cold_peer.py")
    return [sys.executable, script, program, *files, out], f"{out}.{ending}"


def is_installed(program: str) -> bool:
    packages = {
        "ants": "ants",
        "elastix": "itk",
        "greedy": "picsl_greedy",
        "simpleitk": "SimpleITK",
    }
    return find_spec(packages.get(program, OURS)) is not None


def run(command: list[str]) -> dict[str, Any]:
    """Run a command; return what the kernel counted for it and its children."""
    environment = os.environ | dict.fromkeys(THREADS, "1")
    started = time.perf_counter()
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        last = (log.read().decode(errors="replace").strip().splitlines() or [""])[-1]
    return {
        "wall_s": round(time.perf_counter() - started, 3),
        "cpu_s": round(used.ru_utime + used.ru_stime, 3),
        "peak_mb": round(used.ru_maxrss * 1024 / 1e6, 1),
        # Of regkit, 3 means that the verdict is FAIL.
        "error": "" if process.returncode in (0, 3) else last,
    }


def measure(options: argparse.Namespace, folder: Path) -> None:
    """Run every program on every case, in turn, and write a line for each."""
    programs = [name for name in options.programs.split(",") if is_installed(name)]
    common = {"run": datetime.now(UTC).isoformat(timespec="seconds")}
    # What this process holds when it starts another counts as the peak of that: it imports little.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        for case in CASES:
            if (options.sizes == "small" and not case.small) or options.case not in case.name:
                continue
            made = pool.submit(make_case, case, folder / case.name.replace(" ", "_")).result()
            # The first run of a small case only reads packages into memory.
            for repeat in range(-1, options.runs) if case.small else range(1):
                for program in programs:
                    out = str(folder / "out" / program.replace(" ", "_"))
                    Path(out).parent.mkdir(exist_ok=True)
                    command, found = command_of(program, made, out)
                    spent = run(command)
                    if repeat < 0:
                        continue
                    if not spent["error"]:
                        spent["tre_mm"] = pool.submit(tre_mm, Path(found), made).result()
                    known = {"case": case.name, "program": program, "repeat": repeat}
                    known |= {"images_mb": round(made["images_mb"], 1)}
                    records.append(
                        options.out,
                        known | spent | common | {"load": round(os.getloadavg()[0], 2)},
                    )
                    print(known | spent, flush=True)


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the last run of every case."""
    newest = {record["case"]: record["run"] for record in found}
    rows: list[list[object]] = []
    for case in (case.name for case in CASES if case.name in newest):
        of_case = [r for r in found if (r["case"], r["run"]) == (case, newest[case])]
        by_program = {
            name: [record for record in of_case if record["program"] == name]
            for name in dict.fromkeys(record["program"] for record in of_case)
        }
        rows += [row(case, name, runs, by_program) for name, runs in by_program.items()]
    return records.markdown(COLUMNS, rows)


def row(
    case: str,
    program: str,
    runs: list[dict[str, Any]],
    by_program: dict[str, list[dict[str, Any]]],
) -> list[object]:
    """Return the cells of one program on one case."""
    done = [record for record in runs if not record["error"]]
    if not done:
        return [case, f"`{program}`", 0, "failed", *[""] * 5]
    error, cpu = middle(done, "tre_mm"), middle(done, "cpu_s")
    peers = [
        (middle(other, "tre_mm") > error, middle(other, "cpu_s"))
        for name, other in by_program.items()
        if not name.startswith(OURS) and all(not record["error"] for record in other)
    ]
    ratio = f"{cpu / min(peers)[1]:.2f}" if peers and program.startswith(OURS) else ""
    peak = max(record["peak_mb"] for record in done)
    return [
        *(case, f"`{program}`", len(done), f"{error:.2f}", f"{cpu:.2f}", ratio),
        *(f"{middle(done, 'wall_s'):.2f}", f"{peak:.0f}", f"{peak / done[0]['images_mb']:.1f}"),
    ]


def middle(runs: Iterable[dict[str, Any]], key: str) -> float:
    return float(median(record[key] for record in runs))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--sizes", choices=("small", "all"), default="all")
    parser.add_argument("--case", default="", help="only cases whose names contain this")
    parser.add_argument(
        "--programs", default="regkit,regkit fast-mi,greedy,ants,elastix,simpleitk"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--keep", type=Path, help="folder for the image files; default: a new one")
    parser.add_argument("--table", action="store_true", help="only lay out the table")
    options = parser.parse_args()
    if not options.table:
        with tempfile.TemporaryDirectory() as scratch:
            measure(options, options.keep or Path(scratch))
    text = table(records.read(options.out))
    options.out.with_suffix(".md").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
