"""``--margin SCORE=VALUE``: differences that do not matter to a patient."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regkit.statistics import StatisticsSettings


def settings_with_margins(texts: Sequence[str], folder: Path) -> StatisticsSettings:
    """Return how to summarize a benchmark folder: with these margins, else those of last time."""
    from regkit.statistics import StatisticsSettings

    return StatisticsSettings(margins=_parsed(texts) if texts else _of_last_time(folder))


def _parsed(texts: Sequence[str]) -> dict[str, float]:
    from regkit.errors import ParameterError

    margins = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            margins[name.strip()] = float(value)
        except ValueError:
            raise ParameterError(f"--margin takes SCORE=NUMBER, got '{text}'") from None
        if not 0 < margins[name.strip()] < float("inf"):
            raise ParameterError(f"the margin of {name.strip()} must be positive, got {value}")
    return margins


def _of_last_time(folder: Path) -> dict[str, float]:
    try:
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        return {str(k): float(v) for k, v in summary["settings"]["margins"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
