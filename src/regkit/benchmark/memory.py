"""The memory of a process as the system sees it: what is resident, libraries and images included.

Linux can forget the highest value so far, so that each case has its own; elsewhere a value is the
highest since the process began.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

FORGET_PEAK = "5"


def reset_peak() -> None:
    """Make `peak_mb` count from now on, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text(FORGET_PEAK, encoding="ascii")


def peak_mb() -> float:
    """Return the most memory this process has held, in MB (10^6 bytes); 0 where not known."""
    with suppress(OSError, StopIteration):
        return _status_mb("self", "VmHWM")
    try:
        import resource  # noqa: PLC0415 - Windows has no such module
    except ImportError:
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def resident_mb(process: int) -> float:
    """Return the memory that a process and those it started hold, in MB; 0 where not known."""
    with suppress(OSError, StopIteration):
        own = _status_mb(str(process), "VmRSS")
        return own + sum(resident_mb(child) for child in _children(process))
    return 0.0


def _children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text(encoding="ascii").split()]


def _status_mb(process: str, key: str) -> float:
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    line = next(line for line in lines if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024 / 1e6


def prefer_for_oom_kill() -> None:
    """When memory runs out, let the system end this process before any other."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
