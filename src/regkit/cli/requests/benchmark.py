"""A benchmark as the command line asks for it: its plan, and its run."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from regkit.cli.colors import echo
from regkit.cli.context import current_registry, settings
from regkit.cli.requests.interruption import resumable

if TYPE_CHECKING:
    from regkit.benchmark.case_source import DatasetRef
    from regkit.benchmark.harness import BenchmarkProgress
    from regkit.benchmark.plan import Method, Plan

ProgressCallback: TypeAlias = "Callable[[BenchmarkProgress], None]"


@dataclass(frozen=True)
class CaseSelection:
    """The cases of a benchmark.

    Parameters
    ----------
    dataset
        Name of a dataset, or path of a dataset folder or Learn2Reg JSON; None for that of the
        configuration.
    assignments
        Parameters of the dataset as ``KEY=VALUE``.
    split
        Part of the dataset; empty for all of it.
    limit
        Number of cases, the first ones; 0 for all, None for that of the configuration.
    """

    dataset: str | None = None
    assignments: Sequence[str] = ()
    split: str = ""
    limit: int | None = None


@dataclass(frozen=True)
class MethodSelection:
    """The methods of a benchmark.

    Parameters
    ----------
    expressions
        Lists of methods, as `regkit.benchmark.plan.parse_methods` reads them.
    assignments
        Parameters as ``KEY=VALUE`` or ``METHOD.KEY=VALUE``.
    seed, device
        Seed and device of every method that has such a parameter; None for those of the
        configuration.
    """

    expressions: Sequence[str] = ()
    assignments: Sequence[str] = ()
    seed: int | None = None
    device: str | None = None


@dataclass(frozen=True)
class Execution:
    """Resources of a benchmark.

    Parameters
    ----------
    workers
        Number of processes in parallel on this machine.
    threads
        Number of threads of each process; None for an equal part of the cores.
    timeout_s
        Time limit of a method on one case, in seconds; None for that of the configuration.
    memory_mb
        Memory limit of a process, in MB; None for that of the configuration.
    dask
        Address or scheduler file of a dask cluster; None for this machine.
    retry_failed
        True to run failed records again.
    """

    workers: int = 1
    threads: int | None = None
    timeout_s: float | None = None
    memory_mb: int | None = None
    dask: str | None = None
    retry_failed: bool = False

    @property
    def threads_per_worker(self) -> int:
        """Number of threads of each process; 1 on a cluster, whose machines are unknown."""
        if self.threads is not None:
            return self.threads
        return 1 if self.dask is not None else max(1, (os.cpu_count() or 1) // self.workers)


@dataclass(frozen=True)
class BenchmarkRequest:
    """One run of ``regkit benchmark``.

    Parameters
    ----------
    folder
        Benchmark folder.
    cases, methods, execution
        Cases, methods and resources.
    config
        Configuration file; None for that of the folder.
    baseline
        Benchmark folder to compare with; None for no comparison.
    margins
        Equivalence margins as ``SCORE=VALUE``.
    calibration
        Card of the verdict, or its folder; None for that of the configuration.
    """

    folder: Path
    cases: CaseSelection = field(default_factory=CaseSelection)
    methods: MethodSelection = field(default_factory=MethodSelection)
    execution: Execution = field(default_factory=Execution)
    config: Path | None = None
    baseline: Path | None = None
    margins: Sequence[str] = ()
    calibration: Path | None = None


def benchmark_plan(request: BenchmarkRequest) -> Plan | None:
    """Return the plan of a request: its options, or a configuration that they override.

    Returns
    -------
    Plan or None
        None if the request runs nothing and only compares.

    Raises
    ------
    ParameterError
        Options that need a dataset or methods are given without them.
    BenchmarkError
        The configuration cannot be read, or the methods cannot be run together.
    """
    from regkit.benchmark.plan import Plan, read_plan

    overrides, cases = _overrides(request), request.cases
    if cases.dataset is not None:
        plan = Plan(**overrides)
    elif request.config is None and request.baseline is not None:
        return None
    else:
        plan = replace(read_plan(_config_file(request)), **overrides)
    if cases.limit is not None:
        plan = replace(plan, dataset=replace(plan.dataset, limit=cases.limit))
    return plan


def run_plan(plan: Plan, request: BenchmarkRequest, on_progress: ProgressCallback) -> None:
    """Run what is missing of a plan; an interruption ends the command with one line."""
    from regkit.benchmark.executor import open_executor
    from regkit.benchmark.harness import run_benchmark

    execution = request.execution
    with (
        resumable(request.folder),
        open_executor(execution.workers, execution.dask) as (execute, parallel),
    ):
        run_benchmark(
            plan,
            request.folder,
            execute,
            concurrency=parallel,
            on_progress=on_progress,
            retry_failed=execution.retry_failed,
        )


def _config_file(request: BenchmarkRequest) -> Path:
    """Return the configuration given, else that of the benchmark folder."""
    from regkit.benchmark.plan import CONFIG_FILE
    from regkit.errors import ParameterError

    file = request.config or request.folder / CONFIG_FILE
    if request.config is None and not file.exists():
        raise ParameterError(
            f"there is nothing to run: {request.folder} has no {CONFIG_FILE}; name a dataset and "
            "methods (-m), or give --config"
        )
    return file


def _overrides(request: BenchmarkRequest) -> dict[str, Any]:
    """Return the fields of the plan that the options set."""
    from regkit.errors import ParameterError

    cases, methods, execution = request.cases, request.methods, request.execution
    if cases.dataset is None and (cases.split or cases.assignments):
        raise ParameterError("--split and --data apply to a dataset; name one as the argument")
    if cases.dataset is None and methods.assignments and not methods.expressions:
        raise ParameterError("--set applies to methods; name them with -m")
    given = {
        "dataset": None if cases.dataset is None else _dataset(cases.dataset, cases),
        "methods": _methods(methods) if methods.expressions or cases.dataset else None,
        "seed": methods.seed,
        "device": methods.device,
        "threads": execution.threads_per_worker,
        "timeout_s": execution.timeout_s,
        "memory_mb": execution.memory_mb,
        "builtin_only": settings.builtin_only or None,
        "calibration": request.calibration and str(request.calibration.resolve()),
    }
    return {key: value for key, value in given.items() if value is not None}


def _dataset(name: str, cases: CaseSelection) -> DatasetRef:
    from regkit.benchmark.case_source import DatasetRef
    from regkit.registration.parameters import parse_assignment

    offered = {registered.spec.name for registered in current_registry().datasets}
    exists = Path(name).exists()
    if name in offered and exists:
        echo(
            f"regkit: '{name}' is a dataset of a plugin and also a folder here; the dataset of "
            f"the plugin is used, for the folder write ./{name}",
            err=True,
        )
    location = str(Path(name).resolve()) if exists and name not in offered else name
    return DatasetRef(
        location, dict(parse_assignment(text) for text in cases.assignments), cases.split
    )


def _methods(methods: MethodSelection) -> tuple[Method, ...]:
    from regkit.benchmark.plan import parse_methods, with_parameters
    from regkit.registration.parameters import parse_assignment

    parsed = parse_methods(methods.expressions, current_registry())
    return with_parameters(parsed, dict(parse_assignment(text) for text in methods.assignments))
