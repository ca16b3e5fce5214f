"""Seconds of the stages of a task."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(timing: dict[str, float], stage: str) -> Iterator[None]:
    """Store the seconds that a block takes as those of a stage."""
    started = time.perf_counter()
    try:
        yield
    finally:
        timing[stage] = round(time.perf_counter() - started, 4)
