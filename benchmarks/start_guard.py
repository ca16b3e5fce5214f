"""Results of networks that the start guard rejects: worse than their start, or better ones.

    regkit simulate spect-ct -n 12 --seed 4242 -o spect/
    regkit simulate pet-ct -n 4 --seed 4242 -o pet/
    regkit simulate mr-us -n 12 --seed 4242 -o us/
    python benchmarks/start_guard.py spect/ -m dusfe,dvnet
    python benchmarks/start_guard.py pet/ -m transmorph-cr
    python benchmarks/start_guard.py us/ -m attention-reg
    python benchmarks/start_guard.py --thighs ../shared/data -m transmorph-cr
    python benchmarks/start_guard.py --table

Every network registers every pair from the headers, from near the truth (2 degrees and 5 mm at
most about and along each axis) and from the truth itself. The headers of the real PET/CT of thighs
are the truth, about: these start there, and far from it (10 degrees, 40 mm). The error is the mean
distance from the truth over the corners of the middle half of the fixed field of view.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from petct_pairs import aligned
from records import append, drop, markdown, read, write_table
from regkit import Case, Transform, rigid
from regkit.datasets.folder import read_dataset
from regkit.geometry.transform import IDENTITY
from regkit.learning.iterative import mean_displacement_mm
from regkit.learning.start_guard import guard_start
from regkit.registration.known_regions import known_pair
from regkit.registration.modalities import with_modalities
from regkit.registration.pipeline import build_method

OUT = Path(__file__).parent / "results" / "start_guard.jsonl"
# Greatest rotation and shift about and along each axis, degrees and mm.
NEAR, FAR = (2.0, 5.0), (10.0, 40.0)
COLUMNS = (
    *("pairs", "method", "start", "results better than their start", "of these rejected"),
    *("worse than their start", "of these rejected", "error mm, start", "error mm, result"),
)


def starts(case: Case, rng: np.random.Generator) -> Iterator[tuple[str, Transform]]:
    """Yield the initial transforms of a case."""
    truth, centre = case.truth or IDENTITY, case.pair.fixed.grid.centre
    name, (degrees, mm) = ("near", NEAR) if case.truth is not None else ("far", FAR)
    turn, shift = rng.uniform(-1, 1, 3) * degrees, rng.uniform(-1, 1, 3) * mm
    if case.truth is not None:
        yield "headers", IDENTITY
    yield name, truth @ rigid(turn, shift, centre)
    yield "truth", truth


def measured(case: Case, method: str, start: Transform) -> dict[str, Any]:
    """Register a pair without the guard, and ask it."""
    pair = known_pair(with_modalities(replace(case.pair, initial=start))).pair
    network = build_method(method)
    found = network.infer(network.before_last_stage(pair), *network.loaded())
    guarded = guard_start(pair, found).diagnostics
    error, start_error = (
        mean_displacement_mm(one, case.truth or IDENTITY, pair.fixed.grid)
        for one in (found.transform, start)
    )
    return {
        "error_mm": error,
        "start_error_mm": start_error,
        "improvement": guarded["improvement_over_start"],
        "rejected": guarded["initial_kept"],
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Lay out the records as Markdown."""
    lines = []
    for key in dict.fromkeys((r["data"], r["method"], r["start"]) for r in rows):
        mine = [r for r in rows if (r["data"], r["method"], r["start"]) == key]
        better, worse = (
            [r for r in mine if (r["error_mm"] < r["start_error_mm"]) is good]
            for good in (True, False)
        )
        errors = (np.mean([r[name] for r in mine]) for name in ("start_error_mm", "error_mm"))
        counts = (
            n for some in (better, worse) for n in (len(some), sum(r["rejected"] for r in some))
        )
        data, method, start = key
        lines.append((data, f"`{method}`", start, *counts, *(f"{e:.1f}" for e in errors)))
    return markdown(COLUMNS, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="a dataset folder")
    parser.add_argument("--thighs", type=Path, help="folder of the real PET/CT")
    parser.add_argument("-m", "--methods", default="dusfe")
    parser.add_argument("--table", action="store_true", help="only write the table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (
            aligned("sts", options.thighs, Path(scratch)) if options.thighs else options.folder
        )
        if folder and not options.table:
            dataset, methods = read_dataset(folder), options.methods.split(",")
            for method in methods:
                drop(OUT, data=dataset.name, method=method)
            rng = np.random.default_rng(int(options.thighs is not None))
            for case in dataset:
                for start, through in starts(case, rng):
                    for method in methods:
                        row = {"data": dataset.name, "method": method, "case": case.id}
                        append(OUT, row | {"start": start} | measured(case, method, through))
    write_table(OUT.with_suffix(".md"), table(read(OUT)))


if __name__ == "__main__":
    main()
