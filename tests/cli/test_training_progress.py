"""`regkit train` where there is no terminal: a line every 30 s, and what the training costs."""

import pytest

from regkit.cli import training_progress
from regkit.cli.training_progress import (
    CostAnnouncement,
    TrainingLines,
    duration_text,
    rate_text,
)
from regkit.learning.training_job import TrainingProgress
from small_training import write_cases


@pytest.fixture
def clock(monkeypatch):
    """A clock that the tests set."""
    now = [0.0]
    monkeypatch.setattr(training_progress.time, "monotonic", lambda: now[0])
    return now


def told(kind, clock, seconds_per_step: float, total: int, until: int, **more) -> list[str]:
    lines: list[str] = []
    one = kind(lines.append)
    for step in range(1, until + 1):
        clock[0] += seconds_per_step
        one.show(TrainingProgress("steps", step, total, {"loss": 1 / step}, **more))
    return lines


def test_a_line_every_half_minute_tells_step_loss_rate_and_time_left(clock) -> None:
    lines = told(TrainingLines, clock, 0.5, 1000, 200)
    assert lines == [
        "steps: 61 of 1000, loss 0.0164, 2 steps/s, 7:50 left",
        "steps: 121 of 1000, loss 0.00826, 2 steps/s, 7:20 left",
        "steps: 181 of 1000, loss 0.00552, 2 steps/s, 6:50 left",
    ]


def test_a_slow_step_is_a_line_and_the_end_is_told(clock) -> None:
    lines = told(TrainingLines, clock, 34.0, 3, 3)
    assert lines == [
        "steps: 2 of 3, loss 0.5, 34 s/step, 0:34 left",
        "steps: 3 of 3, loss 0.333, 34 s/step, 1:08 in all",
    ]


def test_the_rate_of_a_resumed_training_is_that_of_its_own_steps(clock) -> None:
    lines: list[str] = []
    one = TrainingLines(lines.append)
    for step in (901, 902, 903):
        clock[0] += 20.0
        one.show(TrainingProgress("steps", step, 1000, {}))
    assert lines == ["steps: 903 of 1000, 20 s/step, 32:20 left"]


def test_a_training_of_moments_says_nothing(clock) -> None:
    assert told(TrainingLines, clock, 0.01, 100, 100) == []


def test_the_cost_is_told_after_the_first_steps(clock) -> None:
    """30,000 steps of 34 s are 11.8 days."""
    (line,) = told(CostAnnouncement, clock, 34.0, 30_000, 40, device="cpu")
    assert line == (
        "a step takes about 34 s here (cpu), the other 29996 take about 11.8 days; a GPU is many "
        "times as fast: train where there is one, with --device cuda"
    )
    (line,) = told(CostAnnouncement, clock, 1.25, 30_000, 40, device="cuda:0")
    assert line.endswith("the other 29996 take about 10.4 hours")
    assert told(CostAnnouncement, clock, 0.01, 1000, 40, device="cpu") == []
    assert told(CostAnnouncement, clock, 34.0, 30_000, 40) == []  # work that is no step


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.34, "0.34 s"), (100, "100 s"), (1500, "25 minutes")]
)
def test_durations(seconds, text) -> None:
    assert duration_text(seconds) == text
    assert rate_text(0.5) == "2 s/step"


@pytest.mark.training
def test_the_command_writes_lines(run, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(training_progress, "EVERY_S", 0.0)
    monkeypatch.setattr(training_progress, "LONG_S", 0.0)
    cases = write_cases(tmp_path / "cases")
    choices = ("shape_zyx=[8,8,8]", "spacing=[40,40,40]", "width=0.0625", "batch_size=2")
    words = [word for one in choices for word in ("--set", one)]
    folder = tmp_path / "out"
    done = run("train", "dvnet", "--data", cases, "--steps", 6, *words, "-o", folder)
    assert done.exit_code == 0, done.output
    lines = done.stderr.splitlines()
    (last,) = [line for line in lines if line.startswith("steps: 6 of 6, loss ")]
    assert last.endswith("in all")
    assert sum("a step takes about" in line and "GPU" in line for line in lines) == 1
