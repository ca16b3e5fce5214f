"""The verdict on a registration: OK, CHECK or FAIL, by regkit's measures of the result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from regkit.geometry.transform import Transform
from regkit.registrar import Pair, Status
from regkit.registration.error_model import ErrorEstimate, agrees_as_well_mirrored
from regkit.registration.evidence import CLEARLY_BETTER, Evidence
from regkit.registration.modalities import unknown_modality_reasons
from regkit.registration.point_error import ErrorAtPoint
from regkit.registration.result_measures import (
    LEAST_TOLERANCE_MM,
    LOOSENESS_LOSS,
    MAX_LOOSENESS_MM,
    coarsest_voxel_mm,
    measure_result,
    tolerance_mm,
)
from regkit.similarity.point_sample import sample_points_in_mask

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
# Probabilities of a bad answer, with a witness. Chosen on the patients for fitting of
# benchmarks/verdict.py, each judged by a model that has not seen the patient: 91 % of the good
# answers are OK, and 1.2 % of the wrong ones (at 0.3 they are 89 % and 1.1 %).
BAD_CHECK, BAD_FAIL = 0.35, 0.6
# Tolerances and standard errors of a witness that is elsewhere and as good: of 417 good answers of
# the patients for fitting of benchmarks/verdict.py, one has such a witness.
ANOTHER_PLACE, AS_GOOD = 4.0, -2.0
INVERSE_SAMPLES = 2_000  # points at which a map and the inverse one are compared
TINY = 1e-9  # keeps divisions from zero


@dataclass(frozen=True)
class Verdict:
    """A status, the reasons for it, and the measures behind them.

    Parameters
    ----------
    status
        ``OK``, ``CHECK`` (look at the images) or ``FAIL`` (do not use).
    reasons
        One sentence for each problem found, with what to do about it; a modality that is unknown
        is one that leaves the status as it is.
    measures
        Those of `measure_result`, and ``inverse_mm``, the mean distance by which the registration
        of moving to fixed disagrees, if that was asked for; with a witness, those of `Evidence`.
    error
        Estimate of the error of the result; None without a witness.
    points
        Estimates of the error at the points that the user named.
    """

    status: Status
    reasons: tuple[str, ...]
    measures: Measures
    error: ErrorEstimate | None = None
    points: tuple[ErrorAtPoint, ...] = ()

    def __repr__(self) -> str:
        return f"<Verdict {self.status}{': ' if self.reasons else ''}{'; '.join(self.reasons)}>"

    @property
    def rank(self) -> tuple[int, float, float]:
        """Key that sorts verdicts, the best first."""
        bad = 0.0 if self.error is None else self.error.probability_bad
        return RANKS[self.status], bad, -self.measures.get("similarity", 0.0)


def assess(
    pair: Pair,
    transform: Transform,
    warnings: Iterable[str] = (),
    backward: Transform | None = None,
    notes: Iterable[str] = (),
    *,
    evidence: Evidence | None = None,
) -> Verdict:
    """Judge a map from fixed to moving points.

    Parameters
    ----------
    pair
        The input of the registration.
    transform
        The total map found, LPS mm.
    warnings
        Warnings of the method itself; each makes the verdict CHECK at best.
    backward
        The map found when fixed and moving are exchanged, to compare with the inverse.
    notes
        Sentences about what was assumed of the images; they leave the status as it is.
    evidence
        Evidence of witnesses. Its estimate of the error then decides: what else makes a result
        doubtful is a part of it, and told only where the estimate is doubtful as well.
    """
    measures = measure_result(pair, transform) | measure_inverse(pair, transform, backward)
    error, refused = None, is_refused(measures, coarsest_voxel_mm(pair))
    if evidence is not None:
        error = evidence.estimate(pair, measures, refused)
        measures |= evidence.measures
    # Where a rule refuses the result, it says what to do.
    told = [] if refused else _error_issues(pair, transform, evidence, error)
    sure = error is not None and not told and not refused
    if sure:
        notes = [*notes, *_start_notes(pair, measures)]
    issues = [*_issues(measures, coarsest_voxel_mm(pair), sure), *told]
    issues += told_issues(pair, warnings, notes)
    return Verdict(worst_status(issues), tuple(reason for _, reason in issues), measures, error)


def told_issues(pair: Pair, warnings: Iterable[str], notes: Iterable[str]) -> list[Issue]:
    """Return what the method told, and what was assumed about the images."""
    return [
        *(("CHECK", w) for w in warnings),
        # How intensities were prepared says nothing about the result itself.
        *(("OK", reason) for reason in (*notes, *unknown_modality_reasons(pair))),
    ]


def worst_status(issues: Iterable[Issue]) -> Status:
    """Return the severest status of some problems, OK for none."""
    return max((issue[0] for issue in issues), key=RANKS.__getitem__, default="OK")


def measure_inverse(
    pair: Pair, forward: Transform, backward: Transform | None
) -> dict[str, float]:
    """Measure the mean disagreement of a map and that of the exchanged images, if there is one."""
    if backward is None:
        return {}
    sample = sample_points_in_mask(pair.fixed, pair.fixed_mask, INVERSE_SAMPLES)
    body = sample.points[sample.foreground]
    there_and_back = backward.map_points(forward.map_points(body))
    return {"inverse_mm": float(np.linalg.norm(there_and_back - body, axis=1).mean())}


def is_refused(measures: Measures, voxel_mm: float) -> bool:
    """Return True if a rule alone makes the verdict FAIL, whatever the witnesses say."""
    return any(status == "FAIL" for status, _ in _issues(measures, voxel_mm, sure=True))


def _issues(measures: Measures, voxel_mm: float, sure: bool) -> list[Issue]:
    """Return every problem that the measures show; no doubts if the estimated error is small."""
    found = ((check, check(measures, voxel_mm)) for check in CHECKS)
    problems = [(check, issue) for check, issue in found if issue is not None]
    return [i for check, i in problems if not (sure and check in DOUBTS and i[0] == "CHECK")]


def map_issues(measures: Measures, voxel_mm: float) -> list[Issue]:
    """Return the problems of a map, whatever the images show."""
    found = (check(measures, voxel_mm) for check in (_folding, _volume_change, _stretch, _inverse))
    return [issue for issue in found if issue is not None]


def disagreements(apart_mm: Mapping[str, float], limit: float) -> list[Issue]:
    """Return the witnesses that end far from the result."""
    return [
        ("CHECK", f"the witness {name} ends {apart:.0f} mm away; compare both results by eye")
        for name, apart in apart_mm.items()
        if apart > 2 * limit
    ]


def _error_issues(
    pair: Pair, transform: Transform, evidence: Evidence | None, error: ErrorEstimate | None
) -> list[Issue]:
    """Return what the estimated error means, and where the images would fit better."""
    if evidence is None or error is None:
        return []
    limit = tolerance_mm(pair)
    disagree = disagreements(evidence.apart_mm, limit)
    fail, unsure = error.probability_bad > BAD_FAIL, error.probability_bad > BAD_CHECK
    if not unsure and error.expected_mm <= limit:
        return disagree
    low, high = error.interval_mm
    hints = [evidence.direction(pair, transform)]
    if agrees_as_well_mirrored(evidence.measures):
        hints.append(
            "with left and right exchanged the images agree as well: check the orientation in "
            "both headers"
        )
    reason = (
        f"the result is probably wrong by about {error.expected_mm:.0f} mm (90 % between "
        f"{low:.0f} and {high:.0f} mm), and by more than {2 * limit:.0f} mm with a probability of "
        f"{error.probability_bad:.0%}; "
        + "".join(f"{hint}; " for hint in hints if hint)
        + ("do not use it" if fail else "compare the images by eye, or try another method")
    )
    return [("FAIL" if fail else "CHECK", reason), *disagree]


def _start_notes(pair: Pair, measures: Measures) -> list[str]:
    """Return a sentence if a right result is no better than the initial transform."""
    if measures.get("improvement_over_start", CLEARLY_BETTER) >= CLEARLY_BETTER:
        return []
    start = "the headers are" if pair.initial is None else "the initial transform is"
    apart = measures["mean_displacement_from_initial_mm"]
    frames = {pair.fixed.frame_of_reference, pair.moving.frame_of_reference}
    shared = (
        " (both images have one frame of reference)" if len(frames) == 1 and all(frames) else ""
    )
    return [f"already aligned: {start} as good within {apart:.1f} mm{shared}"]


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
