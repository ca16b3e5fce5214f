"""The core on systems that lack what only Linux or POSIX has."""

import logging
import os
import subprocess
import sys

import pytest

from regkit.benchmark import memory, worker_client
from regkit.benchmark.records import RecordFile
from regkit.errors import BenchmarkError

PROBE = """
import importlib, os, pkgutil, signal, sys
for name in ("fcntl", "resource", "termios", "pwd", "grp"):
    sys.modules[name] = None
for name in ("SIGBUS", "SIGKILL", "SIGXFSZ"):
    delattr(signal, name)
for name in ("killpg", "getpgrp", "fork"):
    delattr(os, name)
import regkit
for module in pkgutil.walk_packages(regkit.__path__, "regkit."):
    if module.name not in sys.argv[1:]:
        importlib.import_module(module.name)
print(sum(name.startswith("regkit") for name in sys.modules))
"""


@pytest.mark.end_to_end
def test_every_module_of_the_core_imports_without_what_only_posix_has():
    done = subprocess.run(
        [sys.executable, "-c", PROBE], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100


def test_without_process_groups_a_benchmark_is_refused_with_a_way_out(monkeypatch):
    monkeypatch.delattr(os, "killpg")
    worker_client.check_system.cache_clear()
    with pytest.raises(BenchmarkError, match="run it on Linux"):
        worker_client.check_system(0)


def test_a_memory_limit_that_cannot_be_enforced_is_announced(monkeypatch, caplog):
    monkeypatch.setattr(worker_client, "resident_mb", lambda process: 0.0)
    worker_client.check_system.cache_clear()
    with caplog.at_level(logging.WARNING):
        worker_client.check_system(1000)
    assert caplog.messages == ["the limit of 1000 MB is not enforced: it needs /proc of Linux"]


def test_the_peak_is_unknown_without_proc_and_resource(monkeypatch):
    def nothing(process, key):
        raise OSError

    monkeypatch.setattr(memory, "_status_mb", nothing)
    assert memory.peak_mb() > 10  # from getrusage
    monkeypatch.setitem(sys.modules, "resource", None)
    assert memory.peak_mb() == 0


def test_records_are_written_where_files_cannot_be_locked(tmp_path, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    with RecordFile(tmp_path) as file:
        file.append({"dataset": "d", "case": "c", "method": "m", "status": "ok", "scores": {}})
        assert [record["case"] for record in file.read()] == ["c"]
    assert "cannot lock files" in caplog.text
