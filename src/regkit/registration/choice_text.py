"""Phrases for what a method that chooses among others used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def choice_in_words(diagnostics: Mapping[str, Any]) -> str:
    """Return a sentence on what was used of several methods, and why; empty without a choice.

    Parameters
    ----------
    diagnostics
        Those of an estimate; of a chain, a stage may have made the choice.
    """
    chosen = _choice(diagnostics)
    if not chosen:
        return ""
    reasons = [str(chosen["why"])] if "why" in chosen else []
    reasons += _verdicts_on_others(chosen)
    return f"used {chosen['used']}" + (f": {'; '.join(reasons)}" if reasons else "")


def used_methods(diagnostics: Mapping[str, Any]) -> str | None:
    """Return what was used of several methods, an expression; None without a choice.

    Parameters
    ----------
    diagnostics
        Those of an estimate; of a chain, a stage may have made the choice.
    """
    used = _choice(diagnostics).get("used")
    return None if used is None else str(used)


def _choice(diagnostics: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the diagnostics of the estimate or stage that made a choice; empty without one."""
    stages = (diagnostics, *diagnostics.get("stages", ()))
    return next((stage for stage in stages if "used" in stage), {})


def _verdicts_on_others(chosen: Mapping[str, Any]) -> list[str]:
    """Return what speaks against the methods of a chain that were tried and not used."""
    used, _, _ = str(chosen["used"]).partition(" (")
    others = [tried for tried in chosen.get("tried", ()) if tried["method"] != used]
    return [f"the verdict on {tried['method']} is {tried['verdict']}" for tried in others]


def choices_in_words(record: Mapping[str, Any]) -> list[str]:
    """Return what was chosen automatically in a registration, as sentences.

    Parameters
    ----------
    record
        The content of PREFIX.json. A start from the headers is not mentioned.
    """
    start = record.get("start", {})
    reason = str(start.get("assumption", "")) if start.get("init") == "auto" else ""
    began = "" if not reason or reason.startswith("headers") else f"started from {reason}"
    diagnostics = record.get("diagnostics", {})
    rejected = diagnostics.get("rejected")
    kept = f"kept the transform that it started from: {rejected}" if rejected else ""
    return [said for said in (kept, began, choice_in_words(diagnostics)) if said]
