"""Judging an estimate: a method's own judge, or the images and the witnesses, give one verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from regkit.geometry.transform import Transform
from regkit.registrar import Estimate, Judge, Judgement, Pair
from regkit.registration.error_model import ErrorModel
from regkit.registration.evidence import evidence_of
from regkit.registration.result_measures import coarsest_voxel_mm, measure_map, tolerance_mm
from regkit.registration.verdict import (
    Verdict,
    assess,
    disagreements,
    measure_inverse,
    told_issues,
)
from regkit.registration.verdict_rules import map_issues, worst_status
from regkit.registration.witness import Witness, separation_mm


def judge(
    pair: Pair,
    estimate: Estimate,
    searched: Witness | None,
    *,
    own: Judgement | None = None,
    named: Sequence[Witness] = (),
    backward: Transform | None = None,
    notes: Iterable[str] = (),
    doubts: Iterable[str] = (),
    model: ErrorModel | None = None,
) -> Verdict:
    """Judge what a method has found.

    Parameters
    ----------
    pair
        The input of the method.
    estimate
        Its output, with ``warnings`` and ``remarks`` in the diagnostics.
    searched
        The witness that searched the pair (`regkit.registration.witness.search_witness`); None
        where no method serves as one, and the error is not estimated.
    own
        Judgement of the method's own judge (`own_judgement`). It then decides, with what holds for
        every map; the similarity of the images is not asked for.
    named
        Further witnesses, which the user named.
    backward, notes
        See `regkit.registration.verdict.assess`.
    doubts
        Sentences about the images and masks; each makes the verdict CHECK at best.
    model
        Calibrated model of the error; None for the one that comes with regkit.
    """
    found, told = estimate.transform, estimate.diagnostics
    warnings, remarks = (list(map(str, told.get(k, ()))) for k in ("warnings", "remarks"))
    notes = [*notes, *remarks]
    if own is not None:
        measures = measure_map(pair, found) | measure_inverse(pair, found, backward)
        apart_mm = {w.name: separation_mm(pair, w.transform, found) for w in named}
        issues = [
            *map_issues(measures, coarsest_voxel_mm(pair)),
            *own.findings,
            *([("CHECK", own.caution)] if own.caution else ()),
            *disagreements(apart_mm, tolerance_mm(pair)),
            *told_issues(pair, [*doubts, *warnings], notes),
        ]
        reasons = tuple(reason for _, reason in issues)
        return Verdict(worst_status(issues), reasons, {**measures, **own.measures})
    evidence = None if searched is None else evidence_of(pair, found, searched, named, model)
    return assess(pair, found, warnings, backward, notes, doubts=doubts, evidence=evidence)


def own_judgement(judging: object, pair: Pair, estimate: Estimate) -> Judgement | None:
    """Return what a method's own judge says; None if it has none, or none for this estimate."""
    return judging.judge(pair, estimate) if isinstance(judging, Judge) else None
