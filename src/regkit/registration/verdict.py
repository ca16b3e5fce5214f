"""Whether a registration can be trusted, measured on the result and not told by the method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.rigid import rigid
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform, linear_part
from regkit.registrar import Pair
from regkit.similarity.point_sample import (
    PointSample,
    in_field_of_view,
    normalized_mutual_information,
    sample_points_in_mask,
)

Status = Literal["OK", "CHECK", "FAIL"]
RANKS: Mapping[Status, int] = {"OK": 0, "CHECK": 1, "FAIL": 2}

# Shares, ratios and distances at which a result is doubtful or wrong.
OVERLAP_CHECK, OVERLAP_FAIL = 0.6, 0.25
SCALE_CHECK, SCALE_FAIL = 1.5, 3.0
STRETCH_CHECK, STRETCH_FAIL = 1.4, 2.0
LOSS_CHECK, LOSS_FAIL = 0.001, 0.02
PEAK_OFFSET_CHECK_MM, PEAK_OFFSET_CHECK_VOXELS = 3.0, 0.75
LOOSENESS_CHECK_MM, LOOSENESS_CHECK_VOXELS, LOOSENESS_LOSS = 9.0, 4.4, 0.05
SAMPLES = 8_000
MAX_LOOSENESS_MM = 100.0
CHANCE_SIMILARITY = 2.0
INVERSE_CHECK_VOXELS, INVERSE_FAIL_VOXELS = 1.0, 4.0


@dataclass(frozen=True)
class Verdict:
    """OK, CHECK or FAIL, why in words, and the numbers behind it.

    `measures` holds, of the points of the fixed body: ``overlap`` (share that maps inside the
    moving image), ``similarity`` (normalised mutual information, 1 to 2), ``gain_over_start``,
    ``gain_over_identity``, ``independent`` (the similarity of unrelated images),
    ``peak_offset_mm`` (distance from the result to the highest similarity, by parabolas through
    small motions along and about the three axes), ``looseness_mm`` (how far a motion in the least
    certain direction can go before the inside of the body loses a twentieth of its similarity
    above 1), ``mean_displacement_mm`` and ``mean_displacement_from_initial_mm`` (mean distances
    that points of the body move, from their fixed positions and from the initial transform),
    ``rotation_deg``, ``determinant`` (the smallest), ``stretch`` (the largest factor by which
    lengths grow or shrink, by scales or by shears), and, when asked for, ``inverse_mm``
    (disagreement with the registration of moving to fixed).
    """

    status: Status
    reasons: tuple[str, ...]
    measures: Mapping[str, float]

    @property
    def rank(self) -> tuple[int, float]:
        """Sorts verdicts, the best first."""
        return RANKS[self.status], -self.measures["similarity"]


def assess(
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
    sample = evaluation_sample(pair)
    measures = _measure(pair, transform, sample)
    if backward is not None:
        body = sample.points[sample.foreground]
        there_and_back = backward.map_points(transform.map_points(body))
        measures["inverse_mm"] = float(np.linalg.norm(there_and_back - body, axis=1).mean())
    findings = [
        *_issues(measures, max(pair.fixed.grid.spacing)),
        *(("CHECK", w) for w in warnings),
    ]
    status: Status = max((f[0] for f in findings), key=RANKS.__getitem__, default="OK")
    return Verdict(status, tuple(words for _, words in findings), measures)


def evaluation_sample(pair: Pair) -> PointSample:
    """Return the points of the fixed image that a verdict rests on."""
    return sample_points_in_mask(pair.fixed, pair.fixed_mask, SAMPLES)


def _measure(pair: Pair, transform: Transform, sample: PointSample) -> dict[str, float]:
    body = sample.points[sample.foreground]
    mapped = transform.map_points(body)
    similarity = _similarity(pair, sample, transform)
    shuffled = PointSample(
        sample.points,
        np.random.default_rng(0).permutation(sample.values),
        sample.foreground,
    )
    linear = linear_part(transform, pair.fixed.grid.centre)
    around = np.stack([linear_part(transform, tuple(point)) for point in body[:64]])
    return {
        "overlap": float(in_field_of_view(pair.moving, pair.moving_mask, mapped).mean()),
        "similarity": similarity,
        "gain_over_start": similarity - _similarity(pair, sample, pair.start),
        "gain_over_identity": similarity - _similarity(pair, sample, IDENTITY),
        "chance_similarity": _similarity(pair, shuffled, transform),
        "peak_offset_mm": _peak_offset_mm(pair, transform, sample),
        "looseness_mm": _looseness_mm(pair, transform, sample),
        "mean_displacement_mm": float(np.linalg.norm(mapped - body, axis=1).mean()),
        "mean_displacement_from_initial_mm": float(
            np.linalg.norm(mapped - pair.start.map_points(body), axis=1).mean()
        ),
        "rotation_deg": rotation_angle(nearest_rotation(linear)),
        "determinant": float(np.linalg.det(around).min()),
        "stretch": _stretch(around),
    }


def _stretch(linear: FloatArray) -> float:
    """Return the largest change of a length by matrices (..., 3, 3), as a factor above 1."""
    factors = np.linalg.svd(linear, compute_uv=False)
    return float(max(factors.max(), 1 / max(float(factors.min()), 1e-9)))


def _similarity(pair: Pair, sample: PointSample, transform: Transform) -> float:
    return normalized_mutual_information(sample, pair.moving, transform, pair.moving_mask)


def _around(pair: Pair, sample: PointSample) -> tuple[float, list[AffineTransform]]:
    """Return a step in mm, and the motions of the body by it along and about its axes."""
    body = sample.points[sample.foreground]
    centre = body.mean(axis=0)
    radius = float(np.sqrt(((body - centre) ** 2).sum(axis=1).mean())) or 1.0
    step = max(4.0, 2 * max(pair.fixed.grid.spacing))
    turn = float(np.rad2deg(step / radius))
    shifts = [rigid(translation_mm=axis * step) for axis in np.eye(3)]
    turns = [rigid(axis * turn, centre_mm=centre) for axis in np.eye(3)]
    return step, [*shifts, *turns]


def _stretches(step: float, sample: PointSample) -> list[AffineTransform]:
    """Return the stretches of the body by a step in mm along each axis, on average."""
    body = sample.points[sample.foreground]
    centre = body.mean(axis=0)
    spread = np.sqrt(((body - centre) ** 2).mean(axis=0))
    longer = np.eye(3) + np.diag(step / np.maximum(spread, step))
    still = (0.0, 0.0, 0.0)
    return [
        AffineTransform.about(np.where(axis, longer, np.eye(3)), still, tuple(centre))
        for axis in np.eye(3, dtype=bool)
    ]


def _peak_offset_mm(pair: Pair, transform: Transform, sample: PointSample) -> float:
    """Distance of the similarity's peak from the result, mm of motion of the body.

    Around an affine map that is not rigid, stretches are tried too.
    """
    step, motions = _around(pair, sample)
    if isinstance(transform, AffineTransform) and not transform.is_rigid:
        motions = [*motions, *_stretches(step, sample)]
    here = _similarity(pair, sample, transform)
    vertices = [
        _vertex(
            _similarity(pair, sample, transform @ motion.inverse()),
            here,
            _similarity(pair, sample, transform @ motion),
        )
        for motion in motions
    ]
    return step * float(np.linalg.norm(vertices))


def _looseness_mm(pair: Pair, transform: Transform, sample: PointSample) -> float:
    """Return how loosely the contents of the body hold the result.

    The outline of a smooth body is left out: a cylinder in air fits at every turn.
    """
    step, motions = _around(pair, sample)
    where = sample.foreground
    content = PointSample(sample.points[where], sample.values[where], where[where])
    above = _similarity(pair, content, transform) - 1
    kept = max(
        (
            _similarity(pair, content, transform @ motion)
            + _similarity(pair, content, transform @ motion.inverse())
        )
        / 2
        - 1
        for motion in motions
    )
    share_lost = (above - kept) / max(above, 1e-9)
    return min(step * float(np.sqrt(LOOSENESS_LOSS / max(share_lost, 1e-9))), MAX_LOOSENESS_MM)


def _vertex(behind: float, here: float, ahead: float) -> float:
    """Where a parabola through three values, at -1, 0 and 1, is highest; at most 1 away."""
    curvature = behind - 2 * here + ahead
    if curvature >= 0:
        return float(np.sign(ahead - behind))
    return float(np.clip((behind - ahead) / (2 * curvature), -1, 1))


def _issues(m: Mapping[str, float], voxel_mm: float) -> list[tuple[Status, str]]:
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
        m["stretch"] > STRETCH_FAIL,
        m["stretch"] > STRETCH_CHECK,
        f"the transform stretches or squeezes lengths by a factor of up to {m['stretch']:.2f}",
    )
    find(
        m["overlap"] < OVERLAP_FAIL,
        m["overlap"] < OVERLAP_CHECK,
        f"only {m['overlap']:.0%} of the fixed body maps inside the moving image",
    )
    relation = (m["similarity"] - 1) / max(m["chance_similarity"] - 1, 1e-9)
    find(
        relation < CHANCE_SIMILARITY,
        False,
        "at the result the images tell no more about each other than unrelated ones would",
    )
    loss = -m["gain_over_start"] / max(m["similarity"] - m["gain_over_start"] - 1, 1e-9)
    strayed = (
        m["mean_displacement_from_initial_mm"] > voxel_mm
    )  # less is a matter of interpolation
    find(
        strayed and loss > LOSS_FAIL,
        strayed and loss > LOSS_CHECK,
        f"the images are less alike than at the start (similarity {m['gain_over_start']:+.4f})",
    )
    find(
        False,
        m["peak_offset_mm"] > max(PEAK_OFFSET_CHECK_MM, PEAK_OFFSET_CHECK_VOXELS * voxel_mm),
        f"the images would be more alike about {m['peak_offset_mm']:.0f} mm away from the result",
    )
    find(
        False,
        m["looseness_mm"] > max(LOOSENESS_CHECK_MM, LOOSENESS_CHECK_VOXELS * voxel_mm),
        "the position is loosely determined: some motion of "
        f"{m['looseness_mm']:.0f} mm hardly changes how alike the insides of the body are",
    )
    miss = m.get("inverse_mm", 0.0)
    find(
        miss > INVERSE_FAIL_VOXELS * voxel_mm,
        miss > INVERSE_CHECK_VOXELS * voxel_mm,
        f"registering the other way round disagrees by {miss:.1f} mm",
    )
    return found
