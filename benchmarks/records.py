"""Append and read JSON lines of benchmarks; format Markdown tables."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def append(path: Path, record: dict[str, Any]) -> None:
    """Append one line to a file, which is created if missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(record) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """Return the records of a file; none if it is missing."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def drop(path: Path, **wanted: Any) -> None:
    """Remove the records of a file that have all these values, so that they are measured anew."""
    kept = [r for r in read(path) if any(r[key] != value for key, value in wanted.items())]
    if path.exists():
        path.write_text("".join(json.dumps(record) + "\n" for record in kept), encoding="utf-8")


def write_table(path: Path, table: str) -> None:
    """Print a table, and write it beside its records, whence the documentation takes it."""
    print(table)
    path.with_suffix(".md").write_text(f"{table}\n", encoding="utf-8")


def markdown(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return rows as a Markdown table."""
    columns = list(columns)
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines)
