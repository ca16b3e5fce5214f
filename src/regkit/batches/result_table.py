"""The results of a batch: a row for each pair, and ``batch.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from regkit.batches.batch_pair import BatchPair
from regkit.batches.review import Review, reviewed_digest
from regkit.benchmark.records import Record
from regkit.io.atomic_output import atomic_output
from regkit.statistics.safe_text import spreadsheet_text

TABLE_FILE = "batch.csv"
# Status of a pair that has no record yet.
PENDING = "pending"
# Order of doubt: what failed, then verdicts from bad to good, then what is not done.
_DOUBT = {"failed": 0, "FAIL": 1, "CHECK": 2, "OK": 3, PENDING: 4}
Row: TypeAlias = dict[str, Any]


def result_rows(
    pairs: Sequence[BatchPair], records: Mapping[str, Record], reviews: Mapping[str, Review]
) -> list[Row]:
    """Return a row for each pair, in their order, with the columns of ``batch.csv``."""
    return [_row(pair, records.get(pair.id), reviews.get(pair.id)) for pair in pairs]


def by_doubt(rows: Sequence[Row]) -> list[Row]:
    """Return rows sorted by doubt: the worst first."""

    def doubt(row: Row) -> tuple[float, ...]:
        known = row["verdict"] or row["status"]
        bad, error = row["probability_bad"], row["expected_error_mm"]
        return _DOUBT.get(known, 0), -(bad or 0.0), -(error or 0.0)

    return sorted(rows, key=doubt)


def write_result_table(rows: Sequence[Row], folder: Path) -> Path:
    """Write ``batch.csv`` into a batch folder; values that are not known are empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow(map(_cell, row.values()))
    with atomic_output(folder) as stage:
        stage.path(TABLE_FILE).write_text(text.getvalue(), encoding="utf-8")
    return folder / TABLE_FILE


def _row(pair: BatchPair, record: Record | None, review: Review | None) -> Row:
    record = record or {"status": PENDING}
    low, high = record.get("interval_mm") or (None, None)
    left, back, up = record.get("moving_shift_to_match_mm") or (None, None, None)
    scores, before = record.get("scores") or {}, record.get("scores_before") or {}
    seconds = sum((record.get("timing_s") or {}).values()) or record.get("runtime_s")
    return {
        "id": pair.id,
        "status": record["status"],
        "verdict": record.get("verdict"),
        "expected_error_mm": record.get("expected_error_mm"),
        "interval_low_mm": low,
        "interval_high_mm": high,
        "probability_bad": record.get("probability_bad"),
        "rotation_deg": record.get("rotation_deg"),
        "move_left_mm": left,
        "move_back_mm": back,
        "move_up_mm": up,
        "motion": record.get("correction") or "",
        "facts": list(record.get("facts") or ()),
        "dice": scores.get("dice"),
        "dice_before": before.get("dice"),
        "tre_mm": scores.get("tre_mm"),
        "tre_before_mm": before.get("tre_mm"),
        "seconds": seconds,
        "method": record.get("used") or record.get("method"),
        "reasons": list(record.get("reasons") or ()),
        "error": record.get("error"),
        "mark": review.mark if review else "",
        "note": review.note if review else "",
        "reviewer": review.reviewer if review else "",
        "reviewed_at": review.reviewed_at if review else "",
        "result": reviewed_digest(record),
        "folder": pair.folder_name if record.get("files") else "",
        "files": " ".join(Path(file).name for file in record.get("files") or ()),
        "fixed": pair.values.get("fixed", ""),
        "moving": pair.values.get("moving", ""),
    }


def _cell(value: Any) -> Any:
    """Return a value as a cell: numbers of four significant digits at most."""
    if isinstance(value, list):
        value = "; ".join(value)
    if isinstance(value, str):
        return spreadsheet_text(value)
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1e4 else f"{value:.0f}"
    return "" if value is None else value
