"""Whether `auto` is as good as the best single method, on every set of pairs.

    python benchmarks/automatic.py [SET ...] [--cohorts DIR] [--folds DIR] [-m auto,fast-mi,...]
    python benchmarks/automatic.py --table

brains     real: T1/T2 and T1/PD of the average brain, see pairs.py
thighs     real: PET/CT of eight thighs, each in place and moved
prostates  real: MR and ultrasound of 15 patients, see mr_trus.py; error: 1 - Dice of the gland;
           `gland`, also within `auto`, has the weights of --folds that have not seen the patient
COHORT     simulated: a dataset folder DIR/COHORT that `regkit simulate` wrote

With --swapped the fixed image of each pair is the moving one, as where a SPECT is brought onto a
CT; these are sets of their own.

Motions are none, 2 degrees and 2 mm, 10 and 20, 25 and 40 at most. The threshold of `auto` was
chosen on the thighs and on the validation split of mr-us, so cohorts are of the test split. The
error is the TRE in mm, the mean distance of points of the body from where they belong. One line
per run goes to benchmarks/results/automatic.jsonl; the table has the mean error of each method.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import mr_trus
import pairs
import peers
import records
from regkit import IDENTITY, Pair, RegkitError, Transform
from regkit.datasets.folder import read_dataset
from regkit.registration.judgement import own_judgement
from regkit.registration.modalities import with_modalities
from regkit.registration.pipeline import build_method
from regkit.similarity.point_sample import sample_points
from regkit_auto.specialists import first_doubt

METHODS = (
    "auto,identity,mi,fast-mi,fast-mi+iso,fast-cr,ants-rigid,dusfe,dusfe+iso,attention-reg,"
    "attention-reg+iso,gland"
)
MOTIONS = ((0, 0), (2, 2), (10, 20), (25, 40))  # degrees and mm, at most
ALLOWED = 1.05  # times the error of the best single method


class Trial(NamedTuple):
    """A pair, the error of a transform, and weights in place of those that have seen the pair."""

    name: str
    pair: Pair
    error: Callable[[Transform], float]
    weights: Path | None = None


def real(found: Iterator[pairs.RealPair]) -> Iterator[Trial]:
    for real_pair in found:
        for degrees, mm in MOTIONS:
            rng = np.random.default_rng([degrees, *real_pair.name.encode()])
            truth, moving = IDENTITY, real_pair.moving
            if degrees:
                truth = pairs.random_motion(rng, degrees, mm, real_pair.fixed.grid.centre)
                moving = pairs.moved(real_pair.moving, truth)
            name = f"{real_pair.name}, {degrees} degrees, {mm} mm"
            yield Trial(name, Pair(real_pair.fixed, moving), tre(truth, real_pair.points))


def prostates(data: Path, folds: Path) -> Iterator[Trial]:
    patients = list(mr_trus.prostates(data))
    mr_trus.train_folds(folds, patients)
    for number, patient in enumerate(patients):

        def error(found: Transform, patient: mr_trus.Prostate = patient) -> float:
            return 1 - mr_trus.scores(found, patient)["dice"]

        weights = mr_trus.weights_of(folds, mr_trus.fold_of(number))
        yield Trial(patient.name, Pair(*patient.images), error, weights)


def cohort(folder: Path) -> Iterator[Trial]:
    for case in read_dataset(folder):
        sample = sample_points(case.pair.fixed)
        points = sample.points[sample.foreground]
        if case.fixed_labels is not None:
            marked = np.argwhere(case.fixed_labels.array > 0)
            points = case.fixed_labels.grid.to_physical(marked[:: max(1, len(marked) // 5000)])
        yield Trial(case.id, case.pair, tre(case.truth, points))


def swapped(trial: Trial) -> Trial:
    """Exchange the images; the error is that of the inverse map."""
    return trial._replace(
        pair=trial.pair.swapped(), error=lambda found: trial.error(found.inverse())
    )


def tre(truth: Transform, points: np.ndarray) -> Callable[[Transform], float]:
    return lambda found: float(pairs.tre_mm(found, truth, points).mean())


def run(method: str, trial: Trial) -> dict[str, Any]:
    """Register a pair; return the error, the cost, and what the method's own judge doubts."""
    try:
        with mr_trus.installed(trial.weights):
            wall, cpu = time.perf_counter(), time.process_time()
            built, pair = build_method(method), with_modalities(trial.pair)
            found = built.register(pair)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            own = own_judgement(built, pair, found)
    except RegkitError as problem:
        return {"error": str(problem)}
    return {
        "error": "",
        "miss": trial.error(found.transform),
        "wall_s": round(wall, 4),
        "cpu_s": round(cpu, 4),
        "used": found.diagnostics.get("used", ""),
        "doubt": "" if own is None else first_doubt(own, found),
    }


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the last run of each method on each set: `auto` beside the best of the others."""
    newest = {(record["set"], record["method"]): record["run"] for record in found}
    last = [r for r in found if r["run"] == newest[r["set"], r["method"]]]
    methods = list(dict.fromkeys(record["method"] for record in last))
    rows = []
    for name in dict.fromkeys(record["set"] for record in last):
        of = [record for record in last if record["set"] == name]
        mean = {m: means(of, m) for m in methods}
        best = min((m for m in methods if m != "auto"), key=lambda m: mean[m])
        ratio = mean["auto"] / mean[best]
        cells = ["-" if np.isinf(mean[m]) else f"{mean[m]:.3f}" for m in methods]
        count = len({record["pair"] for record in of})
        rows.append([name, count, *cells, f"`{best}`", f"{ratio:.2f}"])
    return records.markdown(("set", "pairs", *methods, "best single method", "ratio"), rows)


def means(of: list[dict[str, Any]], method: str) -> float:
    """Return the mean error of a method; infinite if it was not run or stopped."""
    rows = [record for record in of if record["method"] == method]
    if not rows or any(record["error"] for record in rows):
        return float("inf")
    return float(np.mean([record["miss"] for record in rows]))


def suits(method: str, trial: Trial) -> bool:
    """Return whether a learned method is meant for such images."""
    kinds = {"dusfe": "spect", "attention-reg": "us", "gland": "us"}
    wanted = kinds.get(method.partition("+")[0])
    return wanted is None or wanted in {trial.pair.fixed.modality, trial.pair.moving.modality}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="*", default=["brains", "thighs", "prostates"])
    parser.add_argument("--data", type=Path, default=pairs.SHARED)
    parser.add_argument("--cohorts", type=Path, default=Path())
    parser.add_argument("--folds", type=Path, default=Path("prostate-folds"))
    parser.add_argument("-m", "--methods", default=METHODS)
    parser.add_argument("--limit", type=int, default=1000, help="pairs of each set, at most")
    parser.add_argument("--swapped", action="store_true", help="exchange fixed and moving")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/automatic.jsonl"))
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    options = parser.parse_args()
    known = {
        "brains": lambda: real(pairs.brains(options.data)),
        "thighs": lambda: real(pairs.pet_ct(options.data)),
        "prostates": lambda: prostates(options.data, options.folds),
    }
    common = {"run": datetime.now(UTC).isoformat(timespec="seconds"), **peers.conditions()}
    for name in () if options.table else options.sets:
        trials = known[name]() if name in known else cohort(options.cohorts / name)
        if options.swapped:
            name, trials = f"{name}, swapped", map(swapped, trials)  # noqa: PLW2901
        for number, trial in enumerate(trials):
            if number == options.limit:
                break
            for method in options.methods.split(","):
                if suits(method, trial):
                    about = {"set": name, "pair": trial.name, "method": method}
                    record = about | run(method, trial)
                    records.append(options.out, record | common)
                    told = record["error"] or f"{record['miss']:.3f}"
                    print(name, trial.name, method, told, file=sys.stderr, flush=True)
    records.write_table(options.out, table(records.read(options.out)))


if __name__ == "__main__":
    main()
