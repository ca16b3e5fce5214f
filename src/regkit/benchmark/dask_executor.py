"""Tasks done on a dask.distributed cluster, by the same lanes as on one machine.

Every thread of a dask worker has a lane of its own, so a method that dies takes no dask worker
along. What a dask worker had under way when it died is done by another one.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regkit.benchmark.plan import Plan
from regkit.benchmark.records import Record
from regkit.benchmark.worker_client import BenchmarkTask, WorkerClient
from regkit.errors import BenchmarkError, MissingDependencyError, RegkitError

CONNECT_S = 30
# A task whose worker died is tried again so often before it is taken for the culprit.
ATTEMPTS = 10
GPU = "GPU"

# On a dask worker: which run each of its threads has a lane for.
_lanes: dict[int, tuple[str, WorkerClient]] = {}


@dataclass(frozen=True)
class Cluster:
    """A cluster that is running.

    Parameters
    ----------
    address
        Of the scheduler, such as ``tcp://10.0.0.1:8786``, or the path of its scheduler file.
    """

    address: str

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """Connect for the time of a block.

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
            client = Client(**where, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise BenchmarkError(
                f"no dask scheduler answers at {self.address}: {error}; start one with "
                "`dask scheduler`"
            ) from error
        try:
            yield Connection(client, self.address)
        finally:
            client.close()


@dataclass(frozen=True)
class Setup:
    """What a lane on a dask worker is made of, and the run that it is for."""

    run: str
    plan: Mapping[str, Any]
    dataset: str
    folder: str


class Connection:
    """A client of a cluster; `run` is an executor of the harness."""

    def __init__(self, client: Any, address: str) -> None:
        self._client = client
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        self.lanes = sum(int(worker["nthreads"]) for worker in workers)
        self._has_gpus = any(GPU in worker["resources"] for worker in workers)
        if not self.lanes:
            raise BenchmarkError(
                f"the dask scheduler at {address} has no workers; start some with "
                f"`dask worker {address}`"
            )

    def run(
        self, plan: Plan, dataset: str, folder: str, tasks: Sequence[BenchmarkTask]
    ) -> Iterator[Record]:
        """Do tasks on the cluster; yield each one's record as soon as it is known."""
        from distributed import as_completed  # noqa: PLC0415 - an extra

        setup = Setup(uuid.uuid4().hex, plan.as_dict(), dataset, folder)
        resources = {GPU: 1} if self._has_gpus else {}

        def submit(task: BenchmarkTask) -> Any:
            return self._client.submit(do, setup, task, pure=False, resources=resources)

        under_way = {submit(task): task for task in tasks}
        attempts: dict[BenchmarkTask, int] = {}
        finished = as_completed(under_way, loop=self._client.loop)
        try:
            for future in finished:
                task = under_way.pop(future)
                if future.status == "finished":
                    yield future.result()
                    continue
                attempts[task] = attempts.get(task, 0) + 1
                _check(future, task, attempts[task])
                again = submit(task)
                under_way[again] = task
                finished.add(again)
        finally:
            if self._client.status == "running":
                self._client.cancel(list(under_way))
                self._client.run(end_lanes, setup.run)


def do(setup: Setup, task: BenchmarkTask) -> Record:
    """Do a task; runs on a dask worker, and keeps the lane for the thread's next task."""
    thread = threading.get_ident()
    run, lane = _lanes.get(thread, ("", None))
    if lane is None or run != setup.run:
        if lane is not None:  # of a run whose end was not told
            lane.close()
        lane = WorkerClient(Plan.of(setup.plan), setup.dataset, setup.folder)
        _lanes[thread] = setup.run, lane
    return lane.run(task)


def end_lanes(run: str) -> None:
    """End the lanes of a run; runs on every dask worker."""
    for thread, (its_run, lane) in list(_lanes.items()):
        if its_run == run:
            lane.close()
            del _lanes[thread]


def _check(future: Any, task: BenchmarkTask, attempt: int) -> None:
    """Raise if trying again makes no sense."""
    if future.cancelled():
        raise BenchmarkError("the scheduler was lost; the same command goes on from here")
    error = future.exception()
    if isinstance(error, RegkitError):
        raise error
    if error is not None and type(error).__name__ != "KilledWorker":
        raise BenchmarkError(
            f"{task.method} on case {task.case}: the cluster failed: {type(error).__name__}: "
            f"{error}; does every worker have the same regkit?"
        ) from error
    if attempt >= ATTEMPTS:
        raise BenchmarkError(
            f"{task.method} on case {task.case}: {attempt} dask workers died or were lost; "
            "the same command goes on from here"
        )
