"""Parallel work in several processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Neighbouring items often need the same data (two cases of one patient): two go to one process.
CHUNK_SIZE = 2
# Environment variables that OpenMP, MKL, OpenBLAS and ITK read when they are first used.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


def map_unordered(
    work: Callable[[Item], Result], items: Sequence[Item], workers: int = 1
) -> Iterator[Result]:
    """Call a function with every item, in several processes.

    Parameters
    ----------
    work
        Function of an item; it, the items and the results are pickled.
    items
        Arguments of the calls.
    workers
        Number of processes; 1 for none but this one.

    Yields
    ------
    Result
        Results of `work` as soon as they are known, in any order. The first exception of a call
        is raised here and ends all processes.
    """
    chunks = [items[i : i + CHUNK_SIZE] for i in range(0, len(items), CHUNK_SIZE)]
    if workers <= 1 or len(chunks) <= 1:
        yield from map(work, items)
        return
    workers = min(workers, len(chunks))
    # A fresh interpreter, because a fork of a process with threads may deadlock.
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
    """Limit the threads of a worker process, and end it when its parent ends."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # nobody would receive the results


def _each(work: Callable[[Item], Result], chunk: Sequence[Item]) -> list[Result]:
    return [work(item) for item in chunk]
