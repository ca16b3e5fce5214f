"""Whether a registration can be trusted, measured on the result and not told by the method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from regkit.euler import nearest_rotation, rigid, rotation_angle
from regkit.registrar import Pair
from regkit.sample import Sample, draw, inside, shared_information
from regkit.transform import IDENTITY, Transform, linear_part

Status = Literal["OK", "CHECK", "FAIL"]
RANKS: Mapping[Status, int] = {"OK": 0, "CHECK": 1, "FAIL": 2}

# Shares, ratios and distances at which a result is doubtful or wrong.
OVERLAP_CHECK, OVERLAP_FAIL = 0.6, 0.25
SCALE_CHECK, SCALE_FAIL = 1.5, 3.0
LOSS_CHECK, LOSS_FAIL = 0.0, 0.02
PEAK_CHECK = 0.75
INDEPENDENT = 2.0
INVERSE_CHECK_VOXELS, INVERSE_FAIL_VOXELS = 1.0, 4.0


@dataclass(frozen=True)
class Verdict:
    """OK, CHECK or FAIL, why in words, and the numbers behind it.

    `measures` holds, of the points of the fixed body: ``overlap`` (share that maps inside the
    moving image), ``similarity`` (normalised mutual information, 1 to 2), ``gain_over_start``,
    ``gain_over_identity``, ``independent`` (the similarity of unrelated images),
    ``peak`` (share of small motions away from the result that lower the similarity),
    ``moved_mm``, ``rotation_deg``, ``determinant`` (the smallest), and, when asked for,
    ``inverse_mm`` (disagreement with the registration of moving to fixed).
    """

    status: Status
    reasons: tuple[str, ...]
    measures: Mapping[str, float]

    @property
    def rank(self) -> tuple[int, float]:
        """Sorts verdicts, the best first."""
        return RANKS[self.status], -self.measures["similarity"]


def judge(
    pair: Pair,
    transform: Transform,
    warnings: Iterable[str] = (),
    backward: Transform | None = None,
) -> Verdict:
    """Judge a map from fixed to moving points.

    Parameters
    ----------
    pair
        What was registered.
    transform
        The total map found.
    warnings
        Doubts of the method itself; each makes the verdict CHECK at best.
    backward
        The map found when the images change places, to compare with the inverse.
    """
    sample = draw(pair.fixed, pair.fixed_mask)
    measures = _measure(pair, transform, sample)
    if backward is not None:
        body = sample.points[sample.foreground]
        there_and_back = backward.map_points(transform.map_points(body))
        measures["inverse_mm"] = float(np.linalg.norm(there_and_back - body, axis=1).mean())
    findings = [
        *_findings(measures, max(pair.fixed.grid.spacing)),
        *(("CHECK", w) for w in warnings),
    ]
    status: Status = max((f[0] for f in findings), key=RANKS.__getitem__, default="OK")
    return Verdict(status, tuple(words for _, words in findings), measures)


def _measure(pair: Pair, transform: Transform, sample: Sample) -> dict[str, float]:
    body = sample.points[sample.foreground]
    mapped = transform.map_points(body)
    similarity = _similarity(pair, sample, transform)
    shuffled = Sample(
        sample.points,
        np.random.default_rng(0).permutation(sample.values),
        sample.foreground,
    )
    linear = linear_part(transform, pair.fixed.grid.centre)
    return {
        "overlap": float(inside(pair.moving, pair.moving_mask, mapped).mean()),
        "similarity": similarity,
        "gain_over_start": similarity - _similarity(pair, sample, pair.start),
        "gain_over_identity": similarity - _similarity(pair, sample, IDENTITY),
        "independent": _similarity(pair, shuffled, transform),
        "peak": _peak(pair, transform, sample, similarity),
        "moved_mm": float(np.linalg.norm(mapped - body, axis=1).mean()),
        "rotation_deg": rotation_angle(nearest_rotation(linear)),
        "determinant": min(
            float(np.linalg.det(linear_part(transform, tuple(point)))) for point in body[:64]
        ),
    }


def _similarity(pair: Pair, sample: Sample, transform: Transform) -> float:
    return shared_information(sample, pair.moving, transform, pair.moving_mask)


def _peak(pair: Pair, transform: Transform, sample: Sample, similarity: float) -> float:
    """Share of small motions (two voxels, at least 4 mm) that make the images less alike."""
    body = sample.points[sample.foreground]
    centre = body.mean(axis=0)
    radius = float(np.sqrt(((body - centre) ** 2).sum(axis=1).mean())) or 1.0
    step = max(4.0, 2 * max(pair.fixed.grid.spacing))
    turn = float(np.rad2deg(step / radius))
    axes = np.concatenate([np.eye(3), -np.eye(3)])
    shifts = [rigid(translation_mm=axis * step) for axis in axes]
    turns = [rigid(axis * turn, centre_mm=centre) for axis in axes]
    lower = [_similarity(pair, sample, transform @ m) < similarity for m in (*shifts, *turns)]
    return float(np.mean(lower))


def _findings(m: Mapping[str, float], voxel_mm: float) -> list[tuple[Status, str]]:
    """Everything doubtful or wrong about the measures, in words."""
    found: list[tuple[Status, str]] = []

    def find(fails: bool, checks: bool, words: str) -> None:
        if fails or checks:
            found.append(("FAIL" if fails else "CHECK", words))

    determinant = m["determinant"]
    find(
        determinant <= 0,
        False,
        f"the transform folds or mirrors space (determinant {determinant:.3g})",
    )
    if determinant > 0:
        scale = max(determinant, 1 / determinant)
        find(
            scale > SCALE_FAIL,
            scale > SCALE_CHECK,
            f"the transform changes volumes by a factor of {determinant:.2f}",
        )
    find(
        m["overlap"] < OVERLAP_FAIL,
        m["overlap"] < OVERLAP_CHECK,
        f"only {m['overlap']:.0%} of the fixed body maps inside the moving image",
    )
    relation = (m["similarity"] - 1) / max(m["independent"] - 1, 1e-9)
    find(
        relation < INDEPENDENT,
        False,
        "at the result the images tell no more about each other than unrelated ones would",
    )
    loss = -m["gain_over_start"] / max(m["similarity"] - m["gain_over_start"] - 1, 1e-9)
    find(
        loss > LOSS_FAIL,
        loss > LOSS_CHECK + 1e-3,
        f"the images are less alike than at the start (similarity {m['gain_over_start']:+.4f})",
    )
    find(
        False,
        m["peak"] < PEAK_CHECK,
        f"only {m['peak']:.0%} of small motions away from the result make the images less alike: "
        "it may not be the best position",
    )
    miss = m.get("inverse_mm", 0.0)
    find(
        miss > INVERSE_FAIL_VOXELS * voxel_mm,
        miss > INVERSE_CHECK_VOXELS * voxel_mm,
        f"registering the other way round disagrees by {miss:.1f} mm",
    )
    return found
