"""Worker process of a benchmark: runs one method on cases, within limits of time and memory."""

from __future__ import annotations

import json
import logging
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from regkit.benchmark.descendants import MARK_VARIABLE, end_all
from regkit.benchmark.memory import resident_mb
from regkit.benchmark.plan import BenchmarkTask
from regkit.benchmark.worker_plan import WorkerPlan, plan_data
from regkit.errors import BenchmarkError, OutputError, one_line
from regkit.parallel import THREAD_VARIABLES
from regkit.structured_text import parse_json

# Limit for importing a method's libraries, which the time limit of a case does not cover; chosen
# by hand. A longer time limit of the plan holds for this too.
START_TIMEOUT_S = 300.0
# Interval at which the memory is compared with the limit; chosen by hand.
MEMORY_CHECK_S = 0.1
# Longest wait of one call of `select`, which refuses very long ones; chosen by hand.
MAX_WAIT_S = 600.0
# Longest reply, of what a method tells of its result; chosen by hand.
MAX_REPLY_BYTES = 1 << 26
# Seconds in which a process ends that has closed its pipe; chosen by hand.
END_S = 5.0
# By name, because a system without a signal has no such attribute of `signal`.
SIGNAL_MEANINGS = {
    "SIGSEGV": "segmentation fault",
    "SIGABRT": "aborted by its own check",
    "SIGKILL": "the system does this when memory runs out",
    "SIGBUS": "bus error",
    "SIGILL": "illegal instruction",
    "SIGFPE": "arithmetic error",
}


GARBAGE = "the process sent something else than a reply to its task and was ended"

logger = logging.getLogger(__name__)


class WorkerDied(Exception):  # noqa: N818 - an event, not a programming error
    """A worker process that ended or had to be ended; the text is the reason."""


class MethodUnavailable(Exception):  # noqa: N818
    """A method that cannot run in this environment; the text is the reason."""


class WorkerProcess:
    """A worker process; `regkit.benchmark.worker` describes the messages.

    Parameters
    ----------
    plan
        The benchmark or batch.
    label
        Label of the method that it runs; empty for one that scores what others find.
    """

    def __init__(self, plan: WorkerPlan, label: str) -> None:
        self.label = label
        self._mark = secrets.token_hex(16)
        self._expected: dict[str, str] = {}
        self.parameters: dict[str, Any] = {}
        self.is_dead = False
        self._is_killed = False
        self._plan = plan
        self._buffer = b""
        self._output = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed with this
        child_in, self._requests = os.pipe()
        self._replies, child_out = os.pipe()
        command = [sys.executable, "-P", "-m", "regkit.benchmark.worker"]
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this same interpreter
                [*command, str(child_in), str(child_out)],
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                pass_fds=(child_in, child_out),
                # An interrupt typed at the terminal is handled by the harness, not by the method.
                start_new_session=True,
                env={**_environment(plan.threads), MARK_VARIABLE: self._mark},
            )
        finally:
            os.close(child_in)
            os.close(child_out)

    def start(self) -> None:
        """Wait until the method is loaded.

        Raises
        ------
        WorkerDied, MethodUnavailable, BenchmarkError
            The process crashed, the method is not available, or its set-up is wrong.
        """
        self._send({"plan": plan_data(self._plan), "method": self.label})
        try:
            reply = self._receive(max(START_TIMEOUT_S, self._plan.timeout_s))
        except WorkerDied:
            self.kill()
            raise
        if "ready" in reply:
            self.parameters = reply["ready"]
            return
        self.kill()
        raise (MethodUnavailable if reply.get("unavailable") else BenchmarkError)(
            reply.get("refused", GARBAGE)
        )

    def run(self, task: BenchmarkTask, folder: str, **given: Any) -> dict[str, Any]:
        """Run the method on a case; return the facts of its record, also where the process dies.

        Parameters
        ----------
        task
            The case and the method.
        folder
            Folder that the process writes to.
        **given
            Work for a process that scores: a case to read for a method, or an estimate to score.

        Raises
        ------
        OutputError
            The benchmark folder cannot be written, which is no failure of the method.
        """
        self._output.seek(0)  # the process shares this file position
        self._output.truncate()
        self._send({"index": task.index, "case": task.case, "folder": folder, **given})
        facts: dict[str, Any] = {}
        now, since = "scoring" if "found" in given else "reading the case", time.monotonic()
        try:
            while True:
                reply = self._receive(self._plan.timeout_s)
                if "done" in reply:
                    return dict(reply["done"])
                if "stopped" in reply:
                    raise OutputError(
                        f"{reply['stopped']} (run the same command again to continue)"
                    )
                facts = dict(reply["stage"])
                now, since = facts.pop("now"), time.monotonic()
        except WorkerDied as reason:
            if now == "registering":
                facts["runtime_s"] = round(time.monotonic() - since, 4)
            self.is_dead = True
            self.kill()
            return facts | {"status": "failed", "error": f"{reason} while {now}"}

    def kill(self) -> None:
        """End the process and everything it has started."""
        if not self._is_killed:  # later, another process may have this number
            self._is_killed = True
            if detached := end_all(self._process.pid, self._mark):
                logger.warning(
                    "%s left %d programs running in sessions of their own; they were ended",
                    *(self.label, detached),
                )
        self._process.wait()

    def __del__(self) -> None:
        """Close the pipes and the output file."""
        for descriptor in (self._requests, self._replies):
            with suppress(OSError):
                os.close(descriptor)
        self._output.close()

    def _send(self, request: Mapping[str, Any]) -> None:
        self._expected = {"nonce": secrets.token_hex(16), "case": request.get("case", "")}
        line = json.dumps({**request, "nonce": self._expected["nonce"]}).encode() + b"\n"
        with suppress(BrokenPipeError):  # then the reply says why
            while line:
                line = line[os.write(self._requests, line) :]

    def _receive(self, seconds: float) -> dict[str, Any]:
        """Return the next reply; raise `WorkerDied` if none comes in time."""
        deadline = time.monotonic() + seconds
        while b"\n" not in self._buffer:
            self._wait(deadline, seconds)
            received = os.read(self._replies, 1 << 16)
            if not received:
                raise WorkerDied(self._exit_reason())
            self._buffer += received
            if len(self._buffer) > MAX_REPLY_BYTES:
                raise WorkerDied(GARBAGE)
        line, _, self._buffer = self._buffer.partition(b"\n")
        return self._reply(line)

    def _reply(self, line: bytes) -> dict[str, Any]:
        """Return a reply to the last request; raise `WorkerDied` for anything else."""
        with suppress(ValueError):
            reply = parse_json(line)
            if isinstance(reply, dict) and reply.items() >= self._expected.items():
                return reply
        raise WorkerDied(GARBAGE)

    def _wait(self, deadline: float, seconds: float) -> None:
        """Wait for something to read, within the limits of time and memory."""
        limit = self._plan.memory_mb
        while (remaining_s := deadline - time.monotonic()) > 0:
            pause = min(remaining_s, MEMORY_CHECK_S if limit else MAX_WAIT_S)
            ready, _, _ = select.select([self._replies], [], [], pause)
            if ready:
                return
            if limit and resident_mb(self._process.pid) > limit:
                raise WorkerDied(f"needed more than {limit} MB of memory (--memory) and was ended")
        raise WorkerDied(f"gave no answer for {seconds:g} s (--timeout) and was ended")

    def _exit_reason(self) -> str:
        """Return how the process ended, with the last line of its output."""
        try:
            code = self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            return "the process closed its connection and was ended"
        if code < 0:
            name = signal.Signals(-code).name
            reason = SIGNAL_MEANINGS.get(name, "")
            ended = f"the process was ended by {name}"
            ended += f" ({reason})" if reason else ""
        else:
            ended = f"the process ended by itself with exit code {code}"
        self._output.seek(max(0, self._output.seek(0, os.SEEK_END) - 4096))
        lines = self._output.read().replace(b"\0", b"").decode(errors="replace").splitlines()
        last_line = next(filter(None, map(one_line, reversed(lines))), "")
        return f"{ended}, saying '{last_line[:200]}'," if last_line else ended


def _environment(threads: int) -> dict[str, str]:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    environment.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if threads:
        environment.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    return environment
