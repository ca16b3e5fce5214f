"""What was measured of learned methods, from all files of results, on real and simulated images.

Every number is a mean or median over cases, or a count of them. Its row says which images it is
of: the papers' own patients are none of ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import fmean, median
from typing import Any, NamedTuple

from result_tables import NOTABLY_LOWER_DICE, markdown_table, records

REAL = "**real**"
MIXED = "real and simulated"
SIMULATED = "simulated"
PAPER = "clinical, in the paper"
KINDS = (REAL, MIXED, SIMULATED, PAPER)

BODIES = "whole bodies, test split of `pet-ct`, 0.75 of the published ranges"
COHORTS = {
    "dusfe-1": "`spect-ct`, test split",
    "spect-ct-40": "`spect-ct`, test split, 40 of 64 slices of CT",
    "spect-ct-26": "`spect-ct`, test split, 26 of 64 slices of CT",
    "spect-ct-hard": "`spect-ct-hard`, test split",
    "mr-us": "`mr-us`, test split",
    "lv-spect-pose": "`lv-spect`, test split",
    "lv-pet-pose": "`lv-pet`, test split",
    "lv-spect-hard-pose": "`lv-spect-hard`, test split",
    "lv-pet-hard-pose": "`lv-pet-hard`, test split",
}
PAPERS = {
    "dusfe-1": "SPECT and CT, 400 pairs of 200 patients",
    "msst-3": "SPECT of the heart",
    "msst-4": "PET of the heart",
}
# Scores of the tables of poses; the others there are of true labels.
POSE_SCORES = ("dt_mm", "dr_deg")
BODY_SETS = {
    "simulated": (SIMULATED, BODIES),
    "sts": (REAL, "thighs in PET and CT, each misplaced"),
    "abdomen": (MIXED, "CT of one abdomen, simulated PET, three motions"),
}
# Titles are those of the paper's table, and factors to its units.
VENTRICLE_SCORES = {
    "lv_my_seg_dice": ("LV-MY Dice", 1),
    "lv_bp_seg_dice": ("LV-BP Dice", 1),
    "lv_my_seg_hd95_mm": ("LV-MY HD95 mm", 1),
    "rot_mse": ("rotation MSE 10⁻² rad²", 100),
}
GUARDED = {
    "thighs": (REAL, "thighs in PET and CT, moved by up to 5 degrees and 10 mm"),
    "painted-pet": (MIXED, "CT of abdomen and torso, painted PET, moved by as much"),
}
COMPETING = {
    "spect-ct": (SIMULATED, COHORTS["dusfe-1"]),
    "spect-ct-26": (SIMULATED, COHORTS["spect-ct-26"]),
    "spect-ct-abdomen": (MIXED, "CT of one abdomen, simulated SPECT"),
    "spect-ct-torso": (MIXED, "CT of one torso, simulated SPECT"),
    "mr-us": (SIMULATED, COHORTS["mr-us"]),
}
TITLES = {
    "identity": "not registering",
    "glands": "centers of the true outlines",
    "truth": "true labels on the image's voxels",
}


class Measured(NamedTuple):
    """A mean, median or count of a method on one set of images."""

    kind: str
    images: str
    score: str
    method: str
    value: float
    cases: int


def measured() -> Iterator[Measured]:
    """Yield what the files of results hold about learned methods and those beside them."""
    yield from _prostates()
    yield from _bodies()
    yield from _real_images()
    yield from _paper_tables()
    yield from _ventricles()
    yield from _competition()


def _prostates() -> Iterator[Measured]:
    rows = [row for row in records("mr_trus") if "dice" in row]
    images = (
        "prostates in MR and ultrasound; `gland`, alone or in `auto`, had not seen the patients"
    )
    yield from _means(rows, "method", REAL, images, {"Dice": lambda row: row["dice"]})
    by_case = {(row["method"], row["patient"]): row["dice"] for row in rows}
    yield from _worse(by_case, REAL, images)
    with_landmarks = [row for row in rows if "tre_voxels" in row]
    scores = {"TRE, voxels": lambda row: row["tre_voxels"]}
    yield from _means(with_landmarks, "method", REAL, images, scores)


def _bodies() -> Iterator[Measured]:
    for dataset, (kind, images) in BODY_SETS.items():
        rows = [r for r in records("petct") if r["dataset"] == dataset and r["status"] == "ok"]
        scores = {
            "Dice": lambda row: row["scores"]["dice"],
            "TRE mm": lambda row: row["scores"]["tre_mm"],
        }
        yield from _means(rows, "method", kind, images, scores)
        by_case = {(row["method"], row["case"]): row["scores"]["dice"] for row in rows}
        yield from _worse(by_case, kind, images)


def _worse(dice: dict[tuple[str, str], float], kind: str, images: str) -> Iterator[Measured]:
    """Yield of how many cases a method makes Dice lower than it was."""
    score = f"of these, Dice lower than not registering by > {NOTABLY_LOWER_DICE}"
    for method in dict.fromkeys(method for method, _ in dice):
        found = {case: value for (name, case), value in dice.items() if name == method}
        lost = [dice["identity", case] - value for case, value in found.items()]
        count = sum(loss > NOTABLY_LOWER_DICE for loss in lost)
        yield Measured(kind, images, score, method, count, len(lost))


def _real_images() -> Iterator[Measured]:
    for family, (kind, images) in GUARDED.items():
        rows = [r for r in records("domain_guard_real") if r["images"] == family]
        for method in dict.fromkeys(row["method"] for row in rows):
            errors = [r["error_mm"] for r in rows if r["method"] == method]
            found = [error for error in errors if error is not None]
            if found:
                yield Measured(kind, images, "median error mm", method, median(found), len(found))


def _paper_tables() -> Iterator[Measured]:
    for table in records("tables"):
        for row, column in _cells(table):
            title, score = column["title"], column["score"]
            if table["table"] in COHORTS and row["status"] == "run":
                images, mean = COHORTS[table["table"]], row["here"][score]["mean"]
                yield Measured(SIMULATED, images, title, row["method"], mean, row["cases"])
            if table["table"] in PAPERS and score in row["published"]:
                images, value = PAPERS[table["table"]], row["published"][score][0]
                yield Measured(PAPER, images, title, row["method"], value, 0)


def _cells(table: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for row in table["rows"]:
        if row["method"]:
            for column in table["columns"]:
                if column["score"] in POSE_SCORES or not table["table"].endswith("-pose"):
                    yield row, column


def _ventricles() -> Iterator[Measured]:
    for data in ("lv-spect", "lv-pet", "lv-spect-hard", "lv-pet-hard"):
        rows = [r for r in records("ventricles") if r["data"] == data and "scores" in r]
        for key, (score, factor) in VENTRICLE_SCORES.items():
            known = [row for row in rows if key in row["scores"]]
            images = COHORTS[f"{data}-pose"]
            scores = {score: lambda row, key=key, by=factor: by * row["scores"][key]}
            yield from _means(known, "row", SIMULATED, images, scores)


def _competition() -> Iterator[Measured]:
    for name, (kind, images) in COMPETING.items():
        of = [row for row in records("automatic") if row["set"] == name]
        newest = {(row["pair"], row["method"]): row for row in of}
        rows = [row for row in newest.values() if not row["error"]]
        scores = {"TRE mm, first cases": lambda row: row["miss"]}
        yield from _means(rows, "method", kind, images, scores)


def _means(
    rows: list[dict[str, Any]], key: str, kind: str, images: str, scores: dict[str, Any]
) -> Iterator[Measured]:
    for score, value in scores.items():
        for method in dict.fromkeys(row[key] for row in rows):
            found = [value(row) for row in rows if row[key] == method]
            yield Measured(kind, images, score, method, fmean(found), len(found))


def side_by_side(own: Iterable[str], beside: Iterable[str]) -> str:
    """Return what was measured of methods on real and on simulated images, in one table.

    Parameters
    ----------
    own
        Methods whose images are the rows.
    beside
        Methods that are shown beside them where they were run on the same images.
    """
    own, beside = list(own), list(beside)
    found = list(measured())
    cells = {(m.kind, m.images, m.score, m.method): m for m in found}
    rows = dict.fromkeys((m.kind, m.images, m.score) for m in found if m.method in own)
    images = {name: number for number, name in enumerate(dict.fromkeys(row[1] for row in rows))}
    columns = [*beside, *own]
    lines: list[tuple[object, ...]] = []
    for kind in KINDS:
        these = sorted((row for row in rows if row[0] == kind), key=lambda row: images[row[1]])
        if kind == REAL and not these:
            lines.append((REAL, "not measured", *["-"] * (len(columns) + 2)))
        for row in these:
            known = [cells.get((*row, method)) for method in columns]
            cases = next(m.cases for m in reversed(known) if m)
            shown = [_cell(m, cases) for m in known]
            lines.append((*row[:2], cases or "-", row[2], *shown))
    heads = [TITLES.get(name, f"`{name}`") for name in columns]
    return markdown_table(("kind", "images", "cases", "score", *heads), lines)


def _cell(found: Measured | None, cases: int) -> str:
    """Return a number, and of how many cases where these differ from those of the row."""
    if found is None:
        return "-"
    if isinstance(found.value, int):
        number = str(found.value)
    else:
        number = f"{found.value:.3f}" if "Dice" in found.score else f"{found.value:.2f}"
    return number if found.cases == cases else f"{number} ({found.cases} cases)"
