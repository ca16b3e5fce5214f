"""Equivalence margins of scores: ``--margin SCORE=VALUE``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regkit.statistics import StatisticsSettings


def settings_with_margins(assignments: Sequence[str], folder: Path) -> StatisticsSettings:
    """Return the settings of a summary with the margins given, else those of the last summary.

    Parameters
    ----------
    assignments
        Margins as ``SCORE=VALUE``, in the unit of the score.
    folder
        Benchmark folder, which may hold an earlier summary.

    Raises
    ------
    ParameterError
        A margin is not a positive number.
    """
    from regkit.statistics import StatisticsSettings

    margins = _parsed(assignments) if assignments else _previous(folder)
    return StatisticsSettings(margins=margins)


def _parsed(assignments: Sequence[str]) -> dict[str, float]:
    from regkit.errors import ParameterError

    margins = {}
    for text in assignments:
        name, _, value = text.partition("=")
        try:
            margin = float(value)
        except ValueError:
            raise ParameterError(f"--margin takes SCORE=NUMBER, got '{text}'") from None
        if not 0 < margin < float("inf"):
            raise ParameterError(f"the margin of {name.strip()} must be positive, got {value}")
        margins[name.strip()] = margin
    return margins


def _previous(folder: Path) -> dict[str, float]:
    """Return the margins of the summary in a folder; none where there is no readable summary."""
    from regkit.regular_file import regular_file
    from regkit.structured_text import parse_json

    try:
        summary = parse_json(regular_file(folder / "summary.json").read_text(encoding="utf-8"))
        return {str(k): float(v) for k, v in summary["settings"]["margins"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
