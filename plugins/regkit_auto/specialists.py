"""Specialists: the usable methods that are made for the modalities of a pair."""

from __future__ import annotations

from dataclasses import dataclass

from regkit.errors import RegkitError
from regkit.plugin import MethodSpec
from regkit.registrar import Estimate, Judge, Judgement, Pair
from regkit.registry import RegisteredSpec, Registry


@dataclass(frozen=True)
class Specialists:
    """Names of the specialists for a pair.

    Parameters
    ----------
    compared
        Those whose results a similarity may refine, and compare with others.
    judging
        Those that judge their own results by something else (`regkit.registrar.Judge`): what a
        similarity says of these means nothing.
    """

    compared: tuple[str, ...] = ()
    judging: tuple[str, ...] = ()

    @classmethod
    def of(cls, pair: Pair, registry: Registry) -> Specialists:
        """Return the specialists of a registry for a pair."""
        modalities = pair.fixed.modality, pair.moving.modality
        able = [m for m in registry.methods if modalities in m.spec.specialty and not m.problem]
        judging = [m.spec.name for m in able if _judges(m)]
        compared = [m.spec.name for m in able if m.spec.name not in judging]
        return cls(tuple(compared), tuple(judging))


def _judges(method: RegisteredSpec[MethodSpec]) -> bool:
    """Return whether a method judges its own results; one that cannot be loaded fails later."""
    try:
        target = method.load()
    except RegkitError:
        return False
    return isinstance(target, type) and issubclass(target, Judge)


def first_doubt(judgement: Judgement | None, estimate: Estimate) -> str:
    """Return the first thing that speaks against an estimate; empty for nothing.

    Parameters
    ----------
    judgement
        That of the specialist that made the estimate; its caution is no doubt.
    estimate
        The estimate, with the warnings of its domain guard and others in the diagnostics.
    """
    if judgement is None:
        return "it does not judge this result"
    told = [text for status, text in judgement.findings if status != "OK"]
    for key in ("domain_warnings", "warnings"):
        told += map(str, estimate.diagnostics.get(key, ()))
    return told[0] if told else ""
