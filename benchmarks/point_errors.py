"""The error at points of the body against the law that `--points` takes it by.

    python benchmarks/point_errors.py [--families heads,thighs,...] [--limit N] [--cohorts DIR]
    python benchmarks/point_errors.py --table

Methods answer the pairs of verdict.py that have a truth. At points of the body, from its middle to
its edge, the true error is divided by that of the law for the same mean error. The middle 90 % of
these ratios on the patients for fitting are `POINT_TO_LAW`; the table says how many of those
on the patients for reporting lie between these two numbers. One line per answer goes to
benchmarks/results/point_errors.jsonl.
"""

from __future__ import annotations

import argparse
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import pairs
import verdict_pairs
from records import append, markdown, read, write_table
from regkit import RegkitError, Transform
from regkit.registration.pipeline import build_method
from regkit.registration.point_error import POINT_TO_LAW, RigidErrorLaw
from verdict import pairs_of
from verdict_pairs import Known

HERE = Path(__file__).parent
METHODS = "fast-mi,iso,mi,moments"
# Parts of the points by their distance from the axes of the body; so many of each are kept.
DEPTHS = ("middle", "between", "edge")
KEPT = 12
# Beyond that the answer is at another place, and no small error.
LARGEST_MM = 30.0
COLUMNS = ("patients", "family", "answers", *(f"{depth} within" for depth in DEPTHS), "all within")


def ratios(known: Known, answer: Transform) -> dict[str, list[float]]:
    """Return true errors at points of each depth, in units of the law for their mean."""
    law = RigidErrorLaw.of(known.points)
    missed = answer.map_points(known.points) - known.truth.map_points(known.points)
    error, relative = np.linalg.norm(missed, axis=1), law.relative_errors(known.points)
    ranked = np.argsort(relative)
    rng = np.random.default_rng(0)
    found = error / max(float(error.mean()), 1e-6) / relative
    parts = zip(DEPTHS, np.array_split(ranked, len(DEPTHS)), strict=True)
    return {name: found[rng.choice(part, KEPT)].round(4).tolist() for name, part in parts}


def measure(options: argparse.Namespace) -> None:
    """Add the lines that the file lacks, at most `--limit`."""
    there = {key(r) for r in read(options.out)}
    made = 0
    for family in options.families.split(","):
        for known, use in pairs_of(family, options):
            for record, answer in answers(known, options.methods.split(","), there):
                error = None if answer is None else known.error_mm(answer)
                record |= {"use": use, "error_mm": error}
                if error is not None and error < LARGEST_MM and known.targets is None:
                    record["ratios"] = ratios(known, answer)
                append(options.out, record)
                made += 1
            print(f"{family} {known.patient} {known.variant}: {made} answers", flush=True)
            if made >= options.limit:
                return


def answers(
    known: Known, methods: list[str], there: set[tuple[str, ...]]
) -> Iterator[tuple[dict[str, Any], Transform | None]]:
    """Yield a record and the map of every method whose line is missing; None where it failed."""
    for method in methods:
        record = {"family": known.family, "patient": known.patient}
        record |= {"variant": known.variant, "method": method}
        if key(record) in there:
            continue
        try:
            yield record, build_method(method).register(known.pair).transform
        except RegkitError:
            yield record, None


def key(record: dict[str, Any]) -> tuple[str, ...]:
    return tuple(record[part] for part in ("family", "patient", "variant", "method"))


def table(found: list[dict[str, Any]]) -> str:
    """Return the fraction of points within the two limits, of each use and family."""
    found = [r for r in found if "ratios" in r]
    lines = []
    for use in ("fitting", "reporting"):
        of_use = [r for r in found if r["use"] == use]
        families = dict.fromkeys(r["family"] for r in of_use)
        lines += [[use, f, *row([r for r in of_use if r["family"] == f])] for f in families]
        if of_use:
            lines.append([use, "**all**", *row(of_use)])
    return markdown(COLUMNS, lines)


def row(rows: list[dict[str, Any]]) -> list[object]:
    parts = [np.concatenate([r["ratios"][depth] for r in rows]) for depth in DEPTHS]
    return [len(rows), *(within(part) for part in (*parts, np.concatenate(parts)))]


def within(values: np.ndarray) -> str:
    low, high = POINT_TO_LAW
    return f"{((values > low) & (values < high)).mean():.1%}"


def limits(found: list[dict[str, Any]]) -> list[float]:
    """Return what `POINT_TO_LAW` should be by the patients for fitting."""
    chosen = [r["ratios"] for r in found if "ratios" in r and r["use"] == "fitting"]
    values = np.concatenate([values for r in chosen for values in r.values()])
    return np.quantile(values, (0.05, 0.95)).round(3).tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", default=",".join(verdict_pairs.NAMES))
    parser.add_argument("--variants", default="whole,crop,mask,noise")
    parser.add_argument("-m", "--methods", default=METHODS)
    parser.add_argument("--patients", type=int, default=8, help="at most so many of a family")
    parser.add_argument("--limit", type=int, default=10**9, help="stop after so many answers")
    parser.add_argument("--data", type=Path, default=pairs.SHARED)
    parser.add_argument("--cohorts", type=Path, default=HERE / "cohorts", metavar="DIR")
    parser.add_argument("-o", "--out", type=Path, default=HERE / "results" / "point_errors.jsonl")
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    parser.set_defaults(use="alternate")  # of the patients
    options = parser.parse_args()
    if not options.table:
        logging.disable(logging.WARNING)
        warnings.simplefilter("ignore")
        measure(options)
    found = read(options.out)
    write_table(options.out, table(found))
    print("90 % of the patients for fitting:", *limits(found))


if __name__ == "__main__":
    main()
