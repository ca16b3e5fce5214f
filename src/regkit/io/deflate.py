"""Compress image files with isal's deflate, several times faster than zlib's at the same size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from isal import igzip

# Of isal's 0 to 3. On a CT, level 2 gives the size of zlib's level 1 in a fifth of its time, and
# level 3 no smaller files (benchmarks/write_speed.py).
LEVEL = 2


def gzip_stream(raw: Any) -> Any:
    """Return a stream that writes gzip to another; without a name or a time in its header."""
    return igzip.GzipFile("", "wb", LEVEL, raw, mtime=0)  # type: ignore[no-untyped-call]


@contextmanager
def output_stream(path: Path, compressed: bool) -> Iterator[Any]:
    """Open a file for writing, through gzip if it is to be compressed."""
    with path.open("wb") as raw:
        if not compressed:
            yield raw
            return
        with gzip_stream(raw) as packed:
            yield packed
