"""Interface of what worker processes run: a plan, and the runner of one of its methods."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, cast

from regkit.benchmark.plan import BenchmarkTask, Method
from regkit.benchmark.records import Record

Facts: TypeAlias = dict[str, Any]


class WorkerPlan(Protocol):
    """Settings of a run, and what its worker processes run.

    Parameters
    ----------
    runner
        Import target of the `TaskRunner` that is built from the plan and one of its methods.
    scorer
        Import target of the `TaskScorer`, built from the plan, that scores what methods found, in
        a process of its own; empty where the runner does all.
    threads, timeout_s, memory_mb
        Limits of each worker process, as in `regkit.benchmark.plan.Plan`.
    """

    @property
    def runner(self) -> str:
        """Import target of what worker processes run."""

    @property
    def scorer(self) -> str:
        """Import target of what scores in further processes; empty for none."""

    @property
    def methods(self) -> Sequence[Method]:
        """The methods, by whose labels tasks name them."""

    @property
    def threads(self) -> int:
        """Number of threads of each worker process."""

    @property
    def timeout_s(self) -> float:
        """Time limit of each stage of a task, seconds."""

    @property
    def memory_mb(self) -> int:
        """Memory limit of each worker process, MB."""

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as plain data."""

    @staticmethod
    def of(content: Mapping[str, Any]) -> Any:
        """Build the plan from plain data."""


class TaskRunner(Protocol):
    """Loaded method that runs one task after the other in a worker process."""

    def __init__(self, plan: Any, method: Method) -> None: ...

    @property
    def parameters(self) -> Facts:
        """Every parameter of the method."""

    def run(self, index: int, case_id: str, folder: str, stage: Callable[..., None]) -> Facts:
        """Run a task; return the facts of its record, ``status`` among them."""


class TaskScorer(Protocol):
    """Reads cases and scores what methods found, in a process in which no method has run."""

    def __init__(self, plan: Any) -> None: ...

    @property
    def parameters(self) -> Facts:
        """No parameters."""

    def prepare(self, task: BenchmarkTask, handed: str) -> Facts:
        """Read a case and hand its pair to the method; return facts, ``status`` among them."""

    def score(
        self, task: BenchmarkTask, folder: str, found: Mapping[str, Any], handed: str
    ) -> Facts:
        """Score an estimate; return the facts of its record, ``status`` among them."""


# Function that runs tasks: (plan, dataset, folder, tasks) -> records as they become known.
Executor: TypeAlias = Callable[[Any, str, str, Sequence[BenchmarkTask]], Iterator[Record]]


def plan_data(plan: WorkerPlan) -> dict[str, Any]:
    """Return a plan as plain data that tells its class."""
    kind = type(plan)
    return {"class": f"{kind.__module__}:{kind.__qualname__}", "content": plan.as_dict()}


def plan_of(data: Mapping[str, Any]) -> WorkerPlan:
    """Build a plan from the data of `plan_data`."""
    return cast("WorkerPlan", _imported(data["class"]).of(data["content"]))


def load_runner(plan: WorkerPlan, label: str) -> TaskRunner:
    """Load the method of a label, with what runs it."""
    method = next(method for method in plan.methods if method.label == label)
    return cast("TaskRunner", _imported(plan.runner)(plan, method))


def load_scorer(plan: WorkerPlan) -> TaskScorer:
    """Load what scores the estimates of methods."""
    return cast("TaskScorer", _imported(plan.scorer)(plan))


def _imported(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)
