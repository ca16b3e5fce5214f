"""Run the remaining tasks of a benchmark; each record is stored as soon as it is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean

from regkit.benchmark.local_executor import run_local
from regkit.benchmark.plan import CONFIG_FILE, BenchmarkTask, Plan, read_plan, write_plan
from regkit.benchmark.records import RECORDS_FILE, Record, RecordFile
from regkit.benchmark.worker_plan import Executor
from regkit.errors import BenchmarkError
from regkit.io.staging import discard_abandoned_below
from regkit.registration.calibration_card import calibrated_model
from regkit.registration.device import check_device_name
from regkit.registry import default_registry

# Tasks of each method that the remaining time is estimated from; chosen by hand.
RECENT_TASKS = 50


@dataclass
class BenchmarkProgress:
    """Progress of a benchmark.

    Parameters
    ----------
    total
        Number of records in the end.
    done
        Number of records so far.
    concurrency
        Number of tasks that run at the same time.
    remaining
        Number of records to come, by method.
    latest
        The last record, None before there is one.
    """

    total: int
    done: int
    concurrency: int
    remaining: dict[str, int]
    latest: Record | None = None
    _seconds: dict[str, list[float]] = field(default_factory=dict)

    def advance(self, record: Record) -> None:
        """Count a new record."""
        self.done += 1
        self.remaining[record["method"]] -= 1
        self.latest = record
        spent = sum(record["timing_s"].values()) or record["runtime_s"] or 0.0
        self._seconds.setdefault(record["method"], []).append(spent)
        del self._seconds[record["method"]][:-RECENT_TASKS]

    @property
    def remaining_s(self) -> float | None:
        """Estimated seconds to go, from the last tasks of every method; None before the first."""
        if not self._seconds:
            return None
        mean = {method: fmean(seconds) for method, seconds in self._seconds.items()}
        unknown = fmean(mean.values())
        work = sum(mean.get(method, unknown) * count for method, count in self.remaining.items())
        return work / self.concurrency


def run_benchmark(
    plan: Plan,
    folder: Path,
    execute: Executor = run_local,
    *,
    concurrency: int = 1,
    on_progress: Callable[[BenchmarkProgress], None] = lambda _: None,
    retry_failed: bool = False,
) -> Plan:
    """Run the tasks of a benchmark that have no record yet.

    Parameters
    ----------
    plan
        The benchmark. A folder that already holds it is continued: methods may be new and the
        limit different, nothing else.
    folder
        The benchmark folder.
    execute
        Executor of the tasks.
    concurrency
        Number of tasks that the executor runs at the same time.
    on_progress
        Function called at first and after every record.
    retry_failed
        Failed records are run again.

    Returns
    -------
    Plan
        The plan with all methods that the folder holds.

    Raises
    ------
    BenchmarkError, ParameterError
        The folder holds another benchmark, is in use, or a method cannot be set up as asked for.
    """
    check_device_name(plan.device)
    calibrated_model(plan.calibration or None)
    cases = plan.dataset.open(default_registry(plan.builtin_only))
    ids = cases.ids
    joined = _joined_plan(plan, folder)  # refuses a foreign folder before anything is written
    with RecordFile(folder) as records:
        discard_abandoned_below(folder)
        write_plan(joined, folder)
        _drop_retried(records, plan, retry_failed)
        done = {(record["case"], record["method"]) for record in records.read()}
        tasks = remaining_tasks(plan, ids, done)
        progress = _progress(plan, len(ids), tasks, concurrency)
        on_progress(progress)
        if tasks:
            results = execute(plan, cases.name, str(folder.resolve()), tasks)
            try:
                for record in results:
                    records.append(record)
                    progress.advance(record)
                    on_progress(progress)
            finally:
                results.close()  # type: ignore[attr-defined] # ends the running tasks
    return joined


def _drop_retried(records: RecordFile, plan: Plan, retry_failed: bool) -> None:
    """Drop the records of tasks that are run again."""
    redo = {"unavailable", "failed"} if retry_failed else {"unavailable"}
    wanted = {method.label for method in plan.methods}
    records.drop(lambda record: record["status"] in redo and record["method"] in wanted)


def _progress(
    plan: Plan, cases: int, tasks: Sequence[BenchmarkTask], concurrency: int
) -> BenchmarkProgress:
    """Return the progress before the first of the remaining tasks."""
    total = cases * len(plan.methods)
    remaining = {m.label: sum(t.method == m.label for t in tasks) for m in plan.methods}
    return BenchmarkProgress(total, total - len(tasks), max(1, concurrency), remaining)


def remaining_tasks(
    plan: Plan, ids: Sequence[str], done: set[tuple[str, str]]
) -> list[BenchmarkTask]:
    """Return the tasks without a record: the first case of every method, then method by method.

    In this order, errors of set-up show at once, the remaining time is known early, and a method
    is loaded once.
    """
    by_method = [
        [
            BenchmarkTask(index, case, method.label)
            for index, case in enumerate(ids)
            if (case, method.label) not in done
        ]
        for method in plan.methods
    ]
    if sum(map(bool, by_method)) < 2:
        return [task for tasks in by_method for task in tasks]
    first = [tasks[0] for tasks in by_method if tasks]
    return first + [task for tasks in by_method for task in tasks[1:]]


def _joined_plan(plan: Plan, folder: Path) -> Plan:
    """Return the plan, joined with the one that is in the folder."""
    if (folder / CONFIG_FILE).exists():
        return plan.joined_with(read_plan(folder / CONFIG_FILE))
    records = folder / RECORDS_FILE
    if records.exists() and records.stat().st_size:
        raise BenchmarkError(
            f"{folder} holds records but no {CONFIG_FILE}, so their settings are unknown; "
            "choose another folder"
        )
    return plan
