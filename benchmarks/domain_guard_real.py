"""The domain guard of the learned methods on real images: what it says, and whether it is right.

    python benchmarks/domain_guard_real.py [METHOD...] [--data DATA]
    python benchmarks/domain_guard_real.py --table

The shipped weights were trained on simulated patients, so every real image is outside of what they
have seen. Pairs are those of verdict_pairs.py, each with the moving image moved by up to 5 degrees
and 10 mm: PET and CT of thighs; CT of an abdomen and a torso, with PET painted by organs; MR and
ultrasound of prostates. A method registers each, and the answer is good within the tolerance of
the benchmark of the verdict. `ms-st-unet` is asked for a left ventricle, which none of its images
shows: none of its answers is good. Lines go to benchmarks/results/domain_guard_real.jsonl.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import pairs
from records import append, drop, markdown, read, write_table
from regkit import Pair
from regkit.errors import RegkitError
from regkit.registration.pipeline import build_method
from verdict_pairs import Known, patients

HERE = Path(__file__).parent
OUT = HERE / "results" / "domain_guard_real.jsonl"
ANGLE_DEG, SHIFT_MM = 5.0, 10.0
IMAGES = {
    "thighs": "PET and CT of thighs",
    "painted-pet": "CT of abdomen and torso, painted PET",
    "prostates": "MR and ultrasound of prostates",
}
BODIES = ("thighs", "painted-pet")
METHODS = {
    "transmorph-cr": BODIES,
    "transmorph-mi": BODIES,
    "dusfe": BODIES,
    "densenet": BODIES,
    "ms-st-unet": BODIES,
    "attention-reg": ("prostates",),
}
# Methods that look for what none of these images shows.
ABSENT = ("ms-st-unet",)
COLUMNS = (
    *("method", "images", "pairs", "told", "good answers", "told of the good"),
    *("not told of the others", "median error mm"),
)


def measure(method: str, family: str, data: Path, out: Path) -> None:
    """Register the pairs of a family, and keep what the guard says and how far off the answer is.

    Parameters
    ----------
    method
        Name of the method.
    family
        Family of `verdict_pairs.patients`.
    data
        Folder of the real images.
    out
        File of the records.
    """
    drop(out, method=method, images=family)
    for known in moved(family, data):
        record = {"method": method, "images": family, "patient": known.patient}
        record |= attempt(method, known)
        append(out, record)
        shown = record["error"] or f"{record['error_mm']} mm, {record['warnings']}"
        print(method, family, known.patient, shown, flush=True)


def moved(family: str, data: Path) -> Iterator[Known]:
    """Yield the pairs of a family, the moving image of each moved in its own way."""
    for number, known in enumerate(patients(family, data, Path())):
        rng, center = np.random.default_rng(number), np.array(known.pair.moving.grid.centre)
        by = pairs.random_motion(rng, ANGLE_DEG, SHIFT_MM, center)
        assert known.truth is not None
        yield replace(
            known,
            pair=Pair(known.pair.fixed, pairs.moved(known.pair.moving, by)),
            truth=by @ known.truth,
            targets=None if known.targets is None else by.map_points(known.targets),
        )


def attempt(method: str, known: Known) -> dict[str, Any]:
    """Return what the guard says of a pair, and the error of the answer in mm."""
    pair = known.pair
    if method in ABSENT:  # they look at the emission image only, which is the fixed one here
        pair = Pair(pair.moving, pair.fixed)
    try:
        found = build_method(method).register(pair)
    except RegkitError as error:
        return {"error": str(error)}
    error_mm = None if method in ABSENT else round(known.error_mm(found.transform) or 0.0, 2)
    return {
        "error": "",
        "warnings": list(found.diagnostics["domain_warnings"]),
        "error_mm": error_mm,
        "good": error_mm is not None and error_mm <= known.tolerance_mm,
    }


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the records as Markdown, a row for each method and kind of images."""
    rows = []
    for method, family in dict.fromkeys((r["method"], r["images"]) for r in found):
        some = [r for r in found if (r["method"], r["images"]) == (method, family)]
        told = [bool(r["error"] or r["warnings"]) for r in some]
        good = [bool(r.get("good")) for r in some]
        errors = [r["error_mm"] for r in some if r.get("error_mm") is not None]
        rows.append(
            (
                *(f"`{method}`", IMAGES[family], len(some), sum(told), sum(good)),
                sum(t and g for t, g in zip(told, good, strict=True)),
                sum(not t and not g for t, g in zip(told, good, strict=True)),
                f"{np.median(errors):.1f}" if errors else "shows none",
            )
        )
    return markdown(COLUMNS, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*")
    parser.add_argument("--data", type=Path, default=pairs.SHARED)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    for method in () if given.table else given.methods or METHODS:
        for family in METHODS[method]:
            measure(method, family, given.data, given.out)
    write_table(given.out, table(read(given.out)))


if __name__ == "__main__":
    main()
