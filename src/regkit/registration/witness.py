"""Witnesses: registrations of the same pair that are independent of the result to be judged.

A similarity at one place says little about how wrong that place is. Another search of the same
images says more: the distance between the two, and which of them aligns the images better. The
core knows no method: a plugin declares which ones serve (`regkit.plugin.MethodSpec.witness`).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from regkit.errors import NotInvertibleError
from regkit.geometry.transform import AffineTransform, Transform
from regkit.plugin import MethodSpec
from regkit.registrar import Pair, Registrar
from regkit.registration.parameters import configure
from regkit.registration.result_measures import tolerance_mm
from regkit.registry import Registry, default_registry
from regkit.similarity.compared_points import SmallerField
from regkit.similarity.improvement import NO_PROOF, improvement

logger = logging.getLogger(__name__)

# Tolerances up to which a witness confirms a result: which of the two is better is not asked.
CONFIRMS = 0.5

Role = Literal["search", "refinement"]


@dataclass(frozen=True, eq=False)
class Witness:
    """The result of another registration of the pair.

    Parameters
    ----------
    name
        Method.
    transform
        Its map of fixed to moving points, LPS mm.
    diagnostics
        Its findings.
    """

    name: str
    transform: Transform
    diagnostics: dict[str, Any] = field(default_factory=dict)

    def measures(self, pair: Pair, result: Transform) -> dict[str, float]:
        """Compare a result with this one.

        Returns
        -------
        dict
            ``witness_mm``
                Mean distance of the two over the body in the smaller field of view.
            ``witness_improvement``
                Improvement of this one over the result, standard errors of the similarity; 0
                where the two are as good as equal.
            ``witness_ambiguity``
                Score of its second best place relative to the best, 0 where there is none.
            ``witness_uncertainty_mm``
                Uncertainty of its position by noise, where the method gives one.
        """
        second = self.diagnostics.get("second_best", {})
        apart = separation_mm(pair, self.transform, result)
        equal = confirms(pair, apart)
        found = {
            "witness_mm": apart,
            "witness_improvement": 0.0 if equal else improvement(pair, self.transform, result),
            "witness_ambiguity": float(second.get("score_ratio", 0.0)),
        }
        if "uncertainty_mm" in self.diagnostics:
            found["witness_uncertainty_mm"] = float(self.diagnostics["uncertainty_mm"])
        return found


def search_witness(pair: Pair, registry: Registry | None = None) -> Witness | None:
    """Search the pair with a method that serves as a witness; None where none is usable."""
    return _registered(pair, "search", registry)


def refinement_witness(
    pair: Pair, result: Transform, registry: Registry | None = None
) -> Witness | None:
    """Refine a result by another measure; None where no method for it is usable.

    Where one image is ultrasound it moves, whichever is fixed: how far descriptors agree depends
    on whose points are described, and the agreement that is needed was chosen so.
    """
    started = replace(pair, initial=result, initial_is_guess=False)
    only_fixed = pair.fixed.modality in NO_PROOF and pair.moving.modality not in NO_PROOF
    if not only_fixed or not isinstance(result, AffineTransform):
        return _registered(started, "refinement", registry)
    try:
        found = _registered(started.swapped(), "refinement", registry)
        return None if found is None else replace(found, transform=found.transform.inverse())
    except NotInvertibleError:  # a map that flattens the image, which the verdict tells anyhow
        return None


def declared_witnesses(registry: Registry) -> frozenset[str]:
    """Return the names of the methods that plugins declare as witnesses."""
    return frozenset(method.spec.name for method in registry.methods if method.spec.witness)


def confirms(pair: Pair, apart_mm: float) -> bool:
    """Return True if a witness so far away, mm, is as good as equal to the result."""
    return apart_mm < CONFIRMS * tolerance_mm(pair)


def separation_mm(pair: Pair, one: Transform, other: Transform) -> float:
    """Return the mean distance of two maps over the body in the smaller field of view, mm."""
    field_of_view = SmallerField.of(pair)
    apart = field_of_view.body_after(one) - field_of_view.body_after(other)
    return float(np.nan_to_num(np.linalg.norm(apart, axis=1)).mean())


def _registered(pair: Pair, role: Role, registry: Registry | None) -> Witness | None:
    for spec, method in _methods(pair, role, registry or default_registry()):
        # The initial transform of the result must not lead a search that needs none.
        leads = role == "refinement" or not spec.searches_everywhere
        try:
            found = method.register(pair if leads else replace(pair, initial=None))
        except Exception as error:  # a verdict without this witness is better than none
            logger.info("%s does not serve as a witness: %s", spec.name, error)
        else:
            return Witness(spec.name, found.transform, dict(found.diagnostics))
    return None


def _methods(pair: Pair, role: Role, registry: Registry) -> Iterable[tuple[MethodSpec, Registrar]]:
    """Yield the usable methods of a role; a search whose specialty the pair is comes first."""
    modalities = pair.fixed.modality, pair.moving.modality
    able = [m for m in registry.methods if role in m.spec.witness and not m.problem]
    special = [m for m in able if modalities in m.spec.specialty]
    general = [m for m in able if not m.spec.specialty or role == "refinement"]
    for method in [*special, *general] if role == "search" else general:
        spec = method.spec
        values = {**spec.preset, **spec.witness[role]}
        yield spec, configure(method.load(), spec.name, values)
