"""Choice of the executor of tasks: processes of this machine, or a dask cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from regkit.benchmark.dask_executor import DaskCluster
from regkit.benchmark.local_executor import run_local
from regkit.benchmark.worker_plan import Executor


@contextmanager
def open_executor(workers: int = 1, dask: str | None = None) -> Iterator[tuple[Executor, int]]:
    """Yield the function that runs tasks, and the number of tasks that it runs in parallel.

    Parameters
    ----------
    workers
        Number of processes in parallel on this machine.
    dask
        Address or scheduler file of a dask cluster; None for this machine.
    """
    if dask is None:
        yield partial(run_local, workers=workers), workers
        return
    with DaskCluster(dask).connected() as connection:
        yield connection.run, connection.concurrency
