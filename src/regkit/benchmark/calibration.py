"""Calibration of the verdict: the fraction of each kind that came within a voxel of the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from regkit.benchmark.records import Record
from regkit.registration.verdict import RANKS


def calibration(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Count verdicts that were right and wrong.

    Parameters
    ----------
    records
        Records of a benchmark; those of cases without a truth do not count.

    Returns
    -------
    list of dict
        A row for each dataset, method and verdict, in the order of the records, with the number
        of ``cases`` and the fraction ``within_voxel`` of them (see `regkit.metrics.reliability`).
    """
    found: dict[tuple[str, str], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        value = record["scores"].get("within_voxel")
        if record["status"] == "ok" and value is not None:
            found[record["dataset"], record["method"]][record["verdict"]].append(value)
    return [
        {
            "dataset": dataset,
            "method": method,
            "verdict": verdict,
            "cases": len(values[verdict]),
            "within_voxel": sum(values[verdict]) / len(values[verdict]),
        }
        for (dataset, method), values in found.items()
        for verdict in RANKS
        if verdict in values
    ]


def calibration_markdown(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table; empty if there are none."""
    if not rows:
        return ""
    lines = [
        "\n## Verdicts\n",
        "| dataset | method | verdict | cases | within a voxel |",
        "|---|---|---|--:|--:|",
    ]
    for row in rows:
        names = (str(row[key]).replace("|", "\\|") for key in ("dataset", "method", "verdict"))
        lines.append(f"| {' | '.join(names)} | {row['cases']} | {row['within_voxel']:.0%} |")
    return "\n".join(lines) + "\n"
