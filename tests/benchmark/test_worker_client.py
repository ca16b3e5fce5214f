import math

import pytest

from regkit.benchmark.case_source import DatasetRef
from regkit.benchmark.plan import BenchmarkTask, Method, Plan
from regkit.benchmark.worker_client import WorkerClient


class Worker:
    """A process of a method, or of the scores, that tells what it is told to."""

    is_dead = False

    def __init__(self, **facts):
        self.facts, self.parameters = facts, {}

    def run(self, _task, _folder, **_given):
        return {"status": "ok", **self.facts}


@pytest.mark.parametrize(
    "told", [pytest.param(10**400, id="1e400"), math.inf, math.nan, -1.0, "1", None, [1.0]]
)
def test_what_is_no_time_and_no_memory_is_left_out(told, tmp_path, monkeypatch):
    method = Worker(
        timing_s={"load": 0.25, "compute": told}, runtime_s=told, peak_memory_mb=12.5, estimate={}
    )
    scorer = Worker(timing_s={"load": 0.5, "score": 1.5}, group="p1", verdict="OK")
    monkeypatch.setattr(WorkerClient, "_worker_for", lambda _, label: method if label else scorer)
    plan = Plan(dataset=DatasetRef("d"), methods=(Method("identity", "identity"),))
    record = WorkerClient(plan, "d", str(tmp_path)).run(BenchmarkTask(0, "a", "identity"))
    assert (record["status"], record["error"]) == ("ok", None)
    # The scorer reads the case, and scores it.
    assert record["timing_s"] == {"load": 1.25, "score": 3.0}
    assert (record["runtime_s"], record["peak_memory_mb"]) == (None, 12.5)
