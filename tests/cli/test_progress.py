"""Progress on stderr: what appears where there is no terminal, and on one."""

import io
import re
import sys
import time

import pytest

from regkit.cli.context import settings
from regkit.cli.progress import progress_bar, say, status_spinner
from regkit.cli.progress_lines import clock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def quiet(monkeypatch):
    monkeypatch.setattr(settings, "quiet", True)


@pytest.fixture
def _at_once(monkeypatch):
    monkeypatch.setattr("regkit.cli.progress.DELAY_S", 0.0)
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
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    assert "registering ... 0:00:00" in shown


@pytest.mark.parametrize(
    ("seconds", "text"), [(4.6, "0:05"), (65, "1:05"), (3599.7, "1:00:00"), (3845, "1:04:05")]
)
def test_durations_read_like_a_clock(seconds, text) -> None:
    assert clock(seconds) == text
