"""How well left ventricles are reoriented, labelled and measured over a simulated cohort.

    python benchmarks/ventricles.py [METHOD ...] [--data lv-spect,lv-pet] [--cases 50]
        [--set KEY=VALUE ...] [--row NAME] [--out FILE.jsonl]

For every case: the six numbers of the pose, the paper's scores and the volumes of the labels that
were found. Alpha, beta, gamma (rad) and the translations (half-widths) are those of Ni et al., in
the cube of 128 voxels of 3.4 mm; patients are of the split `test`. The method `truth` knows the
pose and the labels of the image: what labels of its voxels can be in the planes. One JSON object
per case is added to the file; cases that are there already are not run again, so that other
parameters or other weights need another `--row`. The table of the whole file is written beside it
as Markdown; without a method nothing is run.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import records
from regkit.datasets.case import Case
from regkit.datasets.folder import build_dataset
from regkit.errors import RegistrationError
from regkit.geometry.transform import AffineTransform
from regkit.metrics.evaluation import Evaluation, NotKnownError
from regkit.registrar import Estimate, Pair, Registrar
from regkit.registration.parameters import parse_assignment
from regkit.registration.pipeline import build_method
from regkit.registration.run import run
from regkit.registry import default_registry
from regkit_msstunet.geometry import cube, pose_numbers, pose_transform
from regkit_ventricle.label_probabilities import relabel
from regkit_ventricle.segmentation_metrics import BLOOD_POOL, MYOCARDIUM, volumes_ml

OUT = Path(__file__).parent / "results" / "ventricles.jsonl"
NUMBERS = ("alpha", "beta", "gamma", "t_x", "t_y", "t_z")
SCORES = (
    *("lv_my_seg_dice", "lv_bp_seg_dice", "lv_my_seg_hd95_mm"),
    *("lv_my_image_dice", "lv_bp_image_dice", "rot_mse"),
)
STRUCTURES = {"myocardium_ml": MYOCARDIUM, "blood_pool_ml": BLOOD_POOL}
DIGITS = (3, 3, 2, 3, 3, 2)
TITLES = (
    *("MY Dice", "BP Dice", "MY HD95 mm", "MY Dice in the image", "BP Dice in the image"),
    "rotation MSE 10⁻² rad²",
)
KEYS = ("row", "data")
# Not a method: what a case knows itself.
TRUTH = "truth"
# Cases below which neither a deviation nor R^2 means anything.
FEWEST = 2
AGREEMENT = (
    *(f"R² {name}" for name in NUMBERS),
    *("R² MY ml", "MY ml, % off", "R² BP ml", "BP ml, % off"),
)
# Error of the long axis above which a pose is wrong.
WRONG_DEG = 8.0
POSED = ("axis, degrees off", "greatest", "centre, mm off", "OK", "CHECK", "FAIL", "wrong and OK")
SCORED = (*KEYS, "cases", *TITLES, "median s", "failed")
COLUMNS = (*KEYS, "cases", *TITLES, *AGREEMENT, *POSED, "median s", "failed")


def main() -> None:
    options = _options()
    for data in options.data.split(",") if options.methods else ():
        measure(data, options)
    text = tables(records.read(options.out))
    options.out.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def measure(data: str, options: argparse.Namespace) -> None:
    """Add one line for each case and method that the file lacks."""
    registry = default_registry()
    cohort = build_dataset(data, {"n": options.cases, "split": "test"}, registry)
    parameters = dict(map(parse_assignment, options.set))
    registrars = {
        method: None if method == TRUTH else build_method(method, parameters, registry)
        for method in options.methods
    }
    done = {(r["row"], r["data"], r["case"]) for r in records.read(options.out)}
    for index, case_id in enumerate(cohort.ids):
        keys = {method: (options.row or method, data, case_id) for method in registrars}
        missing = [method for method, key in keys.items() if key not in done]
        if not missing:
            continue
        case = cohort.case(index)
        for method in missing:
            facts = measured(registrars[method] or Known(case), method, case)
            named = dict(zip(("row", "data", "case"), keys[method], strict=True))
            records.append(options.out, {**named, "method": method, **facts})


@dataclass(frozen=True)
class Known:
    """What is to be found in a case, as if a method had found it."""

    case: Case

    def register(self, pair: Pair) -> Estimate:  # noqa: ARG002 - of no other than its case
        """Return the true pose, and the labels of the moving image as methods number them."""
        labels = self.case.moving_labels
        assert labels is not None and self.case.truth is not None  # noqa: PT018 - simulated
        wall, pool = (int(self.case.extra[name]) for name, _ in STRUCTURES.values())
        return Estimate(self.case.truth, relabel(labels, (wall, pool)))


def measured(registrar: Registrar, method: str, case: Case) -> dict[str, Any]:
    """Run a method on a case; return what it found and what is true."""
    try:
        result = run(registrar, case.pair, method)
    except RegistrationError as error:
        return {"error": str(error)}
    true = numbers(case, case.truth)
    return {
        "true": true,
        "found": numbers(case, result.transform, true[:3]),
        **_scored(Evaluation(case, result)),
        "weights": str(result.estimate.diagnostics.get("sha256", ""))[:12],
        "verdict": result.verdict.status,
        "seconds": round(result.compute_s, 3),
    }


def _scored(evaluation: Evaluation) -> dict[str, Any]:
    """Return what can be scored: without labels only the pose."""
    offers = {offer.spec.name: offer for offer in default_registry().metrics}
    scores = {}
    for name in SCORES:
        with suppress(NotKnownError):
            scores[name] = float(offers[name].load()(evaluation))
    found: dict[str, Any] = {"scores": scores}
    for name, structure in STRUCTURES.items():
        with suppress(NotKnownError):
            found[name] = volumes_ml(evaluation, structure)
    return found


def numbers(
    case: Case, transform: AffineTransform, near: list[float] | None = None
) -> list[float]:
    """Return the six numbers of a map, their angles the nearest to some in rad."""
    centre = AffineTransform.shift(case.pair.fixed.grid.centre)
    grid = cube(128, 3.4, case.pair.moving.grid.centre)
    pose = AffineTransform(transform.matrix @ centre.matrix)
    return pose_numbers(pose, grid, near or (-0.8, -1.1, 1.2)).tolist()


def tables(found: list[dict[str, Any]]) -> str:
    """Lay out scores, how numbers agree, and poses with their verdicts, as three tables."""
    cells = [dict(zip(COLUMNS, row, strict=True)) for row in rows(found)]
    columns = (SCORED, (*KEYS, *AGREEMENT), (*KEYS, *POSED))
    parts = (records.markdown(some, ([row[c] for c in some] for row in cells)) for some in columns)
    return "\n\n".join(parts) + "\n"


def rows(found: list[dict[str, Any]]) -> Iterator[list[object]]:
    """Yield a row for every method and cohort."""
    for name, data in dict.fromkeys((r["row"], r["data"]) for r in found):
        mine = [r for r in found if (r["row"], r["data"]) == (name, data)]
        done = [r for r in mine if "error" not in r]
        yield [
            *(f"`{name}`", data, len(mine)),
            *(_score(done, score, digits) for score, digits in zip(SCORES, DIGITS, strict=True)),
            *_numbers_agree(done),
            *(cell for name in STRUCTURES for cell in _volumes(done, name)),
            *_poses(done),
            *(_median([r["seconds"] for r in done]), len(mine) - len(done)),
        ]


def _median(values: list[float]) -> str:
    return f"{np.median(values):.1f}" if values else "-"


def _numbers_agree(done: list[dict[str, Any]]) -> list[str]:
    if len(done) < FEWEST:
        return ["-"] * len(NUMBERS)
    poses, truths = ([r[key] for r in done] for key in ("found", "true"))
    return [f"{r2:.3f}" for r2 in r_squared(poses, truths)]


def r_squared(found: list[list[float]], true: list[list[float]]) -> list[float]:
    """Return the squared correlation of each of the numbers (cases, numbers); NaN of constants."""
    pairs = zip(np.transpose(found), np.transpose(true), strict=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return [float(np.corrcoef(one, other)[0, 1] ** 2) for one, other in pairs]


def _score(done: list[dict[str, Any]], name: str, digits: int) -> str:
    values = np.array([r["scores"][name] for r in done if name in r["scores"]])
    if values.size < FEWEST:
        return "-"
    values *= 100 if name == "rot_mse" else 1
    return f"{values.mean():.{digits}f} ± {values.std(ddof=1):.{digits}f}"


def _volumes(done: list[dict[str, Any]], name: str) -> tuple[str, str]:
    pairs = [r[name] for r in done if name in r]
    if len(pairs) < FEWEST:
        return "-", "-"
    found, true = np.transpose(pairs)
    percent = 100 * (found - true) / true
    r2 = r_squared(found[:, None].tolist(), true[:, None].tolist())[0]
    return f"{r2:.4f}", f"{percent.mean():+.2f} ± {percent.std(ddof=1):.2f}"


def _poses(done: list[dict[str, Any]]) -> list[str]:
    """Return errors of poses, numbers of verdicts, and of poses that are wrong and OK."""
    if len(done) < FEWEST:
        return ["-"] * len(POSED)
    tilts, shifts = np.transpose([pose_error(r["true"], r["found"]) for r in done])
    # Of what is known nobody asks whether it is right: the verdict would be that of intensities.
    verdicts = [r.get("verdict") for r in done if r.get("method") != TRUTH]
    counted = [str(verdicts.count(status)) for status in ("OK", "CHECK", "FAIL")]
    wrong = sum(v == "OK" for v, tilt in zip(verdicts, tilts, strict=False) if tilt > WRONG_DEG)
    return [
        f"{tilts.mean():.1f} ± {tilts.std(ddof=1):.1f}",
        f"{tilts.max():.1f}",
        f"{shifts.mean():.1f} ± {shifts.std(ddof=1):.1f}",
        *([*counted, str(wrong)] if verdicts else ["-"] * 4),
    ]


def pose_error(true: list[float], found: list[float]) -> tuple[float, float]:
    """Return the angle between two long axes in degrees and the distance of the centres in mm."""
    one, other = (pose_transform(six, cube(128, 3.4)).matrix for six in (true, found))
    base = one[:3, 2], other[:3, 2]
    across = float(np.linalg.norm(np.cross(*base)))
    tilt = np.rad2deg(np.arctan2(across, float(base[0] @ base[1])))
    return float(tilt), float(np.linalg.norm(one[:3, 3] - other[:3, 3]))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", metavar="METHOD")
    parser.add_argument("--data", default="lv-spect,lv-pet")
    parser.add_argument("--cases", type=int, default=50)
    parser.add_argument("--set", action="append", default=[], help="a parameter of the method")
    parser.add_argument("--row", help="what the row is called, if not like the method")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    if options.set and not options.row:
        parser.error("--set makes it another row: give it a name by --row")
    if options.row and len(options.methods) != 1:
        parser.error("--row names what one method does")
    return options


if __name__ == "__main__":
    main()
