"""Whether a reorientation can be trusted, by the anatomy of the ventricle it shows.

The general verdict of a registration compares intensities; an average ventricle, which is round,
and one patient's share too few of them to say anything, so that anatomy must.
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

# Beyond these a result is doubtful or wrong. Degrees and mm between the frame and the ventricle:
# networks err by some 7 degrees.
TILT_CHECK, TILT_FAIL = 15.0, 45.0
OFFSET_CHECK, OFFSET_FAIL = 15.0, 50.0
STRAY_CHECK, STRAY_FAIL = 0.05, 0.4
OUTSIDE_CHECK, OUTSIDE_FAIL = 0.01, 0.3
CONTRAST_CHECK, CONTRAST_FAIL = 1.2, 0.9
# Beyond the wall by so many mm, where little of it is blurred to, the image is darker.
AROUND_MM = (10.0, 20.0)
AROUND_CHECK, AROUND_FAIL = 2.0, 1.2
# What takes up less than this share of the map's maximum is dim; shares of the map.
DIM, DIM_CHECK, DIM_FAIL = 0.3, 0.15, 0.7
# Of these images it is the myocardium that is bright.
PERFUSION = ("", "spect", "pet")
FOUND_CHECK = 0.95
SCALE_CHECK = 0.05
BRIGHTEST = 1000.0
# Millilitres, from a child's ventricle to a diseased adult's.
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
    """Judge a reorientation.

    Parameters
    ----------
    image
        The image as it was acquired.
    ventricle, axis, polar
        What the labels show.
    transform
        Maps points of the short-axis frame to the image, LPS mm.
    warnings
        Doubts of the method itself; each makes the verdict CHECK at best.

    Returns
    -------
    Verdict
        Its measures: ``tilt_deg`` and ``offset_mm`` between frame and ventricle, ``determinant``,
        ``wall_to_cavity`` and ``wall_to_around`` (ratios of mean intensities), ``dim`` (share of
        the polar map below 30 % of its maximum), ``found`` (share of its rays that met
        myocardium), ``stray`` (share of the labels that lies elsewhere), ``outside``
        (share of the ventricle outside the image), ``similarity`` (0, for `Verdict.rank`).
    """
    measures = _measure(image, ventricle, axis, transform, polar)
    findings = [
        *_pose(measures),
        *_segmentation(measures),
        *(_perfusion(measures) if image.modality in PERFUSION else ()),
        *_volumes(ventricle),
        *(("CHECK", words) for words in warnings),
    ]
    status: Status = max((f[0] for f in findings), key=RANKS.__getitem__, default="OK")
    return Verdict(status, tuple(words for _, words in findings), measures)


def _measure(
    image: Volume, ventricle: Ventricle, axis: LongAxis, transform: Transform, polar: PolarMap
) -> dict[str, float]:
    grid = ventricle.labels.grid
    wall, cavity = (
        values_at(image, grid.to_physical(np.argwhere(mask)))
        for mask in (ventricle.myocardium, ventricle.cavity)
    )
    inside = np.concatenate([wall, cavity])
    found = polar.values[np.isfinite(polar.values)]
    return {
        "tilt_deg": tilt_deg(axis, transform),
        "offset_mm": offset_mm(axis, transform),
        "determinant": float(np.linalg.det(linear_part(transform, ORIGIN))),
        "wall_to_cavity": _ratio(wall, cavity),
        "wall_to_around": _ratio(wall, values_at(image, _around(ventricle))),
        "dim": float((found < DIM * found.max()).mean()) if found.size else 1.0,
        "found": float(np.isfinite(polar.values).mean()),
        "stray": ventricle.stray_share,
        "outside": float(np.isnan(inside).mean()),
        "similarity": 0.0,
    }


def _around(ventricle: Ventricle) -> FloatArray:
    """Return points around the ventricle, beyond what its wall is blurred to, LPS mm."""
    grid = ventricle.labels.grid
    far = np.ceil(np.divide(AROUND_MM[1], grid.spacing[::-1])).astype(int)
    whole = np.pad(ventricle.whole, [(int(n), int(n)) for n in far])
    away = distance_transform_edt(~whole, sampling=grid.spacing[::-1])
    ring = (away >= AROUND_MM[0]) & (away <= AROUND_MM[1])
    return grid.to_physical(np.argwhere(ring) - far)


def _ratio(wall: FloatArray, other: FloatArray) -> float:
    """Return how many times brighter the wall is, from 0 to 1000; 1000 of darkness."""
    means = [
        float(v[np.isfinite(v)].mean()) if np.isfinite(v).any() else 0.0 for v in (wall, other)
    ]
    if means[0] <= 0:
        return 0.0
    return float(means[0] / max(means[1], means[0] / BRIGHTEST))


def _pose(m: Mapping[str, float]) -> list[tuple[Status, str]]:
    return [
        *_found(
            m["determinant"] <= 0,
            abs(m["determinant"] - 1) > SCALE_CHECK,
            f"the transform is not rigid (determinant {m['determinant']:.3g})",
        ),
        *_found(
            m["tilt_deg"] > TILT_FAIL,
            m["tilt_deg"] > TILT_CHECK,
            f"the short-axis planes are {m['tilt_deg']:.0f} degrees off the long axis of the "
            "labels",
        ),
        *_found(
            m["offset_mm"] > OFFSET_FAIL,
            m["offset_mm"] > OFFSET_CHECK,
            f"the centre of the short-axis frame is {m['offset_mm']:.0f} mm from the labels'",
        ),
        *_found(
            m["outside"] > OUTSIDE_FAIL,
            m["outside"] > OUTSIDE_CHECK,
            f"{m['outside']:.0%} of the ventricle lies outside the image",
        ),
    ]


def _segmentation(m: Mapping[str, float]) -> list[tuple[Status, str]]:
    return [
        *_found(
            m["stray"] > STRAY_FAIL,
            m["stray"] > STRAY_CHECK,
            f"{m['stray']:.0%} of the labels lie in other pieces than the ventricle",
        ),
        *_found(
            False,
            m["found"] < FOUND_CHECK,
            f"{1 - m['found']:.0%} of the polar map's rays meet no myocardium",
        ),
    ]


def _perfusion(m: Mapping[str, float]) -> list[tuple[Status, str]]:
    question = "do the labels lie on the ventricle?"
    return [
        *_found(
            m["wall_to_cavity"] < CONTRAST_FAIL,
            m["wall_to_cavity"] < CONTRAST_CHECK,
            f"the myocardium is {_brighter(m['wall_to_cavity'])} than the blood pool "
            f"(ratio {m['wall_to_cavity']:.2f}): {question}",
        ),
        *_found(
            m["wall_to_around"] < AROUND_FAIL,
            m["wall_to_around"] < AROUND_CHECK,
            f"the myocardium is {_brighter(m['wall_to_around'])} than what lies around it "
            f"(ratio {m['wall_to_around']:.2f}): {question}",
        ),
        *_found(
            m["dim"] > DIM_FAIL,
            m["dim"] > DIM_CHECK,
            f"{m['dim']:.0%} of the myocardium takes up less than {DIM:.0%} of its maximum: "
            "labels and planes are uncertain there",
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


def _found(fails: bool, checks: bool, words: str) -> list[tuple[Status, str]]:
    if not (fails or checks):
        return []
    return [("FAIL" if fails else "CHECK", words)]
