"""The judge of reorientations: the anatomy of the ventricle, and where the image has its wall.

The general verdict of a registration compares intensities. Those of an average ventricle, which is
round, and of a patient's have too little in common for that.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import distance_transform_edt

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform, Transform, linear_part
from regkit.geometry.volume import Volume
from regkit.registrar import Estimate, Judgement, Pair, Status
from regkit.similarity.point_sample import values_at
from regkit_ventricle.axis import LongAxis
from regkit_ventricle.frame import ORIGIN, offset_mm, tilt_deg, turn_deg
from regkit_ventricle.labels import Mask, Ventricle
from regkit_ventricle.polar_map import PolarMap
from regkit_ventricle.reorientation import Reorientation, measure_ventricle
from regkit_ventricle.wall_position import FAR_MM, wall_position

# Limits beyond which a measure makes the verdict CHECK or FAIL. Those of the pose (tilt, offset,
# turn, direction, wall) were chosen on the validation patients of simulated cohorts, see
# docs/methods/ms-st-unet.md; all others by hand.
TILT_CHECK, TILT_FAIL = 8.0, 45.0
# Distances in mm; they grow with voxels larger than these.
OFFSET_CHECK, OFFSET_FAIL = 4.5, 50.0
WALL_MOVED_CHECK, WALL_MOVED_FAIL, FINE_MM = 4.5, 20.0, 3.5
WALL_SEEN_CHECK = 0.4
TURN_CHECK = 45.0
# Direction from the apex to the base of most patients, LPS, and angles from it.
USUAL_DIRECTION = (-0.5, 0.7, 0.5)
DIRECTION_CHECK = 50.0
STRAY_CHECK, STRAY_FAIL = 0.05, 0.4
OUTSIDE_CHECK, OUTSIDE_FAIL = 0.01, 0.3
CONTRAST_CHECK, CONTRAST_FAIL = 1.2, 0.9
# Shell around the wall in which the background is measured, mm: nearer to the wall its blurred
# uptake would count.
BACKGROUND_MM = (10.0, 20.0)
BACKGROUND_CHECK, BACKGROUND_FAIL = 2.0, 1.2
# Voxels of labels are skipped where they are finer than this, mm: intensities are smoother.
SKIP_TO_MM = 2.5
# Uptake below this fraction of the polar map's maximum is low; limits are fractions of the map.
LOW_UPTAKE, LOW_UPTAKE_CHECK, LOW_UPTAKE_FAIL = 0.3, 0.15, 0.7
# Modalities in which the myocardium has the highest uptake; an unknown one is taken for these.
PERFUSION = ("", "spect", "pet")
# Fraction of the polar map with myocardium, and deviation of the determinant from 1.
SAMPLED_CHECK = 0.95
SCALE_CHECK = 0.05
# Ratios of intensities are cut off here, for a background of 0.
MAX_RATIO = 1000.0
# Plausible volumes, ml, from a child's ventricle to a diseased adult's; chosen by hand.
WALL_ML, CAVITY_ML = (25.0, 500.0), (8.0, 600.0)


def judge_short_axis(pair: Pair, estimate: Estimate) -> Judgement | None:
    """Judge the estimate of a reorientation to the short axis.

    Parameters
    ----------
    pair
        Fixed image in short-axis planes, whose centre is the origin of the frame, and the image
        as it was acquired.
    estimate
        Map of fixed to moving points, and labels; without labels nothing is said.
    """
    if estimate.labels is None:
        return None
    to_image = estimate.transform @ AffineTransform.shift(pair.fixed.grid.centre)
    try:
        measured = measure_ventricle(pair.moving, estimate.labels, to_image)
    except RegistrationError as error:
        return Judgement((("FAIL", str(error)),))
    return judge_reorientation(measured)


def judge_reorientation(measured: Reorientation) -> Judgement:
    """Judge a reoriented ventricle.

    Returns
    -------
    Judgement
        Its measures: ``tilt_deg`` and ``offset_mm`` between frame and ventricle; ``turn_deg``
        about the long axis, from the upright frame; ``direction_deg`` between the long axis and
        that of most patients; ``determinant`` of the map; ``wall_moved_mm``, the distance between
        the wall of the labels and the brightest wall of the image, and ``wall_seen_fraction``
        (see `regkit_ventricle.wall_position`); ``shape_misfit_mm``, of the labels and the cup that
        fits them; ``wall_to_cavity`` and ``wall_to_background`` (ratios of mean intensities);
        ``low_uptake_fraction`` (of the polar map, below 30 % of its maximum);
        ``sampled_fraction`` (of the polar map, with myocardium); ``stray_fraction`` (of the
        labelled voxels, not connected to the ventricle); ``outside_fraction`` (of the ventricle,
        outside the image).
    """
    image, ventricle = measured.image, measured.ventricle
    measures = _measure(image, ventricle, measured.axis, measured.transform, measured.polar)
    coarse = max(1.0, max(image.grid.spacing) / FINE_MM)
    findings = [
        *_pose(measures, coarse),
        *_segmentation(measures),
        *(_perfusion(measures, coarse) if image.modality in PERFUSION else ()),
        *_volumes(ventricle),
    ]
    return Judgement(tuple(findings), measures)


def _measure(
    image: Volume, ventricle: Ventricle, axis: LongAxis, transform: Transform, polar: PolarMap
) -> dict[str, float]:
    wall, cavity = (
        values_at(image, _points(mask, ventricle))
        for mask in (ventricle.myocardium, ventricle.cavity)
    )
    inside = np.concatenate([wall, cavity])
    sampled = polar.values[np.isfinite(polar.values)]
    position = wall_position(image, axis.cup)
    usual = np.divide(USUAL_DIRECTION, np.linalg.norm(USUAL_DIRECTION))
    return {
        "tilt_deg": tilt_deg(axis, transform),
        "offset_mm": offset_mm(axis, transform),
        "turn_deg": turn_deg(axis, transform),
        "direction_deg": float(np.rad2deg(np.arccos(np.clip(usual @ axis.direction, -1, 1)))),
        "determinant": float(np.linalg.det(linear_part(transform, ORIGIN))),
        "wall_moved_mm": position.moved_mm,
        "wall_seen_fraction": position.seen_fraction,
        "shape_misfit_mm": axis.cup.misfit_mm,
        "wall_to_cavity": _ratio(wall, cavity),
        "wall_to_background": _ratio(wall, values_at(image, _background(ventricle))),
        "low_uptake_fraction": (
            float((sampled < LOW_UPTAKE * sampled.max()).mean()) if sampled.size else 1.0
        ),
        "sampled_fraction": float(np.isfinite(polar.values).mean()),
        "stray_fraction": ventricle.stray_fraction,
        "outside_fraction": float(np.isnan(inside).mean()),
    }


def _points(mask: Mask, ventricle: Ventricle) -> FloatArray:
    """Return points spread over a structure, LPS mm."""
    steps = _steps(ventricle)
    kept = mask[tuple(slice(None, None, step) for step in steps)]
    return ventricle.labels.grid.to_physical(np.argwhere(kept) * steps)


def _steps(ventricle: Ventricle) -> list[int]:
    """Return after how many voxels of each axis one is used."""
    return [max(1, int(SKIP_TO_MM / side)) for side in ventricle.labels.grid.spacing[::-1]]


def _background(ventricle: Ventricle) -> FloatArray:
    """Return points in a shell around the ventricle, beyond the blur of its wall, LPS mm."""
    steps, grid = _steps(ventricle), ventricle.labels.grid
    sides = np.multiply(steps, grid.spacing[::-1])
    margin = np.ceil(BACKGROUND_MM[1] / sides).astype(int)
    kept = ventricle.whole[tuple(slice(None, None, step) for step in steps)]
    whole = np.pad(kept, [(int(n), int(n)) for n in margin])
    away = distance_transform_edt(~whole, sampling=sides)
    ring = (away >= BACKGROUND_MM[0]) & (away <= BACKGROUND_MM[1])
    return grid.to_physical((np.argwhere(ring) - margin) * steps)


def _ratio(wall: FloatArray, other: FloatArray) -> float:
    """Return the ratio of the mean intensities of the wall and another region, 0 to 1000."""
    means = [
        float(v[np.isfinite(v)].mean()) if np.isfinite(v).any() else 0.0 for v in (wall, other)
    ]
    if means[0] <= 0:
        return 0.0
    return float(means[0] / max(means[1], means[0] / MAX_RATIO))


def _pose(m: Mapping[str, float], coarse: float) -> list[tuple[Status, str]]:
    return [
        *_finding(
            False,
            m["determinant"] > 0 and abs(m["determinant"] - 1) > SCALE_CHECK,
            f"the transform is not rigid (determinant {m['determinant']:.3g})",
        ),
        *_finding(
            m["tilt_deg"] > TILT_FAIL,
            m["tilt_deg"] > TILT_CHECK,
            f"the short-axis planes are tilted by {m['tilt_deg']:.0f} degrees against the long "
            "axis of the labels",
        ),
        *_finding(
            m["offset_mm"] > OFFSET_FAIL,
            m["offset_mm"] > OFFSET_CHECK * coarse,
            f"the centre of the short-axis frame is {m['offset_mm']:.0f} mm from the centre of "
            "the labels",
        ),
        *_finding(
            False,
            abs(m["turn_deg"]) > TURN_CHECK,
            f"the short-axis planes are turned by {m['turn_deg']:.0f} degrees about the long axis "
            "from where the patient's head is up: are lateral and inferior wall where they should "
            "be?",
        ),
        *_finding(
            False,
            m["direction_deg"] > DIRECTION_CHECK,
            f"the long axis lies {m['direction_deg']:.0f} degrees from that of most patients: are "
            "left and right, head and feet right in the header?",
        ),
        *_finding(
            m["outside_fraction"] > OUTSIDE_FAIL,
            m["outside_fraction"] > OUTSIDE_CHECK,
            f"{m['outside_fraction']:.0%} of the ventricle lies outside the image",
        ),
    ]


def _segmentation(m: Mapping[str, float]) -> list[tuple[Status, str]]:
    return [
        *_finding(
            m["stray_fraction"] > STRAY_FAIL,
            m["stray_fraction"] > STRAY_CHECK,
            f"{m['stray_fraction']:.0%} of the labelled voxels are not connected to the ventricle",
        ),
        *_finding(
            False,
            m["sampled_fraction"] < SAMPLED_CHECK,
            f"no myocardium was found in {1 - m['sampled_fraction']:.0%} of the polar map",
        ),
    ]


def _perfusion(m: Mapping[str, float], coarse: float) -> list[tuple[Status, str]]:
    question = "are the labels on the ventricle?"
    return [
        *_finding(
            m["wall_to_cavity"] < CONTRAST_FAIL,
            m["wall_to_cavity"] < CONTRAST_CHECK,
            f"the myocardium is {_brighter(m['wall_to_cavity'])} than the blood pool "
            f"(ratio {m['wall_to_cavity']:.2f}): {question}",
        ),
        *_finding(
            m["wall_to_background"] < BACKGROUND_FAIL,
            m["wall_to_background"] < BACKGROUND_CHECK,
            f"the myocardium is {_brighter(m['wall_to_background'])} than its surroundings "
            f"(ratio {m['wall_to_background']:.2f}): {question}",
        ),
        *_finding(
            m["wall_moved_mm"] > WALL_MOVED_FAIL * coarse,
            m["wall_moved_mm"] > WALL_MOVED_CHECK * coarse,
            f"the image is brightest {'about' if m['wall_moved_mm'] < FAR_MM else 'more than'} "
            f"{m['wall_moved_mm']:.0f} mm from the wall of the labels: {question}",
        ),
        *_finding(
            False,
            m["wall_seen_fraction"] < WALL_SEEN_CHECK,
            f"on {1 - m['wall_seen_fraction']:.0%} of the wall the image shows none: {question}",
        ),
        *_finding(
            m["low_uptake_fraction"] > LOW_UPTAKE_FAIL,
            m["low_uptake_fraction"] > LOW_UPTAKE_CHECK,
            f"{m['low_uptake_fraction']:.0%} of the myocardium has an uptake below "
            f"{LOW_UPTAKE:.0%} of the maximum: labels and planes are uncertain there",
        ),
    ]


def _brighter(ratio: float) -> str:
    return "no brighter" if ratio < 1 else "hardly brighter"


def _volumes(ventricle: Ventricle) -> list[tuple[Status, str]]:
    volumes = (
        ("myocardium", ventricle.myocardium_ml, WALL_ML),
        ("cavity", ventricle.cavity_ml, CAVITY_ML),
    )
    return [
        ("CHECK", f"a {name} of {ml:.0f} ml is {'too small' if ml < low else 'too large'}")
        for name, ml, (low, high) in volumes
        if not low <= ml <= high
    ]


def _finding(fails: bool, checks: bool, reason: str) -> list[tuple[Status, str]]:
    if not (fails or checks):
        return []
    return [("FAIL" if fails else "CHECK", reason)]
