"""Run the tasks of a benchmark on a dask.distributed cluster.

Each thread of a dask worker has a `WorkerClient`, as on one machine, so a method that crashes
leaves the dask worker alive. The task of a dask worker that dies is run by another one.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regkit.benchmark.plan import BenchmarkTask
from regkit.benchmark.records import Record
from regkit.benchmark.worker_client import WorkerClient
from regkit.benchmark.worker_plan import WorkerPlan, plan_data, plan_of
from regkit.errors import BenchmarkError, MissingDependencyError, RegkitError

# Long enough for a scheduler that has just started; chosen by hand.
CONNECT_TIMEOUT_S = 30
# A task is tried this often, each time after its dask worker died, before the benchmark stops;
# chosen by hand.
MAX_ATTEMPTS = 10
# Name of the resource that dask's documentation uses for graphics cards.
GPU_RESOURCE = "GPU"

# On a dask worker: the run and the client of each of its threads.
_clients: dict[int, tuple[str, WorkerClient]] = {}


@dataclass(frozen=True)
class DaskCluster:
    """A running dask cluster.

    Parameters
    ----------
    address
        Address of the scheduler, such as ``tcp://10.0.0.1:8786``, or path of its scheduler file.
    """

    address: str

    @contextmanager
    def connected(self) -> Iterator[ClusterConnection]:
        """Connect for the duration of a block.

        Raises
        ------
        MissingDependencyError
            dask.distributed is not installed.
        BenchmarkError
            There is no scheduler, or it has no workers.
        """
        try:
            from distributed import Client  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise MissingDependencyError(
                "a cluster needs dask.distributed: pip install 'regkit-imaging[cluster]'"
            ) from error
        is_file = Path(self.address).is_file()
        where = {"scheduler_file": self.address} if is_file else {"address": self.address}
        try:
            client = Client(**where, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise BenchmarkError(
                f"no dask scheduler answers at {self.address}: {error}; start one with "
                "`dask scheduler`"
            ) from error
        try:
            yield ClusterConnection(client, self.address)
        finally:
            client.close()


@dataclass(frozen=True)
class WorkerSetup:
    """Arguments of the `WorkerClient` on a dask worker, and the run that it belongs to."""

    run: str
    plan: Mapping[str, Any]
    dataset: str
    folder: str


class ClusterConnection:
    """A client of a cluster; its `run` is an executor of the harness."""

    def __init__(self, client: Any, address: str) -> None:
        self._client = client
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        self.concurrency = sum(int(worker["nthreads"]) for worker in workers)
        self._has_gpus = any(GPU_RESOURCE in worker["resources"] for worker in workers)
        if not self.concurrency:
            raise BenchmarkError(
                f"the dask scheduler at {address} has no workers; start some with "
                f"`dask worker {address}`"
            )

    def run(
        self, plan: WorkerPlan, dataset: str, folder: str, tasks: Sequence[BenchmarkTask]
    ) -> Iterator[Record]:
        """Run tasks on the cluster; yield the record of each as soon as it is known."""
        from distributed import as_completed  # noqa: PLC0415 - an extra

        setup = WorkerSetup(uuid.uuid4().hex, plan_data(plan), dataset, folder)
        resources = {GPU_RESOURCE: 1} if self._has_gpus else {}

        def submit(task: BenchmarkTask) -> Any:
            return self._client.submit(run_task, setup, task, pure=False, resources=resources)

        running = {submit(task): task for task in tasks}
        attempts: dict[BenchmarkTask, int] = {}
        finished = as_completed(running, loop=self._client.loop)
        try:
            for future in finished:
                task = running.pop(future)
                if future.status == "finished":
                    yield future.result()
                    continue
                attempts[task] = attempts.get(task, 0) + 1
                _check(future, task, attempts[task])
                again = submit(task)
                running[again] = task
                finished.add(again)
        finally:
            if self._client.status == "running":
                self._client.cancel(list(running))
                self._client.run(close_clients, setup.run)


def run_task(setup: WorkerSetup, task: BenchmarkTask) -> Record:
    """Run a task on a dask worker; the client is kept for the thread's next task."""
    thread = threading.get_ident()
    run, client = _clients.get(thread, ("", None))
    if client is None or run != setup.run:
        if client is not None:  # of an earlier run that did not close it
            client.close()
        client = WorkerClient(plan_of(setup.plan), setup.dataset, setup.folder)
        _clients[thread] = setup.run, client
    return client.run(task)


def close_clients(run: str) -> None:
    """Close the clients of a run; called on every dask worker."""
    for thread, (client_run, client) in list(_clients.items()):
        if client_run == run:
            client.close()
            del _clients[thread]


def _check(future: Any, task: BenchmarkTask, attempt: int) -> None:
    """Raise if trying again is useless."""
    if future.cancelled():
        raise BenchmarkError("the scheduler was lost; the same command resumes from here")
    error = future.exception()
    if isinstance(error, RegkitError):
        raise error
    if error is not None and type(error).__name__ != "KilledWorker":
        raise BenchmarkError(
            f"{task.method} on case {task.case}: the cluster failed: {type(error).__name__}: "
            f"{error}; does every worker have the same regkit?"
        ) from error
    if attempt >= MAX_ATTEMPTS:
        raise BenchmarkError(
            f"{task.method} on case {task.case}: {attempt} dask workers died or were lost; "
            "the same command resumes from here"
        )
