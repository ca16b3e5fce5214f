"""A real scheduler and real workers, one of which is killed in the midst of a run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from observing import children_of, is_running, repeatable
from regkit.benchmark.case_source import DatasetRef
from regkit.benchmark.dask_executor import DaskCluster
from regkit.benchmark.harness import run_benchmark
from regkit.benchmark.plan import Plan, parse_methods, with_parameters
from regkit.benchmark.records import read_records
from regkit.errors import BenchmarkError
from regkit.registry import default_registry

pytestmark = pytest.mark.end_to_end


@contextmanager
def started(*words: str) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        words,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def until(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def scheduling(file: Path) -> Iterator[subprocess.Popen]:
    """Start a scheduler and wait for its file."""
    module = "distributed.cli.dask_scheduler"
    options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    with started(sys.executable, "-m", module, *options, "--scheduler-file", str(file)) as process:
        until(file.exists)
        yield process


@pytest.fixture(scope="module")
def scheduler(_toys, tmp_path_factory) -> Iterator[Path]:
    """The scheduler file of a cluster without workers."""
    file = tmp_path_factory.mktemp("dask") / "scheduler.json"
    with scheduling(file):
        yield file


def worker(scheduler, name, *options):
    module = "distributed.cli.dask_worker"
    common = ["--scheduler-file", str(scheduler), "--name", name, "--nthreads", "1"]
    rest = ["--no-dashboard", "--no-nanny", "--local-directory", str(scheduler.parent)]
    return started(sys.executable, "-m", module, *common, *rest, *options)


@contextmanager
def connected(scheduler, concurrency):
    def has_workers():
        try:
            with DaskCluster(str(scheduler)).connected() as connection:
                return connection.concurrency == concurrency
        except BenchmarkError:
            return False

    until(has_workers)
    with DaskCluster(str(scheduler)).connected() as connection:
        yield connection


def plan_of(methods, n, **parameters):
    chosen = with_parameters(parse_methods([methods], default_registry()), parameters)
    return Plan(DatasetRef("toy-cases", {"n": n}), chosen, timeout_s=30)


def test_a_worker_killed_in_the_midst_loses_nothing(scheduler, tmp_path):
    plan = plan_of("fine,segfaults", 10, seconds=0.1)
    orphans = []

    def kill_one(progress):
        if progress.done == 6:
            orphans.extend(children_of(doomed.pid))
            doomed.send_signal(signal.SIGKILL)

    with (
        worker(scheduler, "doomed") as doomed,
        worker(scheduler, "other") as other,
        connected(scheduler, concurrency=2) as connection,
    ):
        run_benchmark(
            plan,
            tmp_path / "dask",
            connection.run,
            concurrency=connection.concurrency,
            on_progress=kill_one,
        )
        assert doomed.wait() == -signal.SIGKILL
        assert orphans
        until(lambda: not any(map(is_running, orphans)))
        until(lambda: not children_of(other.pid))  # its lane was ended with the run
    run_benchmark(plan, tmp_path / "here")
    assert len(read_records(tmp_path / "dask")) == 20
    assert repeatable(tmp_path / "dask") == repeatable(tmp_path / "here")


def test_gpu_workers_take_one_method_at_a_time(scheduler, tmp_path):
    with (
        worker(scheduler, "gpu", "--resources", "GPU=1", "--nthreads", "2"),
        worker(scheduler, "plain"),
        connected(scheduler, concurrency=3) as connection,
    ):
        run_benchmark(plan_of("clocked", 6), tmp_path, connection.run)
    # The toy tells as its device when it began and ended.
    spans = sorted(tuple(map(float, r["device"].split())) for r in read_records(tmp_path))
    assert len(spans) == 6
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))


def test_a_wrong_parameter_is_told_once(scheduler, tmp_path):
    with (
        worker(scheduler, "one"),
        connected(scheduler, concurrency=1) as connection,
        pytest.raises(BenchmarkError, match="fine has no parameter 'blur'"),
    ):
        run_benchmark(plan_of("fine", 3, blur=1), tmp_path, connection.run)


def test_a_cluster_that_is_not_there_is_told(tmp_path, monkeypatch):
    file = tmp_path / "scheduler.json"  # the workers of other tests may still be known elsewhere
    with (
        scheduling(file),
        pytest.raises(BenchmarkError, match=r"has no workers; start some with `dask worker"),
        DaskCluster(str(file)).connected(),
    ):
        pass
    monkeypatch.setattr("regkit.benchmark.dask_executor.CONNECT_TIMEOUT_S", 1)
    with (
        pytest.raises(BenchmarkError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:9"),
        DaskCluster("tcp://127.0.0.1:9").connected(),
    ):
        pass


def test_a_scheduler_that_dies_ends_the_run_with_what_is_done(tmp_path):
    def kill(progress):
        if progress.done == 2:
            process.kill()

    file = tmp_path / "scheduler.json"
    plan = plan_of("fine", 8, seconds=0.2)
    with (
        scheduling(file) as process,
        worker(file, "one"),
        connected(file, concurrency=1) as connection,
        pytest.raises(BenchmarkError, match="the scheduler was lost; the same command"),
    ):
        run_benchmark(plan, tmp_path / "run", connection.run, on_progress=kill)
    assert len(read_records(tmp_path / "run")) == 2
