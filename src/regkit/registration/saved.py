"""The files that hold a result."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Saved:
    """The record of a registration and the files that hold it.

    Parameters
    ----------
    record
        Contents of PREFIX.json.
    files
        Paths of all files that were written.
    """

    record: dict[str, Any]
    files: tuple[Path, ...]

    def __repr__(self) -> str:
        return f"<Saved {', '.join(map(str, self.files))}>"
