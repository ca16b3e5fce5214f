"""The verdict on a reorientation, from the anatomy of the ventricle.

The general verdict of a registration compares intensities. Those of an average ventricle, which is
round, and of a patient's have too little in common for that, so the anatomy is assessed instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from scipy.ndimage import distance_transform_edt

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import Transform, linear_part
from regkit.geometry.volume import Volume
from regkit.registration.verdict import RANKS, Status, Verdict
from regkit.similarity.point_sample import values_at
from regkit_ventricle.axis import LongAxis
from regkit_ventricle.frame import ORIGIN, offset_mm, tilt_deg
from regkit_ventricle.labels import Ventricle
from regkit_ventricle.polar_map import PolarMap

# Limits beyond which a measure makes the verdict CHECK or FAIL; all are chosen by hand. Tilt in
# degrees and offset in mm between frame and ventricle: networks err by some 7 degrees.
TILT_CHECK, TILT_FAIL = 15.0, 45.0
OFFSET_CHECK, OFFSET_FAIL = 15.0, 50.0
STRAY_CHECK, STRAY_FAIL = 0.05, 0.4
OUTSIDE_CHECK, OUTSIDE_FAIL = 0.01, 0.3
CONTRAST_CHECK, CONTRAST_FAIL = 1.2, 0.9
# Shell around the wall in which the background is measured, mm: nearer to the wall its blurred
# uptake would count.
BACKGROUND_MM = (10.0, 20.0)
BACKGROUND_CHECK, BACKGROUND_FAIL = 2.0, 1.2
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


def assess_reorientation(
    image: Volume,
    ventricle: Ventricle,
    axis: LongAxis,
    transform: Transform,
    polar: PolarMap,
    *,
    warnings: Iterable[str] = (),
) -> Verdict:
    """Assess a reorientation.

    Parameters
    ----------
    image
        Image as it was acquired.
    ventricle, axis, polar
        Ventricle in the labels, its long axis and its polar map.
    transform
        Map of points of the short-axis frame to the image, LPS mm.
    warnings
        Warnings of the method; each makes the verdict CHECK at best.

    Returns
    -------
    Verdict
        Its measures: ``tilt_deg`` and ``offset_mm`` between frame and ventricle, ``determinant``,
        ``wall_to_cavity`` and ``wall_to_background`` (ratios of mean intensities),
        ``low_uptake_fraction`` (of the polar map, below 30 % of its maximum),
        ``sampled_fraction`` (of the polar map, with myocardium), ``stray_fraction`` (of the
        labelled voxels, not connected to the ventricle), ``outside_fraction`` (of the ventricle,
        outside the image), ``similarity`` (0, for `Verdict.rank`).
    """
    measures = _measure(image, ventricle, axis, transform, polar)
    findings = [
        *_pose(measures),
        *_segmentation(measures),
        *(_perfusion(measures) if image.modality in PERFUSION else ()),
        *_volumes(ventricle),
        *(("CHECK", warning) for warning in warnings),
    ]
    status: Status = max((f[0] for f in findings), key=RANKS.__getitem__, default="OK")
    return Verdict(status, tuple(reason for _, reason in findings), measures)


def _measure(
    image: Volume, ventricle: Ventricle, axis: LongAxis, transform: Transform, polar: PolarMap
) -> dict[str, float]:
    grid = ventricle.labels.grid
    wall, cavity = (
        values_at(image, grid.to_physical(np.argwhere(mask)))
        for mask in (ventricle.myocardium, ventricle.cavity)
    )
    inside = np.concatenate([wall, cavity])
    sampled = polar.values[np.isfinite(polar.values)]
    return {
        "tilt_deg": tilt_deg(axis, transform),
        "offset_mm": offset_mm(axis, transform),
        "determinant": float(np.linalg.det(linear_part(transform, ORIGIN))),
        "wall_to_cavity": _ratio(wall, cavity),
        "wall_to_background": _ratio(wall, values_at(image, _background(ventricle))),
        "low_uptake_fraction": (
            float((sampled < LOW_UPTAKE * sampled.max()).mean()) if sampled.size else 1.0
        ),
        "sampled_fraction": float(np.isfinite(polar.values).mean()),
        "stray_fraction": ventricle.stray_fraction,
        "outside_fraction": float(np.isnan(inside).mean()),
        "similarity": 0.0,
    }


def _background(ventricle: Ventricle) -> FloatArray:
    """Return points in a shell around the ventricle, beyond the blur of its wall, LPS mm."""
    grid = ventricle.labels.grid
    margin = np.ceil(np.divide(BACKGROUND_MM[1], grid.spacing[::-1])).astype(int)
    whole = np.pad(ventricle.whole, [(int(n), int(n)) for n in margin])
    away = distance_transform_edt(~whole, sampling=grid.spacing[::-1])
    ring = (away >= BACKGROUND_MM[0]) & (away <= BACKGROUND_MM[1])
    return grid.to_physical(np.argwhere(ring) - margin)


def _ratio(wall: FloatArray, other: FloatArray) -> float:
    """Return the ratio of the mean intensities of the wall and another region, 0 to 1000."""
    means = [
        float(v[np.isfinite(v)].mean()) if np.isfinite(v).any() else 0.0 for v in (wall, other)
    ]
    if means[0] <= 0:
        return 0.0
    return float(means[0] / max(means[1], means[0] / MAX_RATIO))


def _pose(m: Mapping[str, float]) -> list[tuple[Status, str]]:
    return [
        *_finding(
            m["determinant"] <= 0,
            abs(m["determinant"] - 1) > SCALE_CHECK,
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
            m["offset_mm"] > OFFSET_CHECK,
            f"the centre of the short-axis frame is {m['offset_mm']:.0f} mm from the centre of "
            "the labels",
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


def _perfusion(m: Mapping[str, float]) -> list[tuple[Status, str]]:
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
