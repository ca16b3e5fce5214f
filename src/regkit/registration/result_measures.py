"""Measures of a registration result that do not rely on the method that found it."""

from __future__ import annotations

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.rigid import rigid
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform, linear_part
from regkit.registrar import Pair
from regkit.similarity.mutual_information import normalized_mutual_information
from regkit.similarity.point_sample import PointSample, in_field_of_view, sample_points_in_mask

# All chosen by hand. Points of the sample, and how many of them show how the map stretches space.
SAMPLES = 8_000
JACOBIANS = 64
# Small motions around the result: far enough to rise above the noise of the similarity.
STEP_MM, STEP_VOXELS = 4.0, 2
# Loss of similarity that defines the looseness, and the value above which it is not resolved.
LOOSENESS_LOSS = 0.05
MAX_LOOSENESS_MM = 100.0
TINY = 1e-9  # keeps divisions from zero


def evaluation_sample(pair: Pair) -> PointSample:
    """Draw the points of the fixed image (in its mask) at which a result is measured."""
    return sample_points_in_mask(pair.fixed, pair.fixed_mask, SAMPLES)


def measure_result(pair: Pair, transform: Transform) -> dict[str, float]:
    """Measure how well a map from fixed to moving points aligns a pair.

    Returns
    -------
    dict
        Of the points of the fixed body:

        ``overlap``
            Fraction that maps inside the moving image (and its mask).
        ``similarity``
            Normalized mutual information, 1 to 2.
        ``gain_over_start``, ``gain_over_identity``
            Similarity above that of the initial transform, and of the identity.
        ``chance_similarity``
            Similarity when the fixed intensities are in random order.
        ``peak_offset_mm``
            Distance from the result to the highest similarity, by parabolas through small motions
            along and about the three axes.
        ``looseness_mm``
            Motion in the least certain direction that costs the inside of the body a twentieth of
            its similarity above 1.
        ``mean_displacement_mm``, ``mean_displacement_from_initial_mm``
            Mean distance of mapped points from their fixed positions, and from where the initial
            transform maps them.
        ``rotation_deg``
            Angle of the rotation at the centre of the fixed image.
        ``determinant``
            Smallest Jacobian determinant.
        ``stretch``
            Largest factor by which lengths grow or shrink, by scales or by shears.
    """
    sample = evaluation_sample(pair)
    body = sample.points[sample.foreground]
    mapped = transform.map_points(body)
    similarity = _similarity(pair, sample, transform)
    shuffled = PointSample(
        sample.points,
        np.random.default_rng(0).permutation(sample.values),
        sample.foreground,
    )
    linear = linear_part(transform, pair.fixed.grid.centre)
    around = np.stack([linear_part(transform, tuple(point)) for point in body[:JACOBIANS]])
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
    return float(max(factors.max(), 1 / max(float(factors.min()), TINY)))


def _similarity(pair: Pair, sample: PointSample, transform: Transform) -> float:
    return normalized_mutual_information(sample, pair.moving, transform, pair.moving_mask)


def _small_motions(pair: Pair, sample: PointSample) -> tuple[float, list[AffineTransform]]:
    """Return a step in mm, and the shifts and turns that move the body by it on average."""
    body = sample.points[sample.foreground]
    centre = body.mean(axis=0)
    radius = float(np.sqrt(((body - centre) ** 2).sum(axis=1).mean())) or 1.0
    step = max(STEP_MM, STEP_VOXELS * max(pair.fixed.grid.spacing))
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
    """Return the distance of the similarity's peak from the result, mm of motion of the body.

    Around an affine map that is not rigid, stretches are tried too.
    """
    step, motions = _small_motions(pair, sample)
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
    """Return the motion, mm, by which the similarity of the inside of the body hardly drops.

    The outline is left out: that of a cylinder in air fits at every rotation about its axis.
    """
    step, motions = _small_motions(pair, sample)
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
    lost = (above - kept) / max(above, TINY)
    # The similarity falls with the square of small motions.
    return min(step * float(np.sqrt(LOOSENESS_LOSS / max(lost, TINY))), MAX_LOOSENESS_MM)


def _vertex(behind: float, here: float, ahead: float) -> float:
    """Return the maximum of the parabola through values at -1, 0 and 1, clipped to -1 to 1."""
    curvature = behind - 2 * here + ahead
    if curvature >= 0:
        return float(np.sign(ahead - behind))
    return float(np.clip((behind - ahead) / (2 * curvature), -1, 1))
