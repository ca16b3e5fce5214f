"""Phrases for an expected error in millimeters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def error_in_words(expected_mm: float, interval_mm: Sequence[float]) -> str:
    """Return an expected error with its interval, like "1.2 mm (90 %: 0.6 to 2.9 mm)"."""
    low, high = map(_number, interval_mm)
    return f"{_number(expected_mm)} mm (90 %: {low} to {high} mm)"


def expected_error_in_words(verdict: Mapping[str, Any]) -> str:
    """Return what a verdict expects of the error.

    Parameters
    ----------
    verdict
        That of a record; the phrase is empty if the error was not estimated.
    """
    if "expected_error_mm" not in verdict:
        return ""
    error = error_in_words(verdict["expected_error_mm"], verdict["interval_mm"])
    bad = verdict["probability_bad"]
    return f"expected error {error}, probability of a wrong result {bad:.0%}"


def _number(mm: float) -> str:
    """Return a length with one decimal where that matters."""
    return f"{mm:.1f}" if mm < 9.95 else f"{mm:.0f}"
