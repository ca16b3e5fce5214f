"""Find and end the programs that a method started, also those in sessions of their own.

A program that detaches itself leaves the process group of its worker. On Linux a worker adopts
such orphans, and all that it starts carries a mark in its environment.
"""

from __future__ import annotations

import ctypes
import os
import signal
from contextlib import suppress
from pathlib import Path

# Variable of the environment whose value is the mark of a worker.
MARK_VARIABLE = "REGKIT_WORKER"
# Option of prctl(2) that makes a process the parent of its orphaned descendants.
_PR_SET_CHILD_SUBREAPER = 36
# Rounds in which processes that start others while they are ended are ended too; chosen by hand.
_ROUNDS = 20
_PROC = Path("/proc")


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent ends, on Linux."""
    with suppress(OSError, AttributeError, TypeError):  # systems without this call
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def can_find_descendants() -> bool:
    """Return whether this system tells of all processes: Linux with /proc."""
    return (_PROC / "self" / "environ").exists()


def children(process: int) -> list[int]:
    """Return the children of a process; none where they are unknown."""
    found: list[int] = []
    with suppress(OSError):
        for task in (_PROC / str(process) / "task").glob("*/children"):
            found += map(int, task.read_text(encoding="ascii").split())
    return found


def descendants(process: int) -> set[int]:
    """Return the children of a process, their children, and so on."""
    found: set[int] = set()
    waiting = [process]
    while waiting:
        new = [child for child in children(waiting.pop()) if child not in found]
        found.update(new)
        waiting += new
    return found


def marked(mark: str) -> set[int]:
    """Return the processes with a mark in the environment that they were started with."""
    entry = f"{MARK_VARIABLE}={mark}".encode()
    found = set()
    for folder in _PROC.glob("[0-9]*"):
        with suppress(OSError):  # another user's, or just ended
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                found.add(int(folder.name))
    return found


def end_all(process: int, mark: str) -> int:
    """End a worker and all that it has started; return how many had a session of their own.

    Parameters
    ----------
    process
        The worker, leader of its process group; not yet waited for.
    mark
        Value of `MARK_VARIABLE` in its environment.
    """
    ended: set[int] = set()
    detached = 0
    for _ in range(_ROUNDS):
        found = (descendants(process) | marked(mark)) - {process} - ended
        detached += sum(_session(other) not in (process, None) for other in found)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process, signal.SIGKILL)
        for other in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(other, signal.SIGKILL)
        if not found:
            break
        ended |= found
    return detached


def _session(process: int) -> int | None:
    """Return the session of a process; None if it has ended."""
    with suppress(ProcessLookupError, PermissionError):
        return os.getsid(process)
    return None
