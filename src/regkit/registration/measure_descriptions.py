"""The measures of a verdict in plain sentences, with the limits for CHECK and for FAIL.

The limits are those of `regkit.registration.verdict_rules`, as ranges of each measure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from regkit.registration import verdict_rules as checks
from regkit.registration.error_model import LEAST_ALIKE
from regkit.registration.evidence import CLEARLY_BETTER
from regkit.registration.result_measures import LEAST_TOLERANCE_MM
from regkit.registration.verdict_rules import Measures

INFINITE = float("inf")
# Lowest and highest value that is within the limits.
Range: TypeAlias = tuple[float, float]
ANY: Range = (-INFINITE, INFINITE)
# The ranges of CHECK and of FAIL by all measures and the longest side of a voxel in mm.
Limits: TypeAlias = Callable[[Measures, float], tuple[Range, Range]]

DECIDING = ("expected_error_mm", "probability_bad")


@dataclass(frozen=True)
class MeasureDescription:
    """Description of a measure.

    Parameters
    ----------
    name
        Key of the measure.
    meaning
        Sentence without a full stop.
    unit
        ``mm``, ``degrees``, ``%`` for a fraction shown in percent, or empty.
    limits
        Function that returns the ranges of CHECK and of FAIL.
    is_doubt
        True if the estimate of the error, where there is one, decides in place of CHECK.
    """

    name: str
    meaning: str
    unit: str = ""
    limits: Limits = lambda measures, voxel_mm: (ANY, ANY)  # noqa: ARG005
    is_doubt: bool = False

    def text(self, value: float) -> str:
        """Return a value of the measure with its unit; rounding errors are 0."""
        value = round(value, 9)
        if self.unit == "%":
            percent = 100 * value
            return f"{percent:.0f} %" if percent == 0 or abs(percent) >= 1 else f"{percent:.2g} %"
        if self.unit:
            return f"{value:.3g} {self.unit}" if abs(value) < 100 else f"{value:.0f} {self.unit}"
        return f"{value:.4g}" if value == 0 or abs(value) >= 1e-3 else f"{value:.5f}"

    def outside_text(self, limits: Range) -> str:
        """Return the values outside of a range in words; empty if there are none."""
        low, high = limits
        parts = [f"below {self.text(low)}"] if low > -INFINITE else []
        return " or ".join(parts + ([f"above {self.text(high)}"] if high < INFINITE else []))


@dataclass(frozen=True)
class MeasureOutcome:
    """A measure of one result against its limits, in words.

    Parameters
    ----------
    name, value, meaning
        Key of the measure, its value with its unit, and a sentence.
    check, fail
        Values that mean CHECK, and FAIL; empty if there are none.
    outcome
        ``passes``, ``CHECK``, ``FAIL``, or empty for a measure without limits; ``weighed`` for one
        beyond its limit that the estimate of the error takes into account.
    """

    name: str
    value: str
    meaning: str
    check: str
    fail: str
    outcome: str


def _agreement(m: Measures, voxel_mm: float) -> tuple[Range, Range]:  # noqa: ARG001
    return (m.get("needed_agreement", LEAST_ALIKE), INFINITE), ANY


def _up_to(high: float) -> Range:
    return -INFINITE, high


def _fixed(check: Range, fail: Range = ANY) -> Limits:
    return lambda measures, voxel_mm: (check, fail)  # noqa: ARG005


def _at_most(least: float, voxels: float) -> Limits:
    """Return a limit of CHECK that grows with the voxels, as a distance in mm."""
    return lambda measures, voxel_mm: (_up_to(max(least, voxels * voxel_mm)), ANY)  # noqa: ARG005


def _similarity(m: Measures, voxel_mm: float) -> tuple[Range, Range]:  # noqa: ARG001
    return ANY, (_chance_level(m), INFINITE)


def _chance_level(m: Measures) -> float:
    return 1 + checks.CHANCE_FACTOR * max(m["chance_similarity"] - 1, checks.TINY)


def _gain_over_start(m: Measures, voxel_mm: float) -> tuple[Range, Range]:
    """Return how much may be lost, if the images moved and nothing else speaks for the result."""
    moved = m["mean_displacement_from_initial_mm"] > voxel_mm
    if not moved or m.get("improvement_over_start", 0.0) >= CLEARLY_BETTER:
        return ANY, ANY
    start = max(m["similarity"] - m["gain_over_start"] - 1, checks.TINY)
    return (-checks.LOSS_CHECK * start, INFINITE), (-checks.LOSS_FAIL * start, INFINITE)


def _determinant(m: Measures, voxel_mm: float) -> tuple[Range, Range]:  # noqa: ARG001
    check, fail = checks.VOLUME_CHECK, checks.VOLUME_FAIL
    return (1 / check, check), (1 / fail, fail)


def _mirror(m: Measures, voxel_mm: float) -> tuple[Range, Range]:  # noqa: ARG001
    """Return the limits of the fraction, which hold only above a least gain."""
    if m["determinant"] <= 0 or m["similarity"] < _chance_level(m):
        return ANY, ANY  # told by other measures
    gain, fraction = m["mirror_gain"], m["mirror_gain_fraction"]
    whole = gain / fraction if gain > 0 and fraction > 0 else INFINITE
    return (
        _up_to(max(checks.MIRROR_CHECK, checks.MIRROR_CHECK_GAIN / whole)),
        _up_to(max(checks.MIRROR_FAIL, checks.MIRROR_FAIL_GAIN / whole)),
    )


def _inverse(m: Measures, voxel_mm: float) -> tuple[Range, Range]:  # noqa: ARG001
    check, fail = checks.INVERSE_CHECK_VOXELS, checks.INVERSE_FAIL_VOXELS
    return _up_to(check * voxel_mm), _up_to(fail * voxel_mm)


MEASURES: tuple[MeasureDescription, ...] = (
    MeasureDescription(
        "expected_error_mm",
        "the error that results with such evidence have, on average over the body",
        "mm",
        _at_most(LEAST_TOLERANCE_MM, 1.0),
        is_doubt=True,
    ),
    MeasureDescription(
        "probability_bad",
        "how probably the result is wrong by more than twice the limit above",
        "%",
        _fixed(_up_to(checks.BAD_CHECK), _up_to(checks.BAD_FAIL)),
    ),
    MeasureDescription(
        "overlap",
        "part of the body in the smaller field of view that lies inside the other image",
        "%",
        _fixed((checks.OVERLAP_CHECK, INFINITE), (checks.OVERLAP_FAIL, INFINITE)),
        is_doubt=True,
    ),
    MeasureDescription(
        "similarity",
        "how well the intensities of each image tell those of the other: 1 not at all, 2 wholly; "
        "unrelated images reach twice the chance level above 1 at most",
        limits=_similarity,
    ),
    MeasureDescription(
        "chance_similarity",
        "the similarity when the intensities of one image are in random order: the chance level",
    ),
    MeasureDescription(
        "gain_over_start",
        "change of the similarity from the initial transform to the result",
        limits=_gain_over_start,
        is_doubt=True,
    ),
    MeasureDescription(
        "improvement_over_start",
        "the same by gradients as well, in standard errors; below 3 it may be noise",
    ),
    MeasureDescription(
        "gain_over_identity", "change of the similarity from the identity to the result"
    ),
    MeasureDescription(
        "peak_offset_mm",
        "distance to the highest similarity nearby, from small motions",
        "mm",
        _at_most(checks.PEAK_OFFSET_CHECK_MM, checks.PEAK_OFFSET_CHECK_VOXELS),
        is_doubt=True,
    ),
    MeasureDescription("climb_mm", "distance to where a climb to a higher similarity ends", "mm"),
    MeasureDescription(
        "climb_improvement",
        "how much better the images are aligned there, standard errors; below 3 it may be noise",
    ),
    MeasureDescription(
        "stretched_mm", "distance from there to where a climb with stretches ends", "mm"
    ),
    MeasureDescription(
        "stretched_improvement",
        "how much better the images are aligned there, standard errors; below 3 it may be noise",
    ),
    MeasureDescription(
        "peak_offset_without_masks_mm",
        "distance to the highest similarity nearby when the masks are left out",
        "mm",
        _at_most(checks.UNMASKED_OFFSET_CHECK_MM, checks.UNMASKED_OFFSET_CHECK_VOXELS),
        is_doubt=True,
    ),
    MeasureDescription(
        "looseness_mm",
        "motion in the least certain direction that costs a twentieth of the similarity inside "
        "the body",
        "mm",
        _at_most(checks.LOOSENESS_CHECK_MM, checks.LOOSENESS_CHECK_VOXELS),
        is_doubt=True,
    ),
    MeasureDescription(
        "mirror_gain", "how much more similar the images would be with one of them mirrored"
    ),
    MeasureDescription(
        "mirror_gain_fraction",
        "the same as a part of the similarity; related images lose much by mirroring",
        "%",
        _mirror,
        is_doubt=True,
    ),
    MeasureDescription(
        "mean_displacement_mm", "how far the transform moves the body on average", "mm"
    ),
    MeasureDescription(
        "mean_displacement_from_initial_mm",
        "how far the result lies from the initial transform on average over the body",
        "mm",
    ),
    MeasureDescription("rotation_deg", "angle of the rotation", "degrees"),
    MeasureDescription(
        "determinant",
        "smallest factor by which the transform changes volumes; below 0 it folds space",
        limits=_determinant,
    ),
    MeasureDescription(
        "stretch",
        "largest factor by which the transform changes lengths",
        limits=_fixed(_up_to(checks.STRETCH_CHECK), _up_to(checks.STRETCH_FAIL)),
    ),
    MeasureDescription(
        "inverse_mm",
        "how far the registration of moving to fixed disagrees on average",
        "mm",
        _inverse,
    ),
    MeasureDescription(
        "witness_mm", "distance to the result of an independent search of the images", "mm"
    ),
    MeasureDescription(
        "witness_improvement",
        "how much better the independent search aligns the images, in standard errors; below 3 "
        "it may be noise",
    ),
    MeasureDescription(
        "witness_ambiguity",
        "score of the second best place that the independent search found, as a part of its best",
        "%",
    ),
    MeasureDescription(
        "witness_uncertainty_mm", "uncertainty of the independent search by noise", "mm"
    ),
    MeasureDescription(
        "refinement_mm", "distance to where a refinement by another measure leads", "mm"
    ),
    MeasureDescription(
        "agreement",
        "how alike the images are there by self-similarity: 1 for equal, 0 for unrelated ones",
        limits=_agreement,
    ),
    MeasureDescription(
        "needed_agreement", "what that needs to be for such images: more in ultrasound"
    ),
    MeasureDescription(
        "mirrored_agreement", "the same with left and right exchanged; less for images as they are"
    ),
    MeasureDescription("consensus_mm", "distance to the farthest of all witnesses", "mm"),
)


def measure_outcomes(
    verdict: Mapping[str, Any], voxel_mm: float, own: Iterable[MeasureDescription] = ()
) -> list[MeasureOutcome]:
    """Describe the measures of a verdict, those that decide first.

    Parameters
    ----------
    verdict
        The verdict of a record; see the page on file formats.
    voxel_mm
        Longest side of a voxel of either image.
    own
        Descriptions of the measures of a judge of its own, which take the place of others.
    """
    measures = verdict["measures"]
    deciding = {name: verdict[name] for name in DECIDING if name in verdict}
    values = {k: v for k, v in (deciding | measures).items() if v is not None}
    known = {m.name: m for m in (*MEASURES, *own)}
    described = [m for m in known.values() if m.name in values]
    described += [MeasureDescription(name, "") for name in values if name not in known]
    return [_outcome(m, values[m.name], measures, voxel_mm, bool(deciding)) for m in described]


def _outcome(
    described: MeasureDescription, value: float, m: Measures, voxel_mm: float, weighed: bool
) -> MeasureOutcome:
    try:
        check, fail = described.limits(m, voxel_mm)
    except KeyError:  # a record that lacks a measure which the limits depend on
        check, fail = ANY, ANY
    outcome = "passes" if (check, fail) != (ANY, ANY) else ""
    if not check[0] <= value <= check[1]:
        outcome = "weighed" if weighed and described.is_doubt else "CHECK"
    if not fail[0] <= value <= fail[1]:
        outcome = "FAIL"
    return MeasureOutcome(
        *(described.name, described.text(value), described.meaning),
        *(described.outside_text(check), described.outside_text(fail), outcome),
    )
