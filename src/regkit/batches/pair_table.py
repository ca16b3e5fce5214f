"""Tables of the pairs or images of a batch, read and written."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from regkit.batches.batch_pair import BatchPair
from regkit.datasets.pair_rows import (
    PAIRS,
    PROBLEM,
    TableLayout,
    checked_rows,
    read_pair_rows,
)
from regkit.io.atomic_output import atomic_output

PAIRS_FILE = "pairs.csv"


def read_pair_table(path: Path, layout: TableLayout = PAIRS) -> list[BatchPair]:
    """Read a table; `regkit.datasets.pair_rows.read_pair_rows` says which."""
    return [BatchPair(*row) for row in read_pair_rows(path, layout)]


def pairs_of(
    rows: Sequence[tuple[int, Mapping[str, str]]], base: Path, source: str, layout: TableLayout
) -> list[BatchPair]:
    """Build pairs from rows, which `regkit.datasets.pair_rows.checked_rows` checks."""
    return [BatchPair(*row) for row in checked_rows(rows, base, source, layout)]


def pair_table(pairs: Sequence[BatchPair], layout: TableLayout = PAIRS) -> str:
    """Return pairs as a table in CSV that `read_pair_table` reads."""
    used = [
        column
        for column in layout.columns[1:]
        if column in layout.required or any(column in pair.values for pair in pairs)
    ]
    used += [PROBLEM] if any(pair.problem for pair in pairs) else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", *map(layout.heading, used)])
    for pair in pairs:
        values = {**pair.values, PROBLEM: pair.problem}
        writer.writerow([pair.id, *(values.get(column, "") for column in used)])
    return text.getvalue()


def write_pair_table(pairs: Sequence[BatchPair], path: Path, layout: TableLayout = PAIRS) -> None:
    """Write pairs as a table that `read_pair_table` reads, whole or not at all."""
    with atomic_output(path.parent) as stage:
        stage.path(path.name).write_text(pair_table(pairs, layout), encoding="utf-8")
