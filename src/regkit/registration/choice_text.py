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
    for chosen in (diagnostics, *diagnostics.get("stages", ())):
        if "used" in chosen:
            why = f": {chosen['why']}" if "why" in chosen else ""
            return f"used {chosen['used']}{why}"
    return ""


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
    said = began, choice_in_words(record.get("diagnostics", {}))
    return [sentence for sentence in said if sentence]
