"""Table of all cases and methods, as compact data for the page's script."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import Any

from regkit.statistics.score_table import Record

TEXT_COLUMNS = ("dataset", "case", "group", "method", "status", "verdict")
HEADINGS = {"group": "patient", "runtime_s": "time (s)", "peak_memory_mb": "memory (MB)"}


def case_table(records: Sequence[Record], scores: Sequence[str]) -> dict[str, Any]:
    """Return columns and rows.

    Parameters
    ----------
    records
        Records, one row each.
    scores
        Names of the scores, one column each.

    Returns
    -------
    dict
        ``columns``: name and whether it is a number; ``rows``: lists of values.
    """
    first = TEXT_COLUMNS[1:] if len({str(r["dataset"]) for r in records}) == 1 else TEXT_COLUMNS
    costs = [c for c in ("runtime_s", "peak_memory_mb") if any(r.get(c) for r in records)]
    words = [{"name": HEADINGS.get(name, name), "number": False} for name in first]
    numbers = [{"name": HEADINGS.get(name, name), "number": True} for name in (*scores, *costs)]
    return {
        "columns": [*words, {"name": "why", "number": False}, *numbers],
        "rows": [_row(record, first, scores, costs) for record in records],
    }


def _row(
    record: Record, first: Sequence[str], scores: Sequence[str], costs: Sequence[str]
) -> list[Any]:
    found = record.get("scores") or {}
    why = record.get("error") or "; ".join(record.get("reasons") or ())
    return [
        *(str(record.get(name) or "") for name in first),
        str(why),
        *(_rounded(found.get(name)) for name in scores),
        *(_rounded(record.get(name)) for name in costs),
    ]


def _rounded(value: Any) -> float | None:
    """Return a number rounded to four significant digits; None for a missing one."""
    if value is None or not isfinite(value):
        return None
    return float(f"{value:.4g}")
