"""Work shared between processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from parallel_tasks import fail_at_three, process_and_threads, square
from python_path import SUPPORT, python_path
from regkit.parallel import map_unordered

PARENT = """
import os, sys, time
from regkit.parallel import map_unordered
from parallel_tasks import sleep_long
if __name__ == "__main__":
    list(map_unordered(sleep_long, [sys.argv[1]] * 4, workers=2))
"""


@pytest.mark.end_to_end
@pytest.mark.parametrize("workers", [1, 2, 9])
def test_every_item_is_done_once(workers):
    assert sorted(map_unordered(square, range(7), workers)) == [n * n for n in range(7)]
    assert list(map_unordered(square, [], workers)) == []


@pytest.mark.end_to_end
def test_workers_are_other_processes_with_their_share_of_the_cores():
    found = set(map_unordered(process_and_threads, range(4), workers=2))
    assert os.getpid() not in {pid for pid, _ in found}
    assert {threads for _, threads in found} == {str(max(1, (os.cpu_count() or 1) // 2))}


@pytest.mark.end_to_end
@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_failure_is_told(workers):
    with pytest.raises(ValueError, match="three is too many"):
        list(map_unordered(fail_at_three, range(8), workers))


@pytest.mark.end_to_end
def test_workers_end_with_a_killed_parent(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    marks = tmp_path / "marks"
    marks.mkdir()
    here = {**os.environ, "PYTHONPATH": python_path(SUPPORT)}
    parent = subprocess.Popen([sys.executable, str(script), str(marks)], env=here)
    _wait_until(lambda: len(list(marks.iterdir())) == 2)
    workers = [int(mark.name) for mark in marks.iterdir()]
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    _wait_until(lambda: not any(_is_running(pid) for pid in workers))
    assert len(workers) == 2


def _wait_until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
