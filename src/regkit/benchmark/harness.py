"""Runs what is left of a benchmark and keeps every record the moment it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TypeAlias

from regkit.benchmark.local_executor import run_local
from regkit.benchmark.plan import CONFIG, Plan, read_plan, write_plan
from regkit.benchmark.records import RECORDS, Record, RecordFile
from regkit.benchmark.worker_client import BenchmarkTask
from regkit.errors import BenchmarkError
from regkit.registry import default_registry

# What does the tasks: (plan, dataset, folder, tasks) -> records as they become known.
Executor: TypeAlias = Callable[[Plan, str, str, Sequence[BenchmarkTask]], Iterator[Record]]


@dataclass
class BenchmarkProgress:
    """How far a benchmark is.

    Parameters
    ----------
    total
        Number of records there will be.
    done
        How many there are.
    lanes
        How many tasks are done side by side.
    left
        Number of records to come, by method.
    """

    total: int
    done: int
    lanes: int
    left: dict[str, int]
    latest: Record | None = None
    _seconds: dict[str, list[float]] = field(default_factory=dict)

    def advance(self, record: Record) -> None:
        """Count a record that was just made."""
        self.done += 1
        self.left[record["method"]] -= 1
        self.latest = record
        spent = sum(record["timing_s"].values()) or record["runtime_s"] or 0.0
        self._seconds.setdefault(record["method"], []).append(spent)
        del self._seconds[record["method"]][:-50]

    @property
    def left_s(self) -> float | None:
        """Seconds left, judged by what every method took lately; None before anything is known."""
        if not self._seconds:
            return None
        mean = {method: fmean(seconds) for method, seconds in self._seconds.items()}
        unknown = fmean(mean.values())
        work = sum(mean.get(method, unknown) * count for method, count in self.left.items())
        return work / self.lanes


def run_benchmark(
    plan: Plan,
    folder: Path,
    execute: Executor = run_local,
    *,
    lanes: int = 1,
    watch: Callable[[BenchmarkProgress], None] = lambda _: None,
    retry_failed: bool = False,
) -> Plan:
    """Do what is not done yet of a benchmark.

    Parameters
    ----------
    plan
        What to run. A folder that holds the same benchmark already is gone on with: methods may be
        new and the limit another, nothing else.
    folder
        The benchmark folder.
    execute
        What does the tasks.
    lanes
        How many of them it does side by side.
    watch
        Called before the first record and after every record.
    retry_failed
        Do again what failed.

    Returns
    -------
    Plan
        The plan with all methods that the folder holds.

    Raises
    ------
    BenchmarkError
        The folder holds another benchmark, is in use, or a method cannot be set up as asked for.
    """
    cases = plan.dataset.open(default_registry(plan.builtin_only))
    ids = cases.ids
    with RecordFile(folder) as records:
        whole = _lock_folder(plan, folder)
        redo = {"unavailable", "failed"} if retry_failed else {"unavailable"}
        wanted = {method.label for method in plan.methods}
        records.drop(lambda record: record["status"] in redo and record["method"] in wanted)
        done = {(record["case"], record["method"]) for record in records.read()}
        tasks = tasks_left(plan, ids, done)
        left = {m.label: sum(t.method == m.label for t in tasks) for m in plan.methods}
        total = len(ids) * len(plan.methods)
        progress = BenchmarkProgress(total, total - len(tasks), max(1, lanes), left)
        watch(progress)
        if tasks:
            made = execute(plan, cases.name, str(folder.resolve()), tasks)
            try:
                for record in made:
                    records.append(record)
                    progress.advance(record)
                    watch(progress)
            finally:
                made.close()  # type: ignore[attr-defined] # ends what is under way
    return whole


def tasks_left(plan: Plan, ids: Sequence[str], done: set[tuple[str, str]]) -> list[BenchmarkTask]:
    """Return what is to be done, in this order: a first case of every method, then by method.

    So what cannot work shows at once, the time left is known early, and a method is loaded once.
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


def _lock_folder(plan: Plan, folder: Path) -> Plan:
    """Say in the folder what it holds, or see that it is the same; return all that it holds."""
    whole = plan
    if (folder / CONFIG).exists():
        whole = plan.joined_with(read_plan(folder / CONFIG))
    elif (folder / RECORDS).stat().st_size:
        raise BenchmarkError(
            f"{folder} holds records but no {CONFIG}, so nobody knows of what; "
            "choose another folder"
        )
    write_plan(whole, folder)
    return whole
