"""Staging folders: what a killed process leaves is gone after the next run, and nothing else."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from regkit.errors import OutputError
from regkit.io.atomic_output import atomic_output
from regkit.io.folder_lock import only_process_in
from regkit.io.staging import discard_abandoned_below, staging_folder

HOLDER = """
import sys, time
from pathlib import Path
from regkit.io.folder_lock import only_process_in
from regkit.io.staging import staging_folder
folder = Path(sys.argv[1])
with staging_folder(folder) as hidden, only_process_in(folder / "own", "working"):
    (hidden / "half").write_text("written")
    print(hidden, flush=True)
    time.sleep(1e6)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    process.hidden = Path(process.stdout.readline().strip())
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (holder.hidden / "half").exists()
    with atomic_output(tmp_path) as stage:
        assert not holder.hidden.exists()
        stage.path("file").write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "own"]


def test_the_staging_folder_of_a_running_process_stays(tmp_path, holder):
    with staging_folder(tmp_path) as hidden:
        assert (holder.hidden / "half").exists()
        assert hidden != holder.hidden
    assert not hidden.exists()
    assert holder.hidden.exists()


def test_folders_below_are_cleaned_and_others_stay(tmp_path):
    names = ("a/b/.regkit-12345678/x", "a/.regkit-abcd_f_8/y", "a/.regkit-notes/keep", "a/keep")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "a" / ".regkit-aaaaaaaa").symlink_to(tmp_path / "a" / ".regkit-notes")
    discard_abandoned_below(tmp_path)
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {"a/.regkit-notes/keep", "a/keep"}


def test_a_folder_is_for_one_process_until_it_ends(tmp_path, holder):
    with (
        pytest.raises(OutputError, match=r"another process is working in .*own; wait for it"),
        only_process_in(tmp_path / "own", "working"),
    ):
        pass
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with only_process_in(tmp_path / "own", "working"):
        assert list((tmp_path / "own").iterdir()) == []
