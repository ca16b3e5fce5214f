"""What is seen of a run from outside."""

from contextlib import suppress
from pathlib import Path

from regkit.benchmark.records import read_records

MEASURED = ("runtime_s", "peak_memory_mb", "timing_s")


def repeatable(folder):
    """What does not depend on the day, by case and method."""
    records = read_records(folder)
    found = {
        (r["case"], r["method"]): {k: v for k, v in r.items() if k not in MEASURED}
        for r in records
    }
    assert len(found) == len(records)
    return found


def children_of(parent):
    return [pid for pid, state, its_parent in processes() if its_parent == parent]


def is_running(process):
    return any(pid == process and state != "Z" for pid, state, _ in processes())


def processes():
    """Number, state and parent of every process."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            number, _, rest = file.read_text().partition(" (")
            state, parent = rest.rpartition(") ")[2].split()[:2]
            yield int(number), state, int(parent)
