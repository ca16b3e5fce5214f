"""How torch uses several processors for many small products."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Made = TypeVar("Made")


def run_concurrently(*tasks: Callable[[], Made]) -> list[Made]:
    """Do tasks at the same time, each on one thread, and return what they make, in order.

    As many as the calling thread lets torch use threads. To share out each of the small products
    of a projection costs more than it brings, and many times more on a busy machine.
    """
    threads = min(len(tasks), torch.get_num_threads())
    with ThreadPoolExecutor(threads, "spect", torch.set_num_threads, (1,)) as pool:
        return list(pool.map(lambda task: task(), tasks))
