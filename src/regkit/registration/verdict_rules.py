"""Rules by which measures make a result doubtful (CHECK) or wrong (FAIL)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

from regkit.registrar import Status
from regkit.registration.evidence import CLEARLY_BETTER
from regkit.registration.result_measures import (
    LEAST_TOLERANCE_MM,
    LOOSENESS_LOSS,
    MAX_LOOSENESS_MM,
)

# Severity of each status.
RANKS: Mapping[Status, int] = {"OK": 0, "CHECK": 1, "FAIL": 2}

Measures: TypeAlias = Mapping[str, float]
Issue: TypeAlias = tuple[Status, str]
Check: TypeAlias = Callable[[Measures, float], Issue | None]

# Limits beyond which a result is doubtful (CHECK) or wrong (FAIL); all chosen by hand.
# benchmarks/real_pairs.py records how often the verdict is right on public images.
OVERLAP_CHECK, OVERLAP_FAIL = 0.6, 0.25
VOLUME_CHECK, VOLUME_FAIL = 1.5, 3.0
STRETCH_CHECK, STRETCH_FAIL = 1.4, 2.0
LOSS_CHECK, LOSS_FAIL = 0.001, 0.02
PEAK_OFFSET_CHECK_MM, PEAK_OFFSET_CHECK_VOXELS = 3.0, 0.75
# The rest of a body may have moved by more than what is in the mask: twice as far.
UNMASKED_OFFSET_CHECK_MM, UNMASKED_OFFSET_CHECK_VOXELS = 6.0, 1.5
LOOSENESS_CHECK_MM, LOOSENESS_CHECK_VOXELS = 9.0, 4.4
# Gain of similarity by mirroring, of which noise explains less, and as a fraction of that above 1.
MIRROR_CHECK_GAIN, MIRROR_FAIL_GAIN = 0.004, 0.012
MIRROR_CHECK, MIRROR_FAIL = 0.02, 0.05
INVERSE_CHECK_VOXELS, INVERSE_FAIL_VOXELS = 1.0, 4.0
# Related images are at least so many times as similar, above 1, as unrelated ones.
CHANCE_FACTOR = 2.0
# Probabilities of a bad answer, with a witness. Chosen on the patients in benchmarks/results/
# fitting/verdict.jsonl, most of which the model that comes with regkit has not seen: up to the
# first, 5 of 1,146 wrong answers are OK, and 449 of 537 good ones; beyond the second, 744 of 774
# hopeless ones are FAIL, and 45 good ones; at 0.6 these are 768 and 75.
BAD_CHECK, BAD_FAIL = 0.5, 0.8
# Tolerances and standard errors of a witness that is elsewhere and as good: of 817 good answers of
# the patients for fitting of benchmarks/verdict.py, five have such a witness.
ANOTHER_PLACE, AS_GOOD = 4.0, -2.0
TINY = 1e-9  # keeps divisions from zero


def worst_status(issues: Iterable[Issue]) -> Status:
    """Return the severest status of some problems, OK for none."""
    return max((issue[0] for issue in issues), key=RANKS.__getitem__, default="OK")


def is_refused(measures: Measures, voxel_mm: float) -> bool:
    """Return True if a rule alone makes the verdict FAIL, whatever the witnesses say."""
    return any(status == "FAIL" for status, _ in measured_issues(measures, voxel_mm, sure=True))


def status_of_probability(bad: float) -> Status:
    """Return the status of a result that is bad with a probability."""
    if bad > BAD_FAIL:
        return "FAIL"
    return "CHECK" if bad > BAD_CHECK else "OK"


def status_by_estimate(measures: Measures, voxel_mm: float, probability_bad: float) -> Status:
    """Return the status of a result with witnesses; what the method told does not count."""
    issues = measured_issues(measures, voxel_mm, sure=True)
    return worst_status([(status_of_probability(probability_bad), ""), *issues])


def measured_issues(measures: Measures, voxel_mm: float, sure: bool) -> list[Issue]:
    """Return every problem that the measures show; no doubts if the estimated error is small."""
    found = ((check, check(measures, voxel_mm)) for check in CHECKS)
    problems = [(check, issue) for check, issue in found if issue is not None]
    return [i for check, i in problems if not (sure and check in DOUBTS and i[0] == "CHECK")]


def map_issues(measures: Measures, voxel_mm: float) -> list[Issue]:
    """Return the problems of a map, whatever the images show."""
    found = (check(measures, voxel_mm) for check in (_folding, _volume_change, _stretch, _inverse))
    return [issue for issue in found if issue is not None]


def _issue(reason: str, check: bool, fail: bool = False) -> Issue | None:
    if fail:
        return "FAIL", reason
    return ("CHECK", reason) if check else None


def _folding(m: Measures, voxel_mm: float) -> Issue | None:  # noqa: ARG001
    determinant = m["determinant"]
    return _issue(
        f"the transform folds or mirrors space (determinant {determinant:.3g}); do not use it, "
        "and check the orientation in both headers",
        check=False,
        fail=determinant <= 0,
    )


def _volume_change(m: Measures, voxel_mm: float) -> Issue | None:  # noqa: ARG001
    determinant = m["determinant"]
    if determinant <= 0:
        return None  # reported as folding
    factor = max(determinant, 1 / determinant)
    return _issue(
        f"the transform changes volumes by a factor of {determinant:.2f}; check the voxel sizes "
        "in both headers, or use a rigid method",
        check=factor > VOLUME_CHECK,
        fail=factor > VOLUME_FAIL,
    )


def _stretch(m: Measures, voxel_mm: float) -> Issue | None:  # noqa: ARG001
    return _issue(
        f"the transform stretches or squeezes lengths by a factor of up to {m['stretch']:.2f}; "
        "check the voxel sizes in both headers, or use a rigid method",
        check=m["stretch"] > STRETCH_CHECK,
        fail=m["stretch"] > STRETCH_FAIL,
    )


def _overlap(m: Measures, voxel_mm: float) -> Issue | None:  # noqa: ARG001
    return _issue(
        f"only {m['overlap']:.0%} of the body in the smaller field of view lies inside the other "
        "image; check the initial transform, or give masks of the region that both images show",
        check=m["overlap"] < OVERLAP_CHECK,
        fail=m["overlap"] < OVERLAP_FAIL,
    )


def _is_at_chance(m: Measures) -> bool:
    """Return True if the images are hardly more similar than unrelated ones."""
    return (m["similarity"] - 1) / max(m["chance_similarity"] - 1, TINY) < CHANCE_FACTOR


def _chance(m: Measures, voxel_mm: float) -> Issue | None:  # noqa: ARG001
    return _issue(
        f"the aligned images are hardly more similar (NMI {m['similarity']:.3f}) than unrelated "
        f"ones ({m['chance_similarity']:.3f}); check that they show the same region of one "
        "patient, or try another method",
        check=False,
        fail=_is_at_chance(m),
    )


def _similarity_loss(m: Measures, voxel_mm: float) -> Issue | None:
    loss = -m["gain_over_start"] / max(m["similarity"] - m["gain_over_start"] - 1, TINY)
    # The similarity of a motion within a voxel depends on interpolation.
    moved = m["mean_displacement_from_initial_mm"] > voxel_mm
    improvement = m.get("improvement_over_start", 0.0)
    return _issue(
        f"the images are less similar than at the initial transform (NMI "
        f"{m['gain_over_start']:+.4f}); keep the initial transform, or try another method",
        check=moved and improvement < CLEARLY_BETTER and loss > LOSS_CHECK,
        fail=moved and improvement < -CLEARLY_BETTER and loss > LOSS_FAIL,
    )


def _peak_offset(m: Measures, voxel_mm: float) -> Issue | None:
    limit = max(PEAK_OFFSET_CHECK_MM, PEAK_OFFSET_CHECK_VOXELS * voxel_mm)
    return _issue(
        f"the images would be more similar about {m['peak_offset_mm']:.0f} mm away from the "
        "result; compare them by eye, or refine the result with a second method",
        check=m["peak_offset_mm"] > limit,
    )


def _peak_offset_without_masks(m: Measures, voxel_mm: float) -> Issue | None:
    limit = max(UNMASKED_OFFSET_CHECK_MM, UNMASKED_OFFSET_CHECK_VOXELS * voxel_mm)
    offset = m.get("peak_offset_without_masks_mm", 0.0)
    return _issue(
        f"without the masks the images would be more similar about {offset:.0f} mm away from the "
        "result; compare the whole images by eye, or start from a registration without masks",
        check=offset > limit,
    )


def _looseness(m: Measures, voxel_mm: float) -> Issue | None:
    limit = max(LOOSENESS_CHECK_MM, LOOSENESS_CHECK_VOXELS * voxel_mm)
    motion = m["looseness_mm"]
    if motion < MAX_LOOSENESS_MM:
        cost = f"{motion:.0f} mm of motion costs only {LOOSENESS_LOSS:.0%}"
    else:
        cost = f"more than {motion:.0f} mm of motion costs less than {LOOSENESS_LOSS:.0%}"
    return _issue(
        f"the position is loosely determined: in some direction {cost} of the similarity inside "
        "the body; compare the images by eye",
        check=motion > limit,
    )


def _mirror(m: Measures, voxel_mm: float) -> Issue | None:  # noqa: ARG001
    gain = m["mirror_gain"]
    part = m["mirror_gain_fraction"]
    # Else reported as folding, or as unrelated: noise has no left and right.
    told = m["determinant"] > 0 and not _is_at_chance(m)
    return _issue(
        f"the moving image looks mirrored: with left and right exchanged it would be {part:.0%} "
        "more similar; check the orientation in both headers and the order of the voxels",
        check=told and gain > MIRROR_CHECK_GAIN and part > MIRROR_CHECK,
        fail=told and gain > MIRROR_FAIL_GAIN and part > MIRROR_FAIL,
    )


def _inverse(m: Measures, voxel_mm: float) -> Issue | None:
    miss = m.get("inverse_mm", 0.0)
    return _issue(
        f"registering moving to fixed disagrees by {miss:.1f} mm; compare both results by eye, "
        "or try another method",
        check=miss > INVERSE_CHECK_VOXELS * voxel_mm,
        fail=miss > INVERSE_FAIL_VOXELS * voxel_mm,
    )


def _another_place(m: Measures, voxel_mm: float) -> Issue | None:
    apart, better = m.get("witness_mm", 0.0), m.get("witness_improvement", 0.0)
    limit = ANOTHER_PLACE * max(LEAST_TOLERANCE_MM, voxel_mm)
    return _issue(
        f"another search of the same images ends {apart:.0f} mm away and aligns them as well; "
        "compare both places by eye, or give an initial transform near the right one",
        check=apart > limit and better > AS_GOOD,
    )


CHECKS: tuple[Check, ...] = (
    _another_place,
    _folding,
    _volume_change,
    _stretch,
    _overlap,
    _chance,
    _similarity_loss,
    _peak_offset,
    _peak_offset_without_masks,
    _looseness,
    _mirror,
    _inverse,
)
# What makes a result doubtful is evidence for the estimate of the error, which weighs it.
DOUBTS = (
    _overlap,
    _similarity_loss,
    _peak_offset,
    _peak_offset_without_masks,
    _looseness,
    _mirror,
)
