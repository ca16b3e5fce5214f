"""A run that ends at any moment goes on where it stopped, with the same result."""

import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise

import pytest

from observing import children_of, is_running, repeatable
from regkit.benchmark.case_source import DatasetRef
from regkit.benchmark.harness import remaining_tasks, run_benchmark
from regkit.benchmark.local_executor import run_local
from regkit.benchmark.method_runner import MethodRunner
from regkit.benchmark.plan import (
    CONFIG_FILE,
    BenchmarkTask,
    Plan,
    parse_methods,
    read_plan,
    with_parameters,
)
from regkit.benchmark.records import RECORDS_FILE, new_record, read_records
from regkit.benchmark.scorer import CaseScorer
from regkit.errors import BenchmarkError, ParameterError
from regkit.registry import default_registry

pytestmark = pytest.mark.end_to_end


def plan_of(*methods, n=3, limit=0, **parameters):
    chosen = with_parameters(parse_methods(methods, default_registry()), parameters)
    return Plan(DatasetRef("toy-cases", {"n": n}, limit=limit), chosen)


def refusing(*_):
    raise AssertionError("nothing was left to do")


def test_one_case_of_every_method_comes_first_then_method_by_method():
    plan = plan_of("fine,raises,hangs")
    done = {("a", "fine"), ("a", "hangs"), ("b", "hangs"), ("c", "hangs")}
    assert remaining_tasks(plan, ["a", "b", "c"], done) == [
        BenchmarkTask(1, "b", "fine"),
        BenchmarkTask(0, "a", "raises"),
        BenchmarkTask(2, "c", "fine"),
        BenchmarkTask(1, "b", "raises"),
        BenchmarkTask(2, "c", "raises"),
    ]


def test_a_record_says_what_a_method_that_chooses_used(tmp_path):
    plan = plan_of("raises/fine,fine")
    scorer, scored = CaseScorer(plan), []
    for method in plan.methods:
        task = BenchmarkTask(1, "case-1", method.label)
        assert scorer.prepare(task, str(tmp_path))["status"] == "ok"
        found = MethodRunner(plan, method).run(1, "case-1", str(tmp_path), lambda **_: None)
        scored.append(scorer.score(task, str(tmp_path), found["estimate"], str(tmp_path)))
    assert [facts["used"] for facts in scored] == ["fine", None]


def test_a_gpu_for_a_method_that_cannot_use_one_is_refused(tmp_path):
    plan = replace(plan_of("fine"), device="cuda")
    with pytest.raises(BenchmarkError, match=r"fine runs on the CPU only, .* METHOD\.device=cuda"):
        run_benchmark(plan, tmp_path)
    assert read_records(tmp_path) == []


def test_a_word_that_is_no_device_is_refused_before_anything_is_written(tmp_path):
    plan = replace(plan_of("fine"), device="gpu")
    with pytest.raises(ParameterError, match="device takes auto, cpu, cuda or cuda:N, got 'gpu'"):
        run_benchmark(plan, tmp_path / "new", refusing)
    assert not (tmp_path / "new").exists()


def test_of_all_methods_those_without_a_gpu_are_left_out(tmp_path):
    fine = replace(plan_of("fine", limit=1).methods[0], optional=True)
    run_benchmark(replace(plan_of("fine", limit=1), methods=(fine,), device="cuda"), tmp_path)
    (record,) = read_records(tmp_path)
    assert record["status"] == "unavailable"
    assert record["error"].startswith("fine runs on the CPU only")


def test_what_is_done_is_not_done_again(tmp_path):
    run_benchmark(plan_of("fine", limit=2), tmp_path)
    before = (tmp_path / RECORDS_FILE).read_bytes()
    run_benchmark(plan_of("fine", limit=2), tmp_path, refusing)
    assert (tmp_path / RECORDS_FILE).read_bytes() == before


def test_cases_and_methods_are_added(tmp_path):
    run_benchmark(plan_of("fine", limit=1), tmp_path)
    before = (tmp_path / RECORDS_FILE).read_bytes()
    whole = run_benchmark(plan_of("other=fine,fine", limit=2), tmp_path)
    assert (tmp_path / RECORDS_FILE).read_bytes().startswith(before)
    assert set(repeatable(tmp_path)) == {
        (f"case-{i}", m) for i in range(2) for m in ("fine", "other")
    }
    assert read_plan(tmp_path / CONFIG_FILE) == whole
    assert [m.label for m in whole.methods] == ["fine", "other"]


def test_another_benchmark_is_refused_and_nothing_changes(tmp_path):
    run_benchmark(plan_of("fine", limit=1), tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(BenchmarkError, match=r"seconds: not set there, 1 now.*another folder"):
        run_benchmark(plan_of("fine", seconds=1), tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_records_of_nobody_knows_what_are_refused(tmp_path):
    run_benchmark(plan_of("fine", limit=1), tmp_path)
    (tmp_path / CONFIG_FILE).unlink()
    with pytest.raises(BenchmarkError, match=r"holds records but no config.toml"):
        run_benchmark(plan_of("fine"), tmp_path)


def test_failures_are_done_again_only_if_wanted(tmp_path):
    made = []

    def execute(plan, dataset, folder, tasks):
        made.append([task.case for task in tasks])
        status = "ok" if len(made) > 1 else "failed"
        return (new_record(dataset, t.case, t.method, "ok" if t.index else status) for t in tasks)

    run_benchmark(plan_of("fine"), tmp_path, execute)
    run_benchmark(plan_of("fine"), tmp_path, execute)
    assert made == [["case-0", "case-1", "case-2"]]
    run_benchmark(plan_of("fine"), tmp_path, execute, retry_failed=True)
    assert made[1:] == [["case-0"]]
    assert {r["status"] for r in repeatable(tmp_path).values()} == {"ok"}


def test_two_workers_find_what_one_does(tmp_path):
    plan = plan_of("fine,raises", n=4)
    run_benchmark(plan, tmp_path / "one")
    run_benchmark(plan, tmp_path / "two", lambda *a: run_local(*a, workers=2), concurrency=2)
    assert repeatable(tmp_path / "two") == repeatable(tmp_path / "one")


def test_progress_counts_down(tmp_path):
    seen = []
    run_benchmark(
        plan_of("fine,raises"),
        tmp_path,
        on_progress=lambda p: seen.append((p.done, p.remaining_s)),
    )
    assert [done for done, _ in seen] == list(range(7))
    assert seen[0][1] is None
    assert seen[-1][1] == 0


def test_an_interrupt_ends_the_workers_and_keeps_the_records(tmp_path):
    def interrupt(progress):
        if progress.done == 2:
            raise KeyboardInterrupt

    plan = plan_of("fine", n=50, seconds=0.05)
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(plan, tmp_path, lambda *a: run_local(*a, workers=2), on_progress=interrupt)
    assert time.monotonic() - started < 30
    assert len(read_records(tmp_path)) == 2


def command(folder):
    words = "benchmark toy-cases --data n=8 -m fine,raises --set seconds=0.1 --workers 2"
    return [sys.executable, "-m", "regkit", *words.split(), "-o", str(folder)]


def test_a_run_killed_again_and_again_ends_as_if_it_had_not_been(tmp_path):
    """SIGKILL, six times at a random moment; the run that follows ends it."""
    killed, sizes = tmp_path / "killed", []
    for seed in range(6):
        process = subprocess.Popen(
            command(killed), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for_more(killed, process)
        time.sleep(random.Random(seed).uniform(0, 0.15))
        process.send_signal(signal.SIGKILL)
        process.wait()
        sizes.append(len(read_records(killed)))
    assert all(a < b or b == 16 for a, b in pairwise(sizes))
    assert sizes[0] < 16
    subprocess.run(command(killed), check=True, capture_output=True)
    run_benchmark(plan_of("fine,raises", n=8, seconds=0.1), tmp_path / "whole")
    assert repeatable(killed) == repeatable(tmp_path / "whole")


def wait_for_more(folder, process):
    """Wait until the run has written something new, or is over."""
    file = folder / RECORDS_FILE
    before = file.stat().st_size if file.exists() else 0
    while process.poll() is None and (not file.exists() or file.stat().st_size <= before):
        time.sleep(0.01)


def test_workers_end_when_the_harness_is_killed(tmp_path):
    process = subprocess.Popen(command(tmp_path), stdout=subprocess.DEVNULL)
    wait_for_more(tmp_path, process)
    children = children_of(process.pid)
    assert children
    process.send_signal(signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 20
    while any(is_running(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_running(child) for child in children)
