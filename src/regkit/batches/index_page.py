"""Write ``index.html`` of a batch folder: all pairs on one page, for review by eye."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from regkit.batches.batch_kind import REORIENTATION, BatchKind
from regkit.batches.batch_plan import BatchPlan
from regkit.batches.result_table import PENDING, Row, by_doubt
from regkit.batches.review import REVIEWED_FILE, Review
from regkit.batches.review_pages import PAGES
from regkit.benchmark.records import Record
from regkit.io.atomic_output import atomic_output
from regkit.registration.error_text import error_in_words
from regkit.registration.result_measures import LEAST_TOLERANCE_MM
from regkit.registration.verdict_rules import BAD_CHECK, BAD_FAIL
from regkit.report.environment import environment, method_versions
from regkit.report.page import machine_in_words
from regkit.report.template import template
from regkit.statistics.number_text import counted
from regkit.version import installed_version

INDEX_FILE = "index.html"
# Columns of `batch.csv` that the page sorts by or shows as numbers.
_NUMBERS = (
    *("expected_error_mm", "probability_bad", "rotation_deg", "dice", "dice_before", "tre_mm"),
    *("tre_before_mm", "seconds"),
)
_OTHER_MEANINGS = {
    "OK": "no check found a problem",
    "failed": "there is no result, and the error is told",
}
_TEXTS = ("id", "motion", "method", "error", "result", "folder")


def write_index(
    rows: Sequence[Row],
    plan: BatchPlan,
    records: Mapping[str, Record],
    reviews: Mapping[str, Review],
    folder: Path,
) -> Path:
    """Write the page of a batch; it opens from a file and needs only the folder of pages.

    Parameters
    ----------
    rows
        Results, as in ``batch.csv``.
    plan
        Settings of the batch.
    records
        Records by id.
    reviews
        Marks by id.
    folder
        Batch folder.
    """
    html = template("batch.html").render(
        version=installed_version(),
        method=plan.method,
        kind=plan.kind,
        amount=counted(len(rows), plan.kind.item),
        title=folder.resolve().name,
        counts=status_counts(rows),
        run=_run(plan),
        meanings=_meanings(plan.kind),
        pairs=[_shown(row, records.get(row["id"], {})) for row in by_doubt(rows)],
        reviews={pair_id: asdict(review) for pair_id, review in reviews.items()},
        about={
            "key": _storage_key(plan),
            "pages": PAGES,
            "file": REVIEWED_FILE,
            "table": [row["id"] for row in rows],
            "noun": plan.kind.noun,
            "before": plan.kind.has_before,
        },
    )
    with atomic_output(folder) as stage:
        stage.path(INDEX_FILE).write_text(html, encoding="utf-8")
    return folder / INDEX_FILE


def _run(plan: BatchPlan) -> dict[str, str]:
    """Return the facts of a run by name; those that are empty are not shown."""
    numbers = method_versions(plan.method)
    named = [f"{name} {number}" for name, number in numbers.items() if number]
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
        "command": plan.command,
        "method": plan.method,
        "machine": machine_in_words(environment()),
        "device": plan.device,
        "seed": str(plan.seed),
        "versions": ", ".join(named),
    }


def _meanings(kind: BatchKind) -> dict[str, str]:
    """Return what each verdict means, with its limits."""
    if kind is REORIENTATION:
        return {
            "FAIL": "do not use the result: a measure is beyond its limit",
            "CHECK": "look at the image: a measure is near its limit or missing",
            **_OTHER_MEANINGS,
        }
    limit = f"{LEAST_TOLERANCE_MM:g} mm, or the longest side of a voxel if that is longer"
    return {
        "FAIL": "do not use the result: it is wrong by more than twice the limit below with a "
        f"probability above {BAD_FAIL:.0%}, or another measure is beyond its limit",
        "CHECK": "compare the images by eye: the result is wrong by more than twice the limit "
        f"({limit}) with a probability above {BAD_CHECK:.0%}, or another measure is beyond its "
        "limit",
        **_OTHER_MEANINGS,
    }


def status_counts(rows: Sequence[Row]) -> dict[str, int]:
    """Return the number of pairs by verdict, or by status where there is none."""
    found = Counter(row["verdict"] or row["status"] for row in rows)
    return {
        name: found[name] for name in ("failed", "FAIL", "CHECK", "OK", PENDING) if found[name]
    }


def _shown(row: Row, record: Record) -> dict[str, Any]:
    """Return what the page shows of a pair, as plain data."""
    shift = [row[name] for name in ("move_left_mm", "move_back_mm", "move_up_mm")]
    known = row["expected_error_mm"] is not None
    interval = (row["interval_low_mm"], row["interval_high_mm"])
    return {
        **{name: row[name] or "" for name in _TEXTS},
        **{name: _rounded(row[name]) for name in _NUMBERS},
        "reasons": row["reasons"],
        "facts": row["facts"],
        "state": row["verdict"] or row["status"],
        "colors": record.get("colors", ""),
        "shift_mm": None if None in shift else _rounded(sum(s * s for s in shift) ** 0.5),
        "expected": error_in_words(row["expected_error_mm"], interval) if known else "",
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.4g}")


def _storage_key(plan: BatchPlan) -> str:
    """Return the name under which a browser keeps the marks of this batch."""
    content = json.dumps([plan.pairs, plan.settings], sort_keys=True)
    return f"regkit-batch-{hashlib.sha256(content.encode()).hexdigest()[:16]}"
