"""Tables of pairs of a batch, read and written."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from regkit.batches.batch_pair import BatchPair
from regkit.datasets.pair_rows import (
    COLUMNS,
    PROBLEM,
    REQUIRED_COLUMNS,
    checked_rows,
    read_pair_rows,
)
from regkit.io.atomic_output import atomic_output

PAIRS_FILE = "pairs.csv"


def read_pair_table(path: Path) -> list[BatchPair]:
    """Read a table of pairs; `regkit.datasets.pair_rows.read_pair_rows` says which."""
    return [BatchPair(*row) for row in read_pair_rows(path)]


def pairs_of(
    rows: Sequence[tuple[int, Mapping[str, str]]], base: Path, source: str
) -> list[BatchPair]:
    """Build pairs from rows, which `regkit.datasets.pair_rows.checked_rows` checks."""
    return [BatchPair(*row) for row in checked_rows(rows, base, source)]


def pair_table(pairs: Sequence[BatchPair]) -> str:
    """Return pairs as a table in CSV that `read_pair_table` reads."""
    used = [
        c for c in COLUMNS[1:] if c in REQUIRED_COLUMNS or any(c in pair.values for pair in pairs)
    ]
    used += [PROBLEM] if any(pair.problem for pair in pairs) else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", *used])
    for pair in pairs:
        values = {**pair.values, PROBLEM: pair.problem}
        writer.writerow([pair.id, *(values.get(column, "") for column in used)])
    return text.getvalue()


def write_pair_table(pairs: Sequence[BatchPair], path: Path) -> None:
    """Write pairs as a table that `read_pair_table` reads, whole or not at all."""
    with atomic_output(path.parent) as stage:
        stage.path(path.name).write_text(pair_table(pairs), encoding="utf-8")
