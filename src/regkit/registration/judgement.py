"""Judging an estimate: witnesses are asked, and what they and the images say is one verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from regkit.geometry.transform import Transform
from regkit.registrar import Estimate, Pair
from regkit.registration.error_model import ErrorModel
from regkit.registration.evidence import evidence_of
from regkit.registration.verdict import Verdict, assess
from regkit.registration.witness import Witness


def judge(
    pair: Pair,
    estimate: Estimate,
    searched: Witness | None,
    *,
    named: Sequence[Witness] = (),
    backward: Transform | None = None,
    notes: Iterable[str] = (),
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
    named
        Further witnesses, which the user named.
    backward, notes
        See `regkit.registration.verdict.assess`.
    model
        Calibrated model of the error; None for the one that comes with regkit.
    """
    found, told = estimate.transform, estimate.diagnostics
    warnings, remarks = (list(map(str, told.get(k, ()))) for k in ("warnings", "remarks"))
    evidence = None if searched is None else evidence_of(pair, found, searched, named, model)
    return assess(pair, found, warnings, backward, [*notes, *remarks], evidence=evidence)
