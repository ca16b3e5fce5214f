"""Client of worker processes: sends them cases and survives their crashes, hangs and garbage."""

from __future__ import annotations

import logging
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

from regkit.benchmark.descendants import can_find_descendants
from regkit.benchmark.memory import resident_mb
from regkit.benchmark.plan import BenchmarkTask
from regkit.benchmark.records import Record, record_of
from regkit.benchmark.worker_plan import Facts, WorkerPlan
from regkit.benchmark.worker_process import GARBAGE, MethodUnavailable, WorkerDied, WorkerProcess
from regkit.errors import BenchmarkError
from regkit.io.staging import staging_folder

logger = logging.getLogger(__name__)

# Facts that the process of the method measures; others come from that of the scores.
_MEASURED = ("runtime_s", "peak_memory_mb")
# A method that failed to start this often is not started again; chosen by hand.
MAX_START_ATTEMPTS = 2
# Seconds (30 years) and MB from which what a method tells is not believed; chosen by hand.
MAX_MEASURE = 1e9


class WorkerClient:
    """Run one task after the other, each in a worker process of its method.

    A process keeps its method loaded until the next task needs another method, or until the
    process dies. The cases of a benchmark are read, and what a method found is scored, in a second
    process, in which the method never runs: it sees only the pair. A client has at most one
    process of each kind at a time.

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
        self._workers: dict[bool, WorkerProcess] = {}  # by whether they score
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
            worker = self._worker_for(method.label)
        except MethodUnavailable as reason:
            if not method.optional:
                raise BenchmarkError(str(reason)) from None
            return self._record(task, {"status": "unavailable", "error": str(reason)})
        except WorkerDied as reason:
            return self._record(task, _failed(f"{reason} while starting"))
        if self._plan.scorer:
            facts = self._run_and_score(worker, task)
        else:
            facts = self._answer(worker, task, self._folder)
        return self._record(task, {**facts, "parameters": worker.parameters})

    def close(self) -> None:
        """End the worker processes; another thread may call this during a task."""
        self._closed = True
        for worker in [*self._workers.values()]:
            worker.kill()

    def _run_and_score(self, worker: WorkerProcess, task: BenchmarkTask) -> Facts:
        """Return what the method's process measured, and what that of the scores found."""
        with staging_folder(Path(self._folder)) as handed:
            prepared = self._scorer_answer(task, method=task.method, prepare=str(handed))
            if prepared.get("status") != "ok":
                return prepared
            given = self._answer(worker, task, str(handed))
            facts = {key: given[key] for key in _MEASURED if _is_measure(given.get(key))}
            facts |= {"group": prepared.get("group"), "timing_s": _sum_of_timings(prepared, given)}
            if given.get("status") != "ok":
                return facts | _failed(given.get("error", GARBAGE))
            found = {"found": given.get("estimate"), "handed": str(handed)}
            scored = self._scorer_answer(task, method=task.method, **found)
        return facts | scored | {"timing_s": _sum_of_timings(facts, scored)}

    def _scorer_answer(self, task: BenchmarkTask, **given: Any) -> Facts:
        """Return what the process that reads and scores the cases says."""
        try:
            scorer = self._worker_for("")
        except (WorkerDied, MethodUnavailable) as reason:
            return _failed(f"{reason} while starting to score")
        return self._answer(scorer, task, self._folder, **given)

    def _answer(
        self, worker: WorkerProcess, task: BenchmarkTask, folder: str, **given: Any
    ) -> Facts:
        facts = worker.run(task, folder, **given)
        if worker.is_dead:
            self._workers = {k: other for k, other in self._workers.items() if other != worker}
        return facts

    def _worker_for(self, label: str) -> WorkerProcess:
        """Return a process that runs a method, or scores if the label is empty."""
        scores = not label
        worker = self._workers.pop(scores, None)
        if worker is not None and worker.label == label:
            self._workers[scores] = worker
            return worker
        if worker is not None:
            worker.kill()
        failures = self._start_failures.setdefault(label, [])
        if len(failures) >= MAX_START_ATTEMPTS or any(
            isinstance(f, MethodUnavailable) for f in failures
        ):
            raise failures[-1]
        worker = WorkerProcess(self._plan, label)
        self._workers[scores] = worker
        if self._closed:
            worker.kill()
        try:
            worker.start()
        except (WorkerDied, MethodUnavailable) as reason:
            failures.append(reason)
            del self._workers[scores]
            raise
        return worker

    def _record(self, task: BenchmarkTask, facts: Facts) -> Record:
        """Return the record of a task; what a worker told of another form is a failure."""
        told = {k: v for k, v in facts.items() if k not in ("dataset", "case", "method")}
        home = {"dataset": self._dataset, "case": task.case, "method": task.method}
        try:
            return record_of(told | home)
        except (ValueError, KeyError, TypeError):
            return record_of(home | _failed(GARBAGE))


def _sum_of_timings(*answers: Facts) -> dict[str, float]:
    """Return the seconds of each stage; what can be none, as a method may tell, is left out."""
    total: dict[str, float] = {}
    for answer in answers:
        told = answer.get("timing_s")
        for stage, seconds in told.items() if isinstance(told, dict) else ():
            if _is_measure(seconds):
                total[stage] = round(total.get(stage, 0.0) + seconds, 4)
    return total


def _is_measure(told: Any) -> bool:
    """Return whether a value can be a time or a memory: finite, of a size that numbers can add."""
    return isinstance(told, int | float) and 0 <= told < MAX_MEASURE


def _failed(reason: str) -> Facts:
    return {"status": "failed", "error": reason}


@cache
def check_system(memory_mb: int) -> None:
    """Refuse a system without process groups; warn where memory cannot be limited."""
    if not hasattr(os, "killpg"):
        raise BenchmarkError(
            f"a benchmark needs process groups, which {sys.platform} lacks; "
            "run it on Linux, on macOS, or in the Windows Subsystem for Linux"
        )
    if not can_find_descendants():
        logger.warning(
            "programs that methods leave in sessions of their own are not found and ended: it "
            "needs /proc of Linux"
        )
    if memory_mb and not resident_mb(os.getpid()):
        logger.warning("the limit of %d MB is not enforced: it needs /proc of Linux", memory_mb)
