"""Measures of a registration result that do not rely on the method that found it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform, linear_part
from regkit.registrar import Pair
from regkit.registration.mirror_check import mirror_gains
from regkit.similarity.compared_points import ComparedPoints, SmallerField
from regkit.similarity.improvement import improvement
from regkit.similarity.local_climb import climb, vertices
from regkit.similarity.point_sample import sample_points_in_mask
from regkit.similarity.small_motions import SmallMotions

# All chosen by hand. Points of the fixed image that show how the map stretches space.
JACOBIANS = 64
LEAST_TOLERANCE_MM = 3.0
# A result so many tolerances from its start or nearer may be no better; and a motion that is none.
NEAR_START, SAME_MM = 2.0, 0.01
# Small motions around the result: far enough to rise above the noise of the similarity.
STEP_MM, STEP_VOXELS = 4.0, 2
# Loss of similarity that defines the looseness, and the value above which it is not resolved.
LOOSENESS_LOSS = 0.05
MAX_LOOSENESS_MM = 100.0
# First and last steps of the climb to the nearest highest similarity, mm, and its most rounds.
CLIMB_STEPS_MM, CLIMB_ROUNDS = (8.0, 0.5), 20
STRETCHED_STEPS_MM = (4.0, 0.5)  # of the climb from there with stretches
NOTABLE_CLIMB = 0.5  # tolerances
TINY = 1e-9  # keeps divisions from zero


def coarsest_voxel_mm(pair: Pair) -> float:
    """Return the longest side of a voxel of either image, mm."""
    return max(*pair.fixed.grid.spacing, *pair.moving.grid.spacing)


def tolerance_mm(pair: Pair) -> float:
    """Return the error that counts as none: 3 mm, or the longest side of a voxel if longer."""
    return max(LEAST_TOLERANCE_MM, coarsest_voxel_mm(pair))


def measure_result(pair: Pair, transform: Transform) -> dict[str, float]:
    """Measure how well a map from fixed to moving points aligns a pair.

    Returns
    -------
    dict
        Of points of the body in the image whose field of view (in its mask) is the smaller one:

        ``overlap``
            Fraction that maps inside the other image (and its mask).
        ``similarity``
            Normalized mutual information, 1 to 2.
        ``gain_over_start``, ``gain_over_identity``
            Similarity above that of the initial transform, and of the identity.
        ``chance_similarity``
            Similarity when the intensities of one image are in random order.
        ``peak_offset_mm``
            Distance from the result to the highest similarity, by parabolas through small motions
            along and about the three axes.
        ``climb_mm``
            Distance from the result to where a local climb of the similarity ends.
        ``climb_improvement``
            Improvement there, if that is not near: see `regkit.similarity.improvement`.
        ``stretched_mm``
            Distance from there to where a climb with stretches and shears ends, masks left out.
        ``stretched_improvement``
            Only where that is more than half a tolerance away: improvement of that place over the
            former.
        ``looseness_mm``
            Motion in the least certain direction that costs the inside of the body a twentieth of
            its similarity above 1.
        ``mirror_gain``, ``mirror_gain_fraction``
            Gain of similarity by mirroring, half of the points of the body, masks left out; see
            `regkit.registration.mirror_check`.
        ``mean_displacement_mm``, ``mean_displacement_from_initial_mm``
            Mean distance of mapped points from their own positions, and from where the initial
            transform maps them.
        ``improvement_over_start``
            Only where that similarity is higher, or the initial transform is near: see
            `regkit.similarity.improvement`.
        ``peak_offset_without_masks_mm``
            Only with a mask: the same distance when the whole images are compared.

        Of the whole map: see `measure_map`.
    """
    field, step = SmallerField.of(pair), _step_mm(pair)
    here = field.compared_by(transform)
    start_mm = _apart_mm(here.body, field.body_after(pair.start))
    return {
        **(similar := _measure_similarity(field, here, pair.start)),
        **_measure_surroundings(here, step, transform),
        **_measure_climbs(pair, field, here, transform),
        "mean_displacement_mm": _apart_mm(here.body, field.body),
        "mean_displacement_from_initial_mm": start_mm,
        **_improvement_over_start(pair, transform, start_mm, similar["gain_over_start"]),
        **_measure_without_masks(pair, transform),
        **measure_map(pair, transform),
    }


def _measure_similarity(
    field: SmallerField, here: ComparedPoints, start: Transform
) -> dict[str, float]:
    """Measure the similarity, and what it is worth."""
    similarity = here.similarity()
    return {
        "overlap": here.overlap(),
        "similarity": similarity,
        "gain_over_start": similarity - field.compared_by(start).similarity(),
        "gain_over_identity": similarity - field.compared_by(IDENTITY).similarity(),
        "chance_similarity": here.shuffled().similarity(),
    }


def _improvement_over_start(
    pair: Pair, transform: Transform, start_mm: float, gain: float
) -> dict[str, float]:
    """Measure how much better the result is than the initial transform, where that is doubtful."""
    near = SAME_MM < start_mm < NEAR_START * tolerance_mm(pair)
    return (
        {"improvement_over_start": improvement(pair, transform, pair.start)}
        if near or gain < 0
        else {}
    )


def _measure_surroundings(
    here: ComparedPoints, step: float, transform: Transform
) -> dict[str, float]:
    """Measure how the similarity falls or rises around the result."""
    return {
        "peak_offset_mm": _peak_offset_mm(here, step, _may_stretch(transform)),
        "looseness_mm": _looseness_mm(here.of_body(), step),
    }


def _measure_climbs(
    pair: Pair, field: SmallerField, here: ComparedPoints, transform: Transform
) -> dict[str, float]:
    """Measure how far away the similarity is higher, and by how much."""
    motion = _climb(here)
    found = {"climb_mm": _apart_mm(motion.map_points(here.body), here.body)}
    if found["climb_mm"] > NOTABLE_CLIMB * tolerance_mm(pair):
        there = _after_motion(field, transform, motion)
        found["climb_improvement"] = improvement(pair, there, transform)
    if pair.fixed_mask is None and pair.moving_mask is None:
        return found | _measure_stretches(pair, field, here, motion, transform)
    # A mask hides how the rest is stretched.
    whole = replace(pair, fixed_mask=None, moving_mask=None)
    field = SmallerField.of(whole)
    here = field.compared_by(transform)
    return found | _measure_stretches(whole, field, here, _climb(here), transform)


def _measure_stretches(
    pair: Pair,
    field: SmallerField,
    points: ComparedPoints,
    rigid: AffineTransform,
    transform: Transform,
) -> dict[str, float]:
    """Measure how far from a rigid motion the highest similarity with stretches is."""
    body, score = SmallMotions.of(points.body), points.weighted_similarities
    steps = STRETCHED_STEPS_MM
    matrix = climb(score, rigid.matrix, body, steps, CLIMB_ROUNDS, stretching=True)
    stretched = AffineTransform(matrix)
    apart = _apart_mm(stretched.map_points(points.body), rigid.map_points(points.body))
    if apart <= NOTABLE_CLIMB * tolerance_mm(pair):
        return {"stretched_mm": apart}
    maps = (_after_motion(field, transform, motion) for motion in (stretched, rigid))
    return {"stretched_mm": apart, "stretched_improvement": improvement(pair, *maps)}


def _measure_without_masks(pair: Pair, transform: Transform) -> dict[str, float]:
    """Measure the whole images: what a mask leaves out shows a wrong place within it, too."""
    unmasked = replace(pair, fixed_mask=None, moving_mask=None)
    # Organs tell left from right, not the air around: whole-body images are mostly air.
    balanced = SmallerField.of(unmasked, balanced=True)
    mirrored = mirror_gains(balanced.compared_by(transform))
    if pair.fixed_mask is None and pair.moving_mask is None:
        return mirrored
    points = SmallerField.of(unmasked).compared_by(transform)
    offset = _peak_offset_mm(points, _step_mm(pair), _may_stretch(transform))
    return {**mirrored, "peak_offset_without_masks_mm": offset}


def _step_mm(pair: Pair) -> float:
    return max(STEP_MM, STEP_VOXELS * coarsest_voxel_mm(pair))


def measure_map(pair: Pair, transform: Transform) -> dict[str, float]:
    """Measure the motion by a map, and how it stretches the body of the fixed image.

    Returns
    -------
    dict
        ``rotation_deg``
            Angle of the rotation at the centre of the fixed image.
        ``determinant``
            Smallest Jacobian determinant.
        ``stretch``
            Largest factor by which lengths grow or shrink, by scales or by shears.
    """
    sample = sample_points_in_mask(pair.fixed, pair.fixed_mask, 4 * JACOBIANS)
    body = sample.points[sample.foreground][:JACOBIANS]
    around = np.stack([linear_part(transform, tuple(point)) for point in body])
    rotation = nearest_rotation(linear_part(transform, pair.fixed.grid.centre))
    return {
        "rotation_deg": rotation_angle(rotation),
        "determinant": float(np.linalg.det(around).min()),
        "stretch": _stretch(around),
    }


def _apart_mm(some: FloatArray, others: FloatArray) -> float:
    """Return the mean distance of points, of those that could be mapped."""
    return float(np.nan_to_num(np.linalg.norm(some - others, axis=1)).mean())


def _stretch(linear: FloatArray) -> float:
    """Return the largest change of a length by matrices (..., 3, 3), as a factor above 1."""
    factors = np.linalg.svd(linear, compute_uv=False)
    return float(max(factors.max(), 1 / max(float(factors.min()), TINY)))


def _may_stretch(transform: Transform) -> bool:
    return isinstance(transform, AffineTransform) and not transform.is_rigid


def _peak_offset_mm(points: ComparedPoints, step: float, stretch: bool) -> float:
    """Return the distance of the similarity's peak from the result, mm of motion of the body.

    Around an affine map that is not rigid, stretches are tried too.
    """
    motions = _both_ways(points, step, stretch)
    ahead, behind = points.similarities(motions).reshape(2, -1)
    return step * float(np.linalg.norm(vertices(behind, points.similarity(), ahead)))


def climbed(field: SmallerField, transform: Transform) -> Transform:
    """Return where a local climb of the similarity leads from a fixed-to-moving map."""
    return _after_motion(field, transform, _climb(field.compared_by(transform)))


def _after_motion(field: SmallerField, transform: Transform, motion: AffineTransform) -> Transform:
    """Return a fixed-to-moving map after a motion of the smaller field in the other image."""
    return transform @ motion.inverse() if field.is_moving else motion @ transform


def _climb(points: ComparedPoints) -> AffineTransform:
    """Return the motion of the points in the other image to the highest similarity nearby."""
    body = SmallMotions.of(points.body)
    score = points.weighted_similarities
    return AffineTransform(climb(score, np.eye(4), body, CLIMB_STEPS_MM, CLIMB_ROUNDS))


def _looseness_mm(inside: ComparedPoints, step: float) -> float:
    """Return the motion, mm, by which the similarity of the inside of the body hardly drops.

    The outline is left out: that of a cylinder in air fits at every rotation about its axis.
    """
    above = inside.similarity() - 1
    ahead, behind = inside.similarities(_both_ways(inside, step)).reshape(2, -1)
    kept = float((ahead + behind).max()) / 2 - 1
    lost = (above - kept) / max(above, TINY)
    # The similarity falls with the square of small motions.
    return min(step * float(np.sqrt(LOOSENESS_LOSS / max(lost, TINY))), MAX_LOOSENESS_MM)


def _both_ways(points: ComparedPoints, step: float, stretch: bool = False) -> FloatArray:
    """Return motions of the body by a step in mm, and then the opposite ones, (B, 4, 4)."""
    body = SmallMotions.of(points.body)
    motions = body.rigid(step * np.eye(6))
    if stretch:
        motions = np.concatenate([motions, body.stretches(step)])
    return np.concatenate([motions, np.linalg.inv(motions)])
