"""Share work between processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Neighbours often have much in common (two cases of one patient), so they go to one process.
CHUNK_SIZE = 2
# What OpenMP, MKL and ITK read when they are first used.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


def map_unordered(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int = 1
) -> Iterator[Result]:
    """Do something with every item, in several processes if wanted.

    Parameters
    ----------
    work
        What to do; it, the items and the results travel between processes.
    items
        In any order.
    workers
        Number of processes; with one, everything happens in this one.

    Yields
    ------
    Result
        What `work` returned, as soon as it is known, in no certain order. The first exception
        ends everything.
    """
    chunks = [items[i : i + CHUNK_SIZE] for i in range(0, len(items), CHUNK_SIZE)]
    if workers <= 1 or len(chunks) <= 1:
        yield from map(work, items)
        return
    workers = min(workers, len(chunks))
    # A fresh interpreter, because threads and forks do not go together.
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _begin, (_threads_each(workers),)
    )
    try:
        for future in as_completed(pool.submit(_each, work, chunk) for chunk in chunks):
            yield from future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _threads_each(workers: int) -> int:
    return max(1, (os.cpu_count() or 1) // workers)


def _begin(threads: int) -> None:
    """Prepare a worker: its share of the cores, and an end when its parent ends."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # a killed parent leaves nobody to work for


def _each(work: Callable[[Item], Result], chunk: Sequence[Item]) -> list[Result]:
    return [work(item) for item in chunk]
