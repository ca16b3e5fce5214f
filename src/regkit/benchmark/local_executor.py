"""Tasks shared out among lanes on this machine."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence

from regkit.benchmark.plan import Plan
from regkit.benchmark.records import Record
from regkit.benchmark.worker_client import BenchmarkTask, WorkerClient


def run_local(
    plan: Plan, dataset: str, folder: str, tasks: Sequence[BenchmarkTask], workers: int = 1
) -> Iterator[Record]:
    """Do tasks in worker processes of this machine.

    Parameters
    ----------
    plan
        The benchmark.
    dataset
        Name under which records are made.
    folder
        The benchmark folder.
    tasks
        What to do, in this order.
    workers
        Number of worker processes at a time.

    Yields
    ------
    dict
        Each task's record as soon as it is known. What is under way when the iteration is closed
        or interrupted is left undone.
    """
    todo = deque(tasks)
    made: queue.SimpleQueue[Record | Exception] = queue.SimpleQueue()
    lanes = [WorkerClient(plan, dataset, folder) for _ in range(min(workers, len(tasks)))]
    closing = threading.Event()

    def serve(lane: WorkerClient) -> None:
        try:
            while (task := _next(todo)) is not None and not closing.is_set():
                made.put(lane.run(task))
        except Exception as error:  # raised below, in the thread that waits
            made.put(error)
        finally:
            lane.close()

    threads = [threading.Thread(target=serve, args=(lane,), daemon=True) for lane in lanes]
    for thread in threads:
        thread.start()
    try:
        for _ in tasks:
            record = made.get()
            if isinstance(record, Exception):
                raise record
            yield record
    finally:
        closing.set()
        for lane in lanes:
            lane.close()
        for thread in threads:
            thread.join()


def _next(todo: deque[BenchmarkTask]) -> BenchmarkTask | None:
    try:
        return todo.popleft()
    except IndexError:  # another lane took the last one
        return None
