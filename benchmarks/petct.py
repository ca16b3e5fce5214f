"""Benchmark affine PET to CT registration as in the TransMorph paper.

    python benchmarks/petct.py [simulated,sts,abdomen] [-n 10] [-m identity,ants-affine,...]
    python benchmarks/petct.py --table > benchmarks/results/petct.md
    python benchmarks/petct.py --organs > benchmarks/results/petct_organs.md

simulated  whole bodies with 40 organs, test split of the cohort `pet-ct`
sts        real PET/CT of eight thighs, label: the tumour; see petct_pairs.py
abdomen    a real CT with 61 organs, PET simulated from them; one anatomy, a case for each motion

Both scans of a case are misplaced by affine maps of their own (Chen et al. 2024,
arXiv 2409.13863). Every method starts from the headers, on one thread. One line a run goes to
benchmarks/results/petct.jsonl, with the Dice coefficient of every organ; a run that the file has
is not repeated. The table: mean Dice and HD95 over the labels, TRE over the body, seconds of CPU;
p is of Dice against ANTs, by sign flips over patients, not corrected for the number of methods.
Methods that need weights are left out where there are none.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

import pairs
import peers
from petct_pairs import aligned, label_names
from records import append, markdown, read
from regkit import Registrar, RegkitError, run
from regkit.datasets.case import Case, Dataset
from regkit.datasets.export import Simulation
from regkit.datasets.folder import build_dataset, read_dataset
from regkit.metrics.evaluation import Evaluation
from regkit.metrics.segmentation import dice_of, hd95_of
from regkit.registration.pipeline import build_method
from regkit.registration.run import RegistrationResult
from regkit.registry import default_registry
from regkit.similarity.point_sample import sample_points
from regkit.statistics import summarize
from regkit_nuclear.phantoms.wholebody import LABELS

HERE = Path(__file__).parent
SETS = ("simulated", "sts", "abdomen")
PEER = "ants-affine"
# Chen et al. 2024, arXiv 2409.13863, Table I: mean Dice on clinical FDG-PET/CT.
PAPER = {
    "identity": 0.202,
    PEER: 0.867,
    "transmorph-mi": 0.629,
    "transmorph-mi-iso": 0.843,
    "transmorph-cr": 0.684,
    "transmorph-cr-iso": 0.870,
}
# Expressions that run under a name that is not a method's.
AFFINE: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "mi-affine": ("mi", {"model": "affine"}),
    "fast-mi-affine": ("fast-mi", {"model": "affine"}),
    "fast-cr-affine": ("fast-cr", {"model": "affine"}),
}
METHODS = ",".join((*PAPER, *AFFINE))
COLUMNS = (
    *("set", "method", "cases", "patients", "Dice, paper", "mean Dice", "95 % interval"),
    *("HD95 mm", "TRE mm", "median CPU s", "failed", "Dice - ANTs", "p"),
)


def built(names: Iterable[str]) -> dict[str, Registrar]:
    """Build the methods that can run here."""
    found: dict[str, Registrar] = {}
    for name in names:
        expression, parameters = AFFINE.get(name, (name, {}))
        try:
            found[name] = build_method(expression, parameters, defaults={"threads": 1})
        except RegkitError as error:
            print(f"left out: {error}")
    return found


def dataset(name: str, options: argparse.Namespace) -> Dataset:
    """Return the cases of a set, written to the cache before they are read."""
    motions: dict[str, Any] = {"amount": options.amount} if options.amount else {}
    kind = "pet-ct"
    if name == "simulated":
        wanted = motions | {"n": options.n, "split": "test", "coarser": options.coarser}
        folder = options.cache / f"{name}-{options.coarser}"
    else:
        kind, folder = "pet-ct-misplaced", options.cache / name
        home = aligned(name, options.data, options.cache / f"{name}-aligned")
        wanted = motions | {"pairs": str(home), "n": len(read_dataset(home))}
        if name == "abdomen":
            wanted |= {"motions": min(options.n, 26), "n": min(options.n, 26)}
    Simulation(build_dataset(kind, wanted, default_registry()), folder).run()
    return read_dataset(folder)


def names_of(name: str, data: Path) -> dict[int, str]:
    """Return the names of the labels of a set."""
    if name == "simulated":
        return {label: organ for organ, label in LABELS.items()}
    return label_names(data) if name == "abdomen" else {1: "tumour"}


def attempt(registrar: Registrar, case: Case, names: Mapping[int, str]) -> dict[str, Any]:
    """Run a method on a case; return costs and scores."""
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        result = run(registrar, case.pair)
    except RegkitError as error:
        return {"status": "failed", "scores": {}, "error": str(error)}
    # Seconds of the method, without those of the verdict.
    method_fraction = result.compute_s / (time.perf_counter() - wall)
    spent = round((time.process_time() - cpu) * method_fraction, 3)
    return {
        "status": "ok",
        "runtime_s": round(result.compute_s, 3),
        "cpu_s": spent,
        "verdict": result.verdict.status,
        "determinant": result.verdict.measures["determinant"],
        **scored(case, result, names),
        "error": "",
    }


def scored(case: Case, result: RegistrationResult, names: Mapping[int, str]) -> dict[str, Any]:
    """Return mean scores, and the Dice coefficient of every organ."""
    fixed, warped = Evaluation(case, result).labels
    organs, distances = {}, []
    for label in sorted({*fixed.labels, *warped.labels}):
        a, b = fixed.array == label, warped.array == label
        organs[names.get(label, str(label))] = round(dice_of(a, b), 4)
        distances.append(hd95_of(a, b, fixed.grid))
    scores = {
        "dice": float(np.mean(list(organs.values()))),
        "hd95_mm": float(np.mean(distances)),
        "tre_mm": tre_mm(case, result),
    }
    return {"scores": scores, "organs": organs}


def tre_mm(case: Case, result: RegistrationResult) -> float:
    """Return the mean error over points of the fixed body."""
    assert case.truth is not None
    sample = sample_points(case.pair.fixed)
    body = sample.points[sample.foreground]
    return float(pairs.tre_mm(result.transform, case.truth, body).mean())


def measure(name: str, options: argparse.Namespace) -> None:
    """Append one line per case and method that the file lacks."""
    cases, names = dataset(name, options), names_of(name, options.data)
    registrars = built(options.methods.split(","))
    label = f"{name}, voxels x {options.coarser}" if options.coarser > 1 else name
    known = {key(record) for record in read(options.out)}
    for case in cases:
        for method, registrar in registrars.items():
            record = {"dataset": label, "case": case.id, "group": case.group, "method": method}
            if key(record) in known:
                continue
            record |= attempt(registrar, case, names) | {"conditions": peers.conditions()}
            append(options.out, record)
            print(label, case.id, method, record["scores"] or record["error"], flush=True)


def key(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return record["dataset"], record["case"], record["method"]


def every_organ(found: list[dict[str, Any]]) -> str:
    """Return the Dice of every organ of simulated bodies as a Markdown table."""
    simulated = dict.fromkeys(r["dataset"] for r in found if r["dataset"].startswith(SETS[0]))
    parts = (organs([r for r in found if r["dataset"] == name]) for name in simulated)
    heads = (f"Dice of every organ, {name}" for name in simulated)
    return "\n\n".join(text for pair in zip(heads, parts, strict=True) for text in pair)


def rows(found: list[dict[str, Any]]) -> Iterator[list[object]]:
    """Yield a row for every set and method."""
    summary = summarize(found, better={"dice": "higher"})
    scores = {(score.dataset, score.score): score for score in summary.scores}
    for part in summary.datasets:
        dice = scores[part.dataset, "dice"]
        others = [scores[part.dataset, name] for name in ("hd95_mm", "tre_mm")]
        for at, row in enumerate(dice.methods):
            runs = [r for r in found if (r["dataset"], r["method"]) == (part.dataset, row.method)]
            seconds = [r["cpu_s"] for r in runs if "cpu_s" in r]
            cpu = float(np.median(seconds)) if seconds else None
            low, high = (None if v is None else min(max(v, 0.0), 1.0) for v in (row.low, row.high))
            interval = "-" if low is None else f"{low:.3f} to {high:.3f}"
            yield [
                *(part.dataset, f"`{row.method}`", row.cases, row.patients),
                number(PAPER.get(row.method) if part.dataset == SETS[0] else None, 3),
                *(number(row.mean, 4), interval),
                *(number(score.methods[at].mean, 2) for score in others),
                *(number(cpu, 1), row.failed, *against(dice.comparisons, row.method)),
            ]


def against(comparisons: Iterable[Any], method: str) -> tuple[str, str]:
    """Return a method's difference in Dice to ANTs and its p-value."""
    for pair in comparisons:
        if {pair.a, pair.b} == {method, PEER} and pair.difference is not None:
            sign = 1 if pair.a == method else -1
            return f"{sign * pair.difference:+.4f}", number(pair.p_permutation, 4)
    return "-", "-"


def number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def organs(found: list[dict[str, Any]]) -> str:
    """Return the mean Dice of every organ of a set as a table, a column for each method."""
    mine = [r for r in found if r.get("organs")]
    methods = list(dict.fromkeys(r["method"] for r in mine))
    names = dict.fromkeys(name for r in mine for name in r["organs"])
    lines = []
    for name in names:
        by = [[r["organs"].get(name) for r in mine if r["method"] == m] for m in methods]
        means = [np.mean([v for v in values if v is not None]) for values in by]
        lines.append([name, *(f"{mean:.3f}" for mean in means)])
    return markdown(("organ", *(f"`{m}`" for m in methods)), lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", nargs="?", default=",".join(SETS))
    parser.add_argument("-n", type=int, default=10, help="cases; motions of the abdomen")
    parser.add_argument("-m", "--methods", default=METHODS)
    parser.add_argument("--coarser", type=int, default=1, help="voxels of the simulated bodies")
    parser.add_argument("--amount", type=float, default=0, help="factor on the ranges; 0: usual")
    parser.add_argument("--data", type=Path, default=pairs.SHARED)
    parser.add_argument("--cache", type=Path, default=Path("petct-cases"))
    parser.add_argument("--out", type=Path, default=HERE / "results" / "petct.jsonl")
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    parser.add_argument("--organs", action="store_true", help="print that of every organ only")
    options = parser.parse_args()
    if not (options.table or options.organs):
        peers.limit_threads(1)
        for name in options.sets.split(","):
            measure(name, options)
    found = read(options.out)
    print(every_organ(found) if options.organs else markdown(COLUMNS, rows(found)))


if __name__ == "__main__":
    main()
