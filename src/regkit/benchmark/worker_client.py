"""Client of worker processes: sends them cases and survives their crashes and hangs."""

from __future__ import annotations

import logging
import os
import sys
from functools import cache
from typing import Any

from regkit.benchmark.memory import resident_mb
from regkit.benchmark.plan import BenchmarkTask, Method
from regkit.benchmark.records import Record, new_record
from regkit.benchmark.worker_plan import WorkerPlan
from regkit.benchmark.worker_process import MethodUnavailable, WorkerDied, WorkerProcess
from regkit.errors import BenchmarkError

logger = logging.getLogger(__name__)

# A method that failed to start this often is not started again; chosen by hand.
MAX_START_ATTEMPTS = 2


class WorkerClient:
    """Run one task after the other, each in a worker process of its method.

    A process keeps its method loaded until the next task needs another method, or until the
    process dies. A client has at most one process at a time.

    Parameters
    ----------
    plan
        The benchmark or batch.
    dataset
        Name under which records are made.
    folder
        The folder of the results.
    """

    def __init__(self, plan: WorkerPlan, dataset: str, folder: str) -> None:
        check_system(plan.memory_mb)
        self._plan = plan
        self._dataset = dataset
        self._folder = folder
        self._worker: WorkerProcess | None = None
        self._closed = False
        self._start_failures: dict[str, list[Exception]] = {}

    def run(self, task: BenchmarkTask) -> Record:
        """Run a task.

        Raises
        ------
        BenchmarkError
            The method cannot be set up with its parameters: it would fail on every case.
        OutputError
            The benchmark folder cannot be written.
        """
        method = next(m for m in self._plan.methods if m.label == task.method)
        try:
            worker = self._worker_for(method)
        except MethodUnavailable as reason:
            if not method.optional:
                raise BenchmarkError(str(reason)) from None
            return self._record(task, "unavailable", error=str(reason))
        except WorkerDied as reason:
            return self._record(task, "failed", error=f"{reason} while starting")
        facts = worker.run(task, self._folder)
        if worker.is_dead:
            self._worker = None
        return self._record(task, parameters=worker.parameters, **facts)

    def close(self) -> None:
        """End the worker process; another thread may call this during a task."""
        self._closed = True
        if self._worker is not None:
            self._worker.kill()

    def _worker_for(self, method: Method) -> WorkerProcess:
        if self._worker is not None and self._worker.label == method.label:
            return self._worker
        if self._worker is not None:
            self._worker.kill()
            self._worker = None
        failures = self._start_failures.setdefault(method.label, [])
        if len(failures) >= MAX_START_ATTEMPTS or any(
            isinstance(f, MethodUnavailable) for f in failures
        ):
            raise failures[-1]
        worker = WorkerProcess(self._plan, method.label)
        self._worker = worker
        if self._closed:
            worker.kill()
        try:
            worker.start()
        except (WorkerDied, MethodUnavailable) as reason:
            failures.append(reason)
            self._worker = None
            raise
        return worker

    def _record(self, task: BenchmarkTask, status: str, **facts: Any) -> Record:
        return new_record(self._dataset, task.case, task.method, status, **facts)


@cache
def check_system(memory_mb: int) -> None:
    """Refuse a system without process groups; warn where memory cannot be limited."""
    if not hasattr(os, "killpg"):
        raise BenchmarkError(
            f"a benchmark needs process groups, which {sys.platform} lacks; "
            "run it on Linux, on macOS, or in the Windows Subsystem for Linux"
        )
    if memory_mb and not resident_mb(os.getpid()):
        logger.warning("the limit of %d MB is not enforced: it needs /proc of Linux", memory_mb)
