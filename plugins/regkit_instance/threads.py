"""Work shared by threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Result = TypeVar("Result")


def share(work: Callable[[int, int], None], count: int, threads: int) -> None:
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
    """
    shares = max(min(threads, count), 1)
    ends = [count * i // shares for i in range(shares + 1)]
    others = [_pool(threads - 1).submit(work, ends[i], ends[i + 1]) for i in range(1, shares)]
    work(ends[0], ends[1])
    for other in others:
        other.result()


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
