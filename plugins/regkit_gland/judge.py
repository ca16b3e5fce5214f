"""The judge of registrations by the prostate: what the masks that were found look like.

The general verdict asks how alike the images are. MR and ultrasound of a prostate are more alike
at wrong places than at the right one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.volume import LabelMap
from regkit.registrar import Estimate, Judgement, Status
from regkit_gland.found_gland import GLAND_LABEL, largest_piece
from regkit_gland.gland_overlap import gland_dice, gland_ml

# Fraction of a gland in other pieces, fraction of its largest cross-section at a border of the
# image, ratio of both volumes, Dice coefficient of both glands, and volumes of prostates in ml
# beyond which a result is doubtful; all chosen by hand.
STRAY, CUT, RATIO, OVERLAP = 0.1, 0.5, 2.0, 0.7
USUAL_ML = (10.0, 250.0)
# Distance from a side of the image within which a mask counts as cut off: one voxel of the
# networks, which see nothing beyond the side. Chosen by hand.
SIDE_MM = 3.0
# Dice coefficient below which a result is wrong; chosen by hand.
OVERLAP_FAIL = 0.3
# Of 13 results of the cross-validation (benchmarks/mr_trus.py) whose masks raise no doubt, three
# are worse than not registering.
UNCONFIRMED = (
    "networks found the prostates, and nothing independent confirms them: look at the labels"
)


def judge_glands(estimate: Estimate) -> Judgement | None:
    """Judge an estimate by the glands in both images.

    Parameters
    ----------
    estimate
        Map of fixed to moving points, and labels of both images; without labels nothing is said.

    Returns
    -------
    Judgement
        Its measures for each role: ``fixed_gland_ml``, the volume; ``fixed_gland_stray_fraction``,
        of the gland in other pieces; ``fixed_gland_cut_fraction``, of its largest cross-section at
        a border of the image; and ``gland_overlap``, the Dice coefficient of both through the map.
    """
    if estimate.labels is None or estimate.fixed_labels is None:
        return None
    glands = {"fixed": estimate.fixed_labels, "moving": estimate.labels}
    findings: list[tuple[Status, str]] = []
    measures: dict[str, float] = {}
    for role, labels in glands.items():
        measured = _measure(labels)
        measures |= {f"{role}_gland_{name}": value for name, value in measured.items()}
        findings += _doubts(role, measured)
    if all(gland_ml(labels) > 0 for labels in glands.values()):
        measures["gland_overlap"] = gland_dice(
            estimate.fixed_labels, estimate.labels, estimate.transform
        )
        findings += _disagreements(measures)
    return Judgement(tuple(findings), measures, UNCONFIRMED if "gland_overlap" in measures else "")


def _measure(labels: LabelMap) -> dict[str, float]:
    mask = labels.array == GLAND_LABEL
    count = max(1, int(mask.sum()))
    return {
        "ml": gland_ml(labels),
        "stray_fraction": 1 - float(largest_piece(mask).sum()) / count if mask.any() else 0.0,
        "cut_fraction": _cut_fraction(mask, labels.grid.spacing[::-1]),
    }


def _cut_fraction(mask: NDArray[np.bool_], sides_mm: tuple[float, ...]) -> float:
    """Return the part of the largest cross-section of a mask that lies at a side of its image."""
    fractions = [0.0]
    for axis, side in enumerate(sides_mm):
        areas = mask.sum(axis=tuple({0, 1, 2} - {axis}))
        near = 1 + int(SIDE_MM / side)
        largest = max(1, int(areas.max()))
        fractions += [float(end.max()) / largest for end in (areas[:near], areas[-near:])]
    return max(fractions)


def _doubts(role: str, measured: dict[str, float]) -> Iterator[tuple[Status, str]]:
    """Yield what is doubtful about the gland in one image."""
    ml, stray, cut = (measured[name] for name in ("ml", "stray_fraction", "cut_fraction"))
    found = f"the prostate found in the {role} image"
    if ml == 0:
        yield "FAIL", f"no prostate was found in the {role} image: is it in the field of view?"
        return
    if not USUAL_ML[0] <= ml <= USUAL_ML[1]:
        size = "small" if ml < USUAL_ML[0] else "large"
        reason = f"{found} is too {size} ({ml:.0f} ml): is the voxel size in the header right?"
        yield "CHECK", reason
    if stray > STRAY:
        yield "CHECK", f"{found} is in pieces: {stray:.0%} of it lie apart; look at the labels"
    if cut > CUT:
        reason = f"{found} is cut off by the field of view, so its center is uncertain"
        yield "CHECK", f"{reason} ({cut:.0%} of its largest cross-section lie at the border)"


def _disagreements(measures: dict[str, float]) -> Iterator[tuple[Status, str]]:
    """Yield how the glands in both images disagree."""
    one, other = measures["fixed_gland_ml"], measures["moving_gland_ml"]
    if max(one, other) > RATIO * min(one, other):
        sizes = f"{one:.0f} ml in the fixed image and {other:.0f} ml in the moving one"
        yield "CHECK", f"the prostate found has {sizes}: look at the labels"
    dice = measures["gland_overlap"]
    if dice < OVERLAP:
        status: Status = "FAIL" if dice < OVERLAP_FAIL else "CHECK"
        yield status, f"the prostates found hardly overlap (Dice {dice:.2f}): look at the labels"
