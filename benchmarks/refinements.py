"""Compare the measures of `iso` as refinements of `fast-mi`, for every pair of modalities.

    python benchmarks/refinements.py [pet-ct,...] [-n 6] [-m "fast-mi,fast-mi + mind"]
    python benchmarks/refinements.py --table > benchmarks/results/refinements.md

pet-ct    real PET and CT of eight thighs; see pairs.py
mr-ct     real T1-weighted MR and CT of the same thighs, as aligned by those who published them
t1-t2     T1 and T2, T1 and PD of the average brain
mr-us     simulated MR and ultrasound of prostates, of the dataset `mr-us`
spect-ct  simulated SPECT and attenuation maps, of the datasets `spect-ct` and `spect-ct-hard`

Real pairs are misplaced by random motions of up to 20 degrees and 20 mm; simulated ones come so.
The first stage of a method runs from the headers. `mi-ngf`, `mi-cr-ngf`, `mind` and `mi-mind`
are stages `iso` of that measure; with x13, of 13 starts. Patients whose number is even (`chosen`)
may decide a default, the others (`reported`) test it. One line a run goes to
benchmarks/results/refinements.jsonl; a run that the file has is not repeated.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import pairs
import peers
from records import append, markdown, read
from regkit import Pair, Registrar, RegkitError, Transform, read_volume
from regkit.datasets.folder import build_dataset
from regkit.geometry.grid import FloatArray
from regkit.registration.pipeline import build_method
from regkit.registry import default_registry
from regkit.similarity.point_sample import sample_points

HERE = Path(__file__).parent
KINDS = ("pet-ct", "mr-ct", "t1-t2", "mr-us", "spect-ct", "spect-ct-hard")
MEASURES = ("mi-ngf", "mi-cr-ngf", "mind", "mi-mind")
METHODS = ",".join(
    (
        *("identity", "fast-mi"),
        *(f"fast-mi + {measure}" for measure in MEASURES),
        *("fast-mi + mind x13", "mind x13", "mind x13 + mi-ngf"),
    )
)
ANGLE_DEG, OFFSET_MM = 20.0, 20.0
LOST_MM = 10.0
COLUMNS = (
    *("pair", "part", "method", "runs", "mean TRE mm", "median", "worst", "> 10 mm"),
    *("CPU s",),
)
# A pair, its truth and points of the fixed body; number and name of the patient and the run.
Misplaced = tuple[int, str, Pair, Transform, FloatArray]
# Where stages have come to, and after how many seconds.
Reached = tuple[Transform, float]


def thighs(data: Path, kind: str, count: int) -> Iterator[Misplaced]:
    """Yield thighs, several random motions of each."""
    name, modality = {"pet-ct": ("PET", "pet"), "mr-ct": ("MR_T1", "mr")}[kind]
    for patient, folder in enumerate(sorted((data / "ibsi_sts").glob("STS_*"))):
        fixed = read_volume(folder / f"{name}_image.nii.gz", modality=modality)
        moving = read_volume(folder / "CT_image.nii.gz", modality="ct")
        sample = sample_points(fixed)
        real = pairs.RealPair(kind, folder.name, fixed, moving, sample.points[sample.foreground])
        yield from misplaced(patient, real, count)


def brains(data: Path, count: int) -> Iterator[Misplaced]:
    """Yield pairs of contrasts of the average brain."""
    for number, real in enumerate(pairs.brains(data)):
        yield from misplaced(number, real, count)


def misplaced(patient: int, real: pairs.RealPair, count: int) -> Iterator[Misplaced]:
    """Move the header of a moving image by random motions."""
    for seed in range(count):
        rng = np.random.default_rng((patient, seed))
        centre = np.asarray(real.fixed.grid.centre)
        truth = pairs.random_motion(rng, ANGLE_DEG, OFFSET_MM, centre)
        pair = Pair(real.fixed, pairs.moved(real.moving, truth))
        yield patient, f"{real.name}, motion {seed}", pair, truth, real.points


def simulated(kind: str, count: int) -> Iterator[Misplaced]:
    """Yield cases of a dataset of the simulators."""
    cases = build_dataset(kind, {"n": count, "split": "validation"}, default_registry())
    patients: dict[str, int] = {}
    for case in cases:
        sample = sample_points(case.pair.fixed)
        assert case.truth is not None
        patient = patients.setdefault(case.group or case.id, len(patients))
        yield patient, case.id, case.pair, case.truth, sample.points[sample.foreground]


def cases(kind: str, options: argparse.Namespace) -> Iterator[Misplaced]:
    """Yield the cases of a kind of pair."""
    if kind in {"pet-ct", "mr-ct"}:
        return thighs(options.data, kind, options.n)
    return brains(options.data, options.n) if kind == "t1-t2" else simulated(kind, options.n)


def stage(text: str) -> Registrar:
    """Build a method, or `iso` by its measure and number of starts: ``mi-ngf``, ``mind x13``."""
    if text in {"identity", "fast-mi"}:
        return build_method(text)
    name, _, starts = text.partition(" x")
    return build_method("iso", {"measure": name, "starts": int(starts or 1)})


def measure(kind: str, options: argparse.Namespace) -> None:
    """Append one line per case and method that the file lacks."""
    known = {key(record) for record in read(options.out)}
    for patient, name, pair, truth, points in cases(kind, options):
        record = {"pair": kind, "case": name, "part": ("chosen", "reported")[patient % 2]}
        wanted = [m for m in options.methods if key(record | {"method": m}) not in known]
        reached: dict[str, Reached] = {"": (pair.start, 0.0)}
        for method in wanted:
            line = record | {"method": method} | attempt(method, pair, reached)
            found = reached.get(method)
            if found is not None:
                line["tre_mm"] = round(float(pairs.tre_mm(found[0], truth, points).mean()), 4)
            append(options.out, line)
            print(*line.values(), flush=True)


def attempt(method: str, pair: Pair, reached: dict[str, Reached]) -> dict[str, Any]:
    """Run the stages of a method, from where its first ones have been already."""
    before, _, last = method.rpartition(" + ")
    if before not in reached and (failed := attempt(before, pair, reached)).get("error"):
        return failed
    start, spent = reached[before]
    began = time.process_time()
    try:
        found = stage(last).register(replace(pair, initial=start)).transform
    except RegkitError as error:
        return {"error": str(error)}
    mine = time.process_time() - began
    reached[method] = found, spent + mine
    return {"cpu_s": round(spent + mine, 3)}


def key(record: dict[str, Any]) -> tuple[Any, ...]:
    return record["pair"], record["case"], record["method"]


def rows(found: list[dict[str, Any]]) -> Iterator[list[object]]:
    """Yield a row for every pair of modalities, part of the patients and method."""
    groups = sorted({(KINDS.index(r["pair"]), r["part"]) for r in found})
    for kind, part in groups:
        inside = [r for r in found if (r["pair"], r["part"]) == (KINDS[kind], part)]
        for method in dict.fromkeys(r["method"] for r in inside):
            runs = [r for r in inside if r["method"] == method]
            tre = np.array([r.get("tre_mm", np.inf) for r in runs])
            seconds = np.median([r.get("cpu_s", np.nan) for r in runs])
            numbers = [f"{value:.2f}" for value in (tre.mean(), np.median(tre), tre.max())]
            lost = int((tre > LOST_MM).sum())
            yield [KINDS[kind], part, method, len(runs), *numbers, lost, f"{seconds:.2f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="?", default=",".join(KINDS))
    parser.add_argument("-n", type=int, default=3, help="motions of a real pair; simulated cases")
    parser.add_argument("-m", "--methods", type=lambda text: text.split(","), default=METHODS)
    parser.add_argument("--data", type=Path, default=pairs.SHARED)
    parser.add_argument("--out", type=Path, default=HERE / "results" / "refinements.jsonl")
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    options = parser.parse_args()
    if not options.table:
        peers.limit_threads(1)
        for kind in options.kinds.split(","):
            measure(kind, options)
    print(markdown(COLUMNS, rows(read(options.out))))


if __name__ == "__main__":
    main()
