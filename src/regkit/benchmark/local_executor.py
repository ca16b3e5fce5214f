"""Run the tasks of a benchmark in worker processes of this machine."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterator, Sequence

from regkit.benchmark.plan import BenchmarkTask
from regkit.benchmark.records import Record
from regkit.benchmark.worker_client import WorkerClient
from regkit.benchmark.worker_plan import WorkerPlan


def run_local(
    plan: WorkerPlan,
    dataset: str,
    folder: str,
    tasks: Sequence[BenchmarkTask],
    workers: int = 1,
) -> Iterator[Record]:
    """Run tasks in worker processes of this machine.

    Parameters
    ----------
    plan
        The benchmark or batch.
    dataset
        Name under which records are results.
    folder
        The folder of the results.
    tasks
        The tasks, started in this order.
    workers
        Number of worker processes at a time.

    Yields
    ------
    dict
        Each task's record as soon as it is known. Tasks that run when the iteration is closed or
        interrupted are ended and give no record.
    """
    pending = deque(tasks)
    results: queue.SimpleQueue[Record | Exception] = queue.SimpleQueue()
    clients = [WorkerClient(plan, dataset, folder) for _ in range(min(workers, len(tasks)))]
    closing = threading.Event()

    def run_pending(client: WorkerClient) -> None:
        try:
            while (task := _next(pending)) is not None and not closing.is_set():
                results.put(client.run(task))
        except Exception as error:  # raised below, in the thread that waits
            results.put(error)
        finally:
            client.close()

    threads = [
        threading.Thread(target=run_pending, args=(client,), daemon=True) for client in clients
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in tasks:
            record = results.get()
            if isinstance(record, Exception):
                raise record
            yield record
    finally:
        closing.set()
        for client in clients:
            client.close()
        for thread in threads:
            thread.join()


def _next(pending: deque[BenchmarkTask]) -> BenchmarkTask | None:
    try:
        return pending.popleft()
    except IndexError:  # another thread took the last one
        return None
