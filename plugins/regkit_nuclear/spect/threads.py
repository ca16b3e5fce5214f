"""Concurrent tasks for torch, each on one thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Result = TypeVar("Result")


def run_concurrently(*tasks: Callable[[], Result]) -> list[Result]:
    """Run tasks concurrently, each on one thread, and return their results in order.

    The number of threads is that of torch in the calling thread. Dividing each of the small matrix
    products of a projection among threads costs more than it saves, and far more on a busy
    machine.
    """
    threads = min(len(tasks), torch.get_num_threads())
    with ThreadPoolExecutor(threads, "spect", _set_up_thread) as pool:
        return list(pool.map(lambda task: task(), tasks))


def _set_up_thread() -> None:
    """Compute on one thread, with denormal numbers as 0.

    Iterations bring voxels of air below 1e-38, where processors are many times slower: a quarter
    of the time of a reconstruction in single precision.
    """
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def limit_threads(threads: int) -> None:
    """Limit the threads of torch in this process; 0 keeps the default."""
    if threads:
        torch.set_num_threads(threads)
