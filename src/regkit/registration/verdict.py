"""The verdict on a registration: OK, CHECK or FAIL, by regkit's measures of the result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from regkit.geometry.transform import Transform
from regkit.registrar import Pair, Status
from regkit.registration.error_model import (
    LEAST_ALIKE,
    ErrorEstimate,
    agrees_as_well_mirrored,
    lacks_agreement,
)
from regkit.registration.evidence import CLEARLY_BETTER, Evidence
from regkit.registration.modalities import unknown_modality_reasons
from regkit.registration.point_error import ErrorAtPoint
from regkit.registration.result_measures import (
    coarsest_voxel_mm,
    measure_result,
    tolerance_mm,
)
from regkit.registration.verdict_rules import (
    RANKS,
    Issue,
    Measures,
    is_refused,
    measured_issues,
    status_of_probability,
    worst_status,
)
from regkit.similarity.point_sample import sample_points_in_mask

INVERSE_SAMPLES = 2_000  # points at which a map and the inverse one are compared


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
    doubts: Iterable[str] = (),
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
        Warnings of the method itself. They leave the status as it is where the estimated error is
        small: no method grades its own result. Else each makes it CHECK at best.
    backward
        The map found when fixed and moving are exchanged, to compare with the inverse.
    notes
        Sentences about what was assumed of the images; they leave the status as it is.
    doubts
        Sentences about the images and masks; each makes the verdict CHECK at best.
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
        warnings, notes = (), [*notes, *warnings, *_start_notes(pair, measures)]
    issues = [*measured_issues(measures, coarsest_voxel_mm(pair), sure), *told]
    issues += told_issues(pair, [*doubts, *warnings], notes)
    return Verdict(worst_status(issues), tuple(reason for _, reason in issues), measures, error)


def told_issues(pair: Pair, warnings: Iterable[str], notes: Iterable[str]) -> list[Issue]:
    """Return what is doubtful, and what was assumed about the images."""
    return [
        *(("CHECK", w) for w in warnings),
        # How intensities were prepared says nothing about the result itself.
        *(("OK", reason) for reason in (*notes, *unknown_modality_reasons(pair))),
    ]


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
    status = status_of_probability(error.probability_bad)
    if status == "OK":
        return disagree
    low, high = error.interval_mm
    hints = [evidence.direction(pair, transform)]
    needed = evidence.measures.get("needed_agreement", LEAST_ALIKE)
    if needed > LEAST_ALIKE and lacks_agreement(evidence.measures):
        hints.append(
            "a similarity alone is no proof in ultrasound, and descriptors of the surroundings "
            "do not confirm it"
        )
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
        + (
            "do not use it"
            if status == "FAIL"
            else "compare the images by eye, or try another method"
        )
    )
    return [(status, reason), *disagree]


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
