"""Measure the resident memory of processes, libraries and images included.

Linux can reset the peak, so that each case has its own; on other systems the peak is that since
the process started.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from regkit.benchmark.descendants import children

# Value for /proc/PID/clear_refs that resets the peak (proc(5), since Linux 4.0).
RESET_PEAK = "5"


def reset_peak() -> None:
    """Restart the measurement of `peak_mb`, on systems that can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text(RESET_PEAK, encoding="ascii")


def peak_mb() -> float:
    """Return the peak of this process's memory in MB (10^6 bytes); 0 where it is unknown."""
    with suppress(OSError, StopIteration):
        return _status_mb("self", "VmHWM")
    try:
        import resource  # noqa: PLC0415 - Windows has no such module
    except ImportError:
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def resident_mb(process: int) -> float:
    """Return the memory of a process and its descendants in MB; 0 where it is unknown."""
    with suppress(OSError, StopIteration):
        own = _status_mb(str(process), "VmRSS")
        return own + sum(resident_mb(child) for child in children(process))
    return 0.0


def _status_mb(process: str, key: str) -> float:
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    line = next(line for line in lines if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024 / 1e6


def prefer_for_oom_kill() -> None:
    """Make the system end this process before any other when memory runs out."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
