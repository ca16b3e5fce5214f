"""The measures by which reorientations are judged, in plain sentences with their limits."""

from __future__ import annotations

from regkit.registration.measure_descriptions import (
    ANY,
    INFINITE,
    Limits,
    MeasureDescription,
    Range,
)
from regkit.registration.verdict_rules import VOLUME_FAIL
from regkit_ventricle import judge


def _fixed(check: Range, fail: Range = ANY) -> Limits:
    return lambda measures, voxel_mm: (check, fail)  # noqa: ARG005


def _growing(check_mm: float, fail: float, *, both: bool = False) -> Limits:
    """Return limits of a distance that grow with coarse voxels: that of CHECK, or both."""

    def limits(measures: object, voxel_mm: float) -> tuple[Range, Range]:  # noqa: ARG001
        coarse = max(1.0, voxel_mm / judge.FINE_MM)
        return (-INFINITE, check_mm * coarse), (-INFINITE, fail * (coarse if both else 1.0))

    return limits


def _up_to(check: float, fail: float = INFINITE) -> Limits:
    return _fixed((-INFINITE, check), (-INFINITE, fail))


def _from(check: float, fail: float = -INFINITE) -> Limits:
    return _fixed((check, INFINITE), (fail, INFINITE))


JUDGED_MEASURES = (
    MeasureDescription(
        "tilt_deg",
        "angle between the short-axis planes' normal and the long axis of the labels",
        "degrees",
        _up_to(judge.TILT_CHECK, judge.TILT_FAIL),
    ),
    MeasureDescription(
        "offset_mm",
        "distance of the frame's centre from the centre of the labels",
        "mm",
        _growing(judge.OFFSET_CHECK, judge.OFFSET_FAIL),
    ),
    MeasureDescription(
        "turn_deg",
        "turn about the long axis from where the patient's head is up",
        "degrees",
        _fixed((-judge.TURN_CHECK, judge.TURN_CHECK)),
    ),
    MeasureDescription(
        "direction_deg",
        "angle between the long axis and that of most patients",
        "degrees",
        _up_to(judge.DIRECTION_CHECK),
    ),
    MeasureDescription(
        "determinant",
        "factor by which the transform changes volumes: 1 for a rigid one",
        limits=_fixed(
            (1 - judge.SCALE_CHECK, 1 + judge.SCALE_CHECK), (1 / VOLUME_FAIL, VOLUME_FAIL)
        ),
    ),
    MeasureDescription(
        "wall_moved_mm",
        "distance between the wall of the labels and the brightest wall of the image",
        "mm",
        _growing(judge.WALL_MOVED_CHECK, judge.WALL_MOVED_FAIL, both=True),
    ),
    MeasureDescription(
        "wall_seen_fraction",
        "part of the wall of the labels where the image shows one",
        "%",
        _from(judge.WALL_SEEN_CHECK),
    ),
    MeasureDescription(
        "shape_misfit_mm", "distance of the labels from the smooth cup that fits them", "mm"
    ),
    MeasureDescription(
        "wall_to_cavity",
        "mean intensity of the myocardium against that of the blood pool",
        limits=_from(judge.CONTRAST_CHECK, judge.CONTRAST_FAIL),
    ),
    MeasureDescription(
        "wall_to_background",
        "mean intensity of the myocardium against that 10 to 20 mm around the ventricle",
        limits=_from(judge.BACKGROUND_CHECK, judge.BACKGROUND_FAIL),
    ),
    MeasureDescription(
        "low_uptake_fraction",
        "part of the polar map below 30 % of its maximum",
        "%",
        _up_to(judge.LOW_UPTAKE_CHECK, judge.LOW_UPTAKE_FAIL),
    ),
    MeasureDescription(
        "sampled_fraction",
        "part of the polar map in which myocardium was found",
        "%",
        _from(judge.SAMPLED_CHECK),
    ),
    MeasureDescription(
        "stray_fraction",
        "part of the labelled voxels that are not connected to the ventricle",
        "%",
        _up_to(judge.STRAY_CHECK, judge.STRAY_FAIL),
    ),
    MeasureDescription(
        "outside_fraction",
        "part of the ventricle outside the image",
        "%",
        _up_to(judge.OUTSIDE_CHECK, judge.OUTSIDE_FAIL),
    ),
)
