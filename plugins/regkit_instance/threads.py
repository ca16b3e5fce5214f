"""Work shared by threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Result = TypeVar("Result")


def share(work: Callable[[int, int], None], count: int, threads: int, pieces: int = 1) -> None:
    """Do the blocks of a work, numbered from 0, on several threads.

    Parameters
    ----------
    work
        Function that does the blocks from the first to the one before the last. It lets other
        threads run, and what it does for a block does not depend on the blocks beside it.
    count
        Number of blocks.
    threads
        Number of threads, the calling one among them.
    pieces
        Number of pieces for each thread: more than one where blocks take unequally long. A thread
        that is done takes the next piece.
    """
    shares = max(min(threads, count), 1)
    at_once = max(-(-count // (shares * pieces)), 1)
    firsts = iter(range(0, count, at_once))

    def do_next() -> None:
        for first in firsts:  # the threads take turns at it
            work(first, min(first + at_once, count))

    others = [_pool(threads - 1).submit(do_next) for _ in range(shares - 1)]
    do_next()
    for other in others:
        if not other.cancel():  # it began; one that did not would find nothing to do
            other.result()


def lead(work: Callable[[int], None], threads: int) -> None:
    """Do a work as thread 0, while others, from 1 on, may help; it is done when thread 0 is."""
    others = [_pool(threads - 1).submit(work, number) for number in range(1, threads)]
    work(0)
    for other in others:
        other.cancel()


def begin(work: Callable[[], Result], threads: int) -> Callable[[], Result]:
    """Return the function of a work's result; another thread, if there is one, begins the work."""
    if threads == 1:
        return cache(work)
    begun = _pool(threads - 1).submit(work)
    return cache(lambda: work() if begun.cancel() else begun.result())


def results_of(works: Sequence[Callable[[], Result]], threads: int) -> list[Result]:
    """Return the results of works, in their order, that several threads may do side by side."""
    results: dict[int, Result] = {}

    def do(first: int, last: int) -> None:
        for number in range(first, last):
            results[number] = works[number]()

    share(do, len(works), threads)
    return [results[number] for number in range(len(works))]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Return threads that wait for work: starting them takes as long as a small work."""
    return ThreadPoolExecutor(threads)
