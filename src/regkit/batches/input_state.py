"""State of the files of a pair: whether they changed since its registration."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from regkit.batches.batch_pair import BatchPair
from regkit.datasets.pair_rows import FILE_COLUMNS
from regkit.report.record import sha256_of


def input_digest(pair: BatchPair) -> str:
    """Return a digest of the contents of all files of a pair."""
    digests = [sha256_of(path) for path in _inputs(pair)]
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def changed_since(pair: BatchPair, time_s: float) -> bool:
    """Return whether a file of a pair is newer than a time, by the clock of its file system.

    Parameters
    ----------
    pair
        Pair whose inputs exist.
    time_s
        Time in seconds, as `os.stat` gives it.
    """
    return any(
        file.stat().st_mtime > time_s
        for path in _inputs(pair)
        for file in ([path] if path.is_file() else path.rglob("*"))
    )


def _inputs(pair: BatchPair) -> Iterator[Path]:
    """Yield the files and folders of a pair that exist."""
    for name in (*FILE_COLUMNS, "init"):
        path = Path(pair.values.get(name, ""))
        if name in pair.values and path.exists():
            yield path
