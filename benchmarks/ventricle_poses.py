"""How well the six numbers of the left ventricle's pose are found: R^2 of each over a cohort.

    python benchmarks/ventricle_poses.py METHOD [--data lv-spect] [--cases 50] [--out FILE.jsonl]
        [--set KEY=VALUE ...]

Alpha, beta, gamma (rad) and the translations (half-widths) are those of Ni et al., in the cube
of 128 voxels of 3.4 mm; patients are of the split `test`. One JSON object per case is added to the
file, with seconds; cases that are there already are not run again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import records
from regkit.case import Case
from regkit.datasets import build_dataset
from regkit.parameters import parse_assignment
from regkit.pipeline import build
from regkit.registration import run
from regkit.registry import default_registry
from regkit.transform import AffineTransform
from regkit_msstunet.geometry import cube, to_numbers

NUMBERS = ("alpha", "beta", "gamma", "t_x", "t_y", "t_z")


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
            facts = {"true": true, "found": found, "seconds": result.compute_s}
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


def table(rows: list[dict[str, object]]) -> str:
    """Lay out R^2 and the mean absolute error of each number."""
    found, true = ([row[key] for row in rows] for key in ("found", "true"))
    errors = np.abs(np.subtract(found, true)).mean(axis=0)
    lines = zip(NUMBERS, r_squared(found, true), errors, strict=True)
    cells = ((name, f"{r2:.3f}", f"{error:.4f}") for name, r2, error in lines)
    return records.markdown(("number", "R²", "mean absolute error"), cells)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("method")
    parser.add_argument("--data", default="lv-spect")
    parser.add_argument("--cases", type=int, default=50)
    parser.add_argument("--out", type=Path, default=Path("ventricle_poses.jsonl"))
    parser.add_argument("--set", action="append", default=[])
    return parser.parse_args()


if __name__ == "__main__":
    main()
