"""How well the six numbers of a left ventricle's pose and its volumes are found over a cohort.

    python benchmarks/ventricle_poses.py METHOD [--data lv-spect] [--cases 50] [--out FILE.jsonl]
        [--set KEY=VALUE ...]

Alpha, beta, gamma (rad) and the translations (half-widths) are those of Ni et al., in the cube
of 128 voxels of 3.4 mm; volumes are those of the labels found in the patient's image; patients are
of the split `test`. One JSON object per case is added to the file, with seconds; cases that are
there already are not run again.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import records
from regkit.case import Case
from regkit.datasets import build_dataset
from regkit.evaluation import Evaluation
from regkit.parameters import parse_assignment
from regkit.pipeline import build
from regkit.registration import run
from regkit.registry import default_registry
from regkit.transform import AffineTransform
from regkit_msstunet.geometry import cube, to_numbers
from regkit_msstunet.scores import BLOOD_POOL, MYOCARDIUM, volumes_ml

OUT = Path(__file__).parent / "results" / "ventricle_poses.jsonl"
NUMBERS = ("alpha", "beta", "gamma", "t_x", "t_y", "t_z")
STRUCTURES = {"myocardium": MYOCARDIUM, "blood pool": BLOOD_POOL}
COLUMNS = ("number", "R²", "mean absolute error", "found less true, %")


def main() -> None:
    options = _options()
    registry = default_registry()
    cohort = build_dataset(options.data, {"n": options.cases, "split": "test"}, registry)
    registrar = build(options.method, dict(map(parse_assignment, options.set)), registry)
    key = {"data": options.data, "method": options.method, "set": options.set}
    done = {r["case"]: r for r in records.read(options.out) if key.items() <= r.items()}
    for index, case_id in enumerate(cohort.ids):
        if case_id not in done:
            case = cohort.case(index)
            result = run(registrar, case.pair, options.method)
            true = numbers(case, case.truth)
            found = numbers(case, result.transform, true[:3])
            evaluation = Evaluation(case, result)
            ml = {name: volumes_ml(evaluation, one) for name, one in STRUCTURES.items()}
            facts = {"true": true, "found": found, "ml": ml, "seconds": result.compute_s}
            done[case_id] = {**key, "case": case_id, **facts}
            records.append(options.out, done[case_id])
    print(table([done[case_id] for case_id in cohort.ids]))


def numbers(
    case: Case, transform: AffineTransform, near: list[float] | None = None
) -> list[float]:
    """Return the six numbers of a map, their angles the nearest to some in rad."""
    centre = AffineTransform.shift(case.pair.fixed.grid.centre)
    grid = cube(128, 3.4, case.pair.moving.grid.centre)
    pose = AffineTransform(transform.matrix @ centre.matrix)
    return to_numbers(pose, grid, near or (-0.8, -1.1, 1.2)).tolist()


def r_squared(found: list[list[float]], true: list[list[float]]) -> list[float]:
    """Return the squared correlation of each of the numbers (cases, numbers); NaN of constants."""
    pairs = zip(np.transpose(found), np.transpose(true), strict=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return [float(np.corrcoef(one, other)[0, 1] ** 2) for one, other in pairs]


def table(rows: list[dict[str, Any]]) -> str:
    """Lay out R^2 and mean absolute error of each number, and how volumes differ."""
    return records.markdown(COLUMNS, [*_of_poses(rows), *_of_volumes(rows)])


def _of_poses(rows: list[dict[str, Any]]) -> Iterator[list[str]]:
    found, true = ([row[key] for row in rows] for key in ("found", "true"))
    errors = np.abs(np.subtract(found, true)).mean(axis=0)
    for name, r2, error in zip(NUMBERS, r_squared(found, true), errors, strict=True):
        yield [name, f"{r2:.4f}", f"{error:.4f}", ""]


def _of_volumes(rows: list[dict[str, Any]]) -> Iterator[list[str]]:
    for name in STRUCTURES:
        found, true = np.transpose([row["ml"][name] for row in rows])
        percent = 100 * (found - true) / true
        r2 = r_squared(found[:, None].tolist(), true[:, None].tolist())[0]
        error = np.abs(found - true).mean()
        differ = f"{percent.mean():+.2f} ± {percent.std(ddof=1):.2f}"
        yield [f"{name}, ml", f"{r2:.4f}", f"{error:.2f}", differ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method")
    parser.add_argument("--data", default="lv-spect")
    parser.add_argument("--cases", type=int, default=50)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--set", action="append", default=[])
    return parser.parse_args()


if __name__ == "__main__":
    main()
