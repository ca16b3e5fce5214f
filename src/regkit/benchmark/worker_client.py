"""The harness's end of a worker process: gives it cases, outlives whatever happens to it."""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from regkit.benchmark.memory import resident_mb
from regkit.benchmark.plan import Method, Plan
from regkit.benchmark.records import Record, new_record
from regkit.errors import BenchmarkError, OutputError
from regkit.parallel import THREAD_VARIABLES
from regkit.statistics.summary_files import one_line

logger = logging.getLogger(__name__)

# Importing what a method needs is not its own time, but no reason to wait for ever either.
START_S = 300.0
WATCH_S = 0.1
# No system can wait for ever at once.
PAUSE_S = 600.0
ATTEMPTS = 2
# By name, because a system without a signal has no such attribute of `signal`.
SIGNALS = {
    "SIGSEGV": "segmentation fault",
    "SIGABRT": "aborted by its own check",
    "SIGKILL": "the system does this when memory runs out",
    "SIGBUS": "bus error",
    "SIGILL": "illegal instruction",
    "SIGFPE": "arithmetic error",
}


@dataclass(frozen=True)
class BenchmarkTask:
    """One case and one method.

    Parameters
    ----------
    index
        The case's place in the dataset.
    case
        Its id.
    method
        Label of the method.
    """

    index: int
    case: str
    method: str


class WorkerDied(Exception):  # noqa: N818 - not an error of the program but something that happens
    """A worker process that ended or had to be ended; says why."""


class Unavailable(Exception):  # noqa: N818
    """A method that cannot run in this environment; says why."""


class WorkerClient:
    """Does one task after the other, each in the worker process of its method.

    A process keeps its method loaded until a task is for another method, or something happens to
    it. One lane at a time has one process.

    Parameters
    ----------
    plan
        The benchmark.
    dataset
        Name under which records are made.
    folder
        The benchmark folder.
    """

    def __init__(self, plan: Plan, dataset: str, folder: str) -> None:
        _check_system(plan.memory_mb)
        self._plan = plan
        self._dataset = dataset
        self._folder = folder
        self._worker: Worker | None = None
        self._closed = False
        self._no_start: dict[str, list[Exception]] = {}

    def run(self, task: BenchmarkTask) -> Record:
        """Do a task.

        Raises
        ------
        BenchmarkError
            The method cannot be set up as asked for: it would fail on every case.
        OutputError
            The benchmark folder cannot be written.
        """
        method = next(m for m in self._plan.methods if m.label == task.method)
        try:
            worker = self._worker_for(method)
        except Unavailable as reason:
            if not method.optional:
                raise BenchmarkError(str(reason)) from None
            return self._record(task, "unavailable", error=str(reason))
        except WorkerDied as reason:
            return self._record(task, "failed", error=f"{reason} while starting")
        facts = worker.run(task, self._folder)
        if worker.is_lost:
            self._worker = None
        return self._record(task, parameters=worker.parameters, **facts)

    def close(self) -> None:
        """End the worker process; may be called from another thread, in the midst of a task."""
        self._closed = True
        if self._worker is not None:
            self._worker.end()

    def _worker_for(self, method: Method) -> Worker:
        if self._worker is not None and self._worker.label == method.label:
            return self._worker
        if self._worker is not None:
            self._worker.end()
            self._worker = None
        failures = self._no_start.setdefault(method.label, [])
        if len(failures) >= ATTEMPTS or any(isinstance(f, Unavailable) for f in failures):
            raise failures[-1]
        worker = Worker(self._plan, method.label)
        self._worker = worker
        if self._closed:
            worker.end()
        try:
            worker.begin()
        except (WorkerDied, Unavailable) as reason:
            failures.append(reason)
            self._worker = None
            raise
        return worker

    def _record(self, task: BenchmarkTask, status: str, **facts: Any) -> Record:
        return new_record(self._dataset, task.case, task.method, status, **facts)


@cache
def _check_system(memory_mb: int) -> None:
    """Refuse a system without process groups; warn where memory cannot be limited."""
    if not hasattr(os, "killpg"):
        raise BenchmarkError(
            f"a benchmark needs process groups, which {sys.platform} lacks; "
            "run it on Linux, on macOS, or in the Windows Subsystem for Linux"
        )
    if memory_mb and not resident_mb(os.getpid()):
        logger.warning("the limit of %d MB is not enforced: it needs /proc of Linux", memory_mb)


class Worker:
    """A worker process; see `regkit.benchmark.worker` for what is said.

    Parameters
    ----------
    plan
        The benchmark.
    label
        The method it runs.
    """

    def __init__(self, plan: Plan, label: str) -> None:
        self.label = label
        self.parameters: dict[str, Any] = {}
        self.is_lost = False
        self._is_ended = False
        self._plan = plan
        self._buffer = b""
        self._said = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with this
        theirs_in, self._orders = os.pipe()
        self._replies, theirs_out = os.pipe()
        command = [sys.executable, "-P", "-m", "regkit.benchmark.worker"]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this same interpreter
                [*command, str(theirs_in), str(theirs_out)],
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs_in, theirs_out),
                # An interrupt typed at the terminal is for the harness, not for the method.
                start_new_session=True,
                env=_environment(plan.threads),
            )
        finally:
            os.close(theirs_in)
            os.close(theirs_out)

    def begin(self) -> None:
        """Wait until the method is loaded.

        Raises
        ------
        Lost, Unavailable, BenchmarkError
            It crashed, it is not available, or it was asked for wrongly.
        """
        self._order({"plan": self._plan.as_dict(), "method": self.label})
        try:
            reply = self._reply(max(START_S, self._plan.timeout_s))
        except WorkerDied:
            self.end()
            raise
        if "ready" in reply:
            self.parameters = reply["ready"]
            return
        self.end()
        raise (Unavailable if reply["unavailable"] else BenchmarkError)(reply["refused"])

    def run(self, task: BenchmarkTask, folder: str) -> dict[str, Any]:
        """Run the method on a case; return the facts of a record, whatever happens to it.

        Raises
        ------
        OutputError
            The benchmark folder cannot be written: that says nothing about the method.
        """
        self._said.seek(0)  # the process writes at the same place
        self._said.truncate()
        self._order({"index": task.index, "case": task.case, "folder": folder})
        facts: dict[str, Any] = {}
        now, since = "reading the case", time.monotonic()
        try:
            while True:
                reply = self._reply(self._plan.timeout_s)
                if "done" in reply:
                    return dict(reply["done"])
                if "stopped" in reply:
                    raise OutputError(f"{reply['stopped']} (the same command goes on later)")
                facts = dict(reply["stage"])
                now, since = facts.pop("now"), time.monotonic()
        except WorkerDied as reason:
            if now == "registering":
                facts["runtime_s"] = round(time.monotonic() - since, 4)
            self.is_lost = True
            self.end()
            return facts | {"status": "failed", "error": f"{reason} while {now}"}

    def end(self) -> None:
        """End the process and everything it has started."""
        if not self._is_ended:  # later its number may be another's
            self._is_ended = True
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def __del__(self) -> None:
        """Give back what the system lent."""
        for descriptor in (self._orders, self._replies):
            with suppress(OSError):
                os.close(descriptor)
        self._said.close()

    def _order(self, order: Mapping[str, Any]) -> None:
        with suppress(BrokenPipeError):  # then the reply says why
            os.write(self._orders, json.dumps(order).encode() + b"\n")

    def _reply(self, seconds: float) -> dict[str, Any]:
        """Return the next reply; raise `WorkerDied` if there is none in time or ever."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            self._wait(deadline, seconds)
            received = os.read(self._replies, 1 << 16)
            if not received:
                raise WorkerDied(self._last_words())
            self._buffer += received
        line, _, self._buffer = self._buffer.partition(b"\n")
        return dict(json.loads(line))

    def _wait(self, deadline: float, seconds: float) -> None:
        """Wait until there is something to read, watching the clock and the memory."""
        limit = self._plan.memory_mb
        while (left := deadline - time.monotonic()) > 0:
            pause = min(left, WATCH_S if limit else PAUSE_S)
            ready, _, _ = select.select([self._replies], [], [], pause)
            if ready:
                return
            if limit and resident_mb(self._process.pid) > limit:
                raise WorkerDied(f"needed more than {limit} MB of memory (--memory) and was ended")
        raise WorkerDied(f"gave no answer for {seconds:g} s (--timeout) and was ended")

    def _last_words(self) -> str:
        """Say how the process ended, with the last line it wrote."""
        code = self._process.wait()
        if code < 0:
            name = signal.Signals(-code).name
            reason = SIGNALS.get(name, "")
            ended = f"the process was ended by {name}"
            ended += f" ({reason})" if reason else ""
        else:
            ended = f"the process ended by itself with exit code {code}"
        self._said.seek(max(0, self._said.seek(0, os.SEEK_END) - 4096))
        lines = self._said.read().replace(b"\0", b"").decode(errors="replace").splitlines()
        said = next(filter(None, map(one_line, reversed(lines))), "")
        return f"{ended}, saying '{said[:200]}'," if said else ended


def _environment(threads: int) -> dict[str, str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if threads:
        environment.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    return environment
