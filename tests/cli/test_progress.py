"""Progress on stderr: what appears where there is no terminal, and on one."""

import io
import re
import sys
import time

import pytest

from regkit.cli.context import settings
from regkit.cli.progress import progress_bar, say, status_spinner
from regkit.cli.progress_lines import clock
from regkit.working import WorkStage, part_of_work, progress_heard, tell_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def quiet(monkeypatch):
    monkeypatch.setattr(settings, "quiet", True)


@pytest.fixture
def _at_once(monkeypatch):
    monkeypatch.setattr("regkit.cli.progress_lines.DELAY_S", 0.0)


def wait_for_line(capsys: pytest.CaptureFixture[str]) -> str:
    for _ in range(1000):
        if text := capsys.readouterr().err:
            return text
        time.sleep(0.01)
    raise AssertionError("nothing was written")


@pytest.mark.usefixtures("_at_once")
def test_a_stage_is_one_line_where_there_is_no_terminal(capsys) -> None:
    with status_spinner("reading") as update:
        assert wait_for_line(capsys) == "reading ...\n"
        update("still reading")
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("_at_once")
def test_stages_of_slow_work_are_a_line_each_with_the_time_left(capsys, monkeypatch) -> None:
    monkeypatch.setattr("regkit.working.LEAST_S", 0.0)
    with status_spinner("registering with a+b"):
        assert wait_for_line(capsys) == "registering with a+b ...\n"
        with part_of_work("step 1 of 2"):
            assert wait_for_line(capsys) == "registering with a+b: step 1 of 2 ...\n"
            tell_progress("level 2 of 4", 0.25)
            line = wait_for_line(capsys)
        with part_of_work("verdict"):
            assert wait_for_line(capsys) == "registering with a+b: verdict ...\n"
    assert line == "registering with a+b: step 1 of 2, level 2 of 4, about 0:00 left\n"


def test_the_time_left_is_that_of_the_innermost_part(monkeypatch) -> None:
    now = iter((90.0, 100.0, 103.0, 104.0))
    monkeypatch.setattr("regkit.working.time.monotonic", lambda: next(now))
    heard: list[WorkStage] = []
    with progress_heard(heard.append), part_of_work("step 1 of 2"):
        tell_progress("level 2 of 4", 0.25)  # 3 s for a quarter
        tell_progress("level 3 of 4")
    assert [stage.left_s for stage in heard] == [None, 9.0, None]
    assert heard[1].words == "step 1 of 2, level 2 of 4"


@pytest.mark.usefixtures("_at_once")
def test_slow_work_that_tells_nothing_is_told_of_again(capsys, monkeypatch) -> None:
    monkeypatch.setattr("regkit.cli.progress_lines.LEAST_REMINDER_S", 0.0)
    with status_spinner("registering with ants"):
        assert wait_for_line(capsys).startswith("registering with ants, 0:00 so far ...\n")
    capsys.readouterr()
    time.sleep(0.02)
    assert capsys.readouterr().err == ""


def test_stages_of_fast_work_are_not_told(capsys) -> None:
    with status_spinner("registering"), part_of_work("step 1 of 2"):
        tell_progress("level 1 of 3")
    tell_progress("nobody listens")
    assert capsys.readouterr() == ("", "")


def test_a_stage_that_takes_a_moment_is_not_told(capsys) -> None:
    with status_spinner("reading"):
        pass
    assert capsys.readouterr() == ("", "")


@pytest.mark.usefixtures("_at_once")
def test_counted_work_is_a_line_at_every_tenth_with_the_time_left(capsys, monkeypatch) -> None:
    now = iter(range(100, 1000))
    monkeypatch.setattr("regkit.cli.progress_lines.time.monotonic", lambda: next(now))
    with progress_bar() as bar:
        task = bar.add_task("simulating", total=30)
        for _ in range(30):
            bar.advance(task)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "simulating: 3 of 30, 0:27 left"  # a second for each
    assert lines[4] == "simulating: 15 of 30, 0:15 left"
    assert lines[-1] == "simulating: 30 of 30"
    assert len(lines) == 10


@pytest.mark.usefixtures("_at_once")
def test_work_whose_amount_becomes_known_later(capsys) -> None:
    with progress_bar() as bar:
        task = bar.add_task("testing", total=None)
        bar.update(task, completed=1)
        bar.update(task, completed=2, total=2, description="tested")
        bar.console.print("a failure", style="red")
    assert capsys.readouterr().err == "tested: 2 of 2\na failure\n"


@pytest.mark.usefixtures("_at_once", "quiet")
def test_quiet_shows_nothing_anywhere(capsys, monkeypatch) -> None:
    for stream in (sys.stderr, Terminal()):
        monkeypatch.setattr(sys, "stderr", stream)
        with status_spinner("reading") as update, progress_bar() as bar:
            update("more")
            bar.advance(bar.add_task("simulating", total=1))
            say("words")
            time.sleep(0.05)
        assert isinstance(stream, Terminal) is False or stream.getvalue() == ""
    assert capsys.readouterr() == ("", "")


def test_a_terminal_sees_the_stage_with_its_time(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with status_spinner("reading") as update:
        update("registering")
        tell_progress("level 2 of 3", 0.5)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    assert "reading: level 2 of 3 ... 0:00:00" in shown


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.6, "0:05"), (65, "1:05"), (3599.7, "1:00:00"), (3845, "1:04:05")]
)
def test_durations_read_like_a_clock(seconds, text) -> None:
    assert clock(seconds) == text
