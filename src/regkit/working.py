"""Progress of slow work, from whoever does it to whoever shows it.

A method calls `tell_progress` at each of its stages; the command line listens and shows stage and
time left. Where nobody listens, as in a benchmark, telling costs a look at a variable.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeAlias

# Seconds after which the time left can be told from the part that is done; chosen by hand.
LEAST_S = 1.0


@dataclass(frozen=True)
class WorkStage:
    """A stage of slow work.

    Parameters
    ----------
    words
        Noun phrase on the stage, after those of the parts of the work that it belongs to.
    left_s
        Seconds left of the innermost part, about; None if not known.
    """

    words: str
    left_s: float | None = None


Listener: TypeAlias = Callable[[WorkStage], None]


@dataclass(frozen=True)
class _Part:
    listener: Listener
    names: tuple[str, ...]
    began_s: float


_part: ContextVar[_Part | None] = ContextVar("part", default=None)


def tell_progress(stage: str, done: float = 0.0) -> None:
    """Announce the stage of slow work, if anybody listens.

    Parameters
    ----------
    stage
        Noun phrase on what is done now, like ``level 2 of 3``.
    done
        Fraction of the work that is done, 0 to 1, of a method all of its work; 0 if not known.
    """
    part = _part.get()
    if part is None:
        return
    passed = time.monotonic() - part.began_s
    left = passed * (1 - done) / done if done > 0 and passed > LEAST_S else None
    part.listener(WorkStage(", ".join((*part.names, stage)), left))


@contextmanager
def part_of_work(name: str) -> Iterator[None]:
    """Name a part of the work in all stages told within, whose fractions are those of the part."""
    outer = _part.get()
    if outer is None:
        yield
        return
    token = _part.set(_Part(outer.listener, (*outer.names, name), time.monotonic()))
    try:
        outer.listener(WorkStage(", ".join((*outer.names, name))))
        yield
    finally:
        _part.reset(token)


@contextmanager
def progress_heard(listener: Listener) -> Iterator[None]:
    """Pass the stages of slow work within to a listener."""
    token = _part.set(_Part(listener, (), time.monotonic()))
    try:
        yield
    finally:
        _part.reset(token)
