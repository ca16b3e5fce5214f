"""Read and append ``records.jsonl``: one line for each case and method.

A line is appended in one write and synchronized to the disk before the next. However the process
ends, at most the last line is incomplete; it lacks its line end and is cut off when the next one
is written. A file that is no file of records, or a link, is refused and left as it is.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

from regkit.errors import BenchmarkError, OutputError
from regkit.io.atomic_output import atomic_output
from regkit.io.output_error import output_error_message
from regkit.regular_file import regular_file
from regkit.structured_text import parse_json

logger = logging.getLogger(__name__)

RECORDS_FILE = "records.jsonl"
REQUIRED_KEYS = ("dataset", "case", "method", "status")
STATUSES = ("ok", "failed", "unavailable")
_NONE, _NUMBER = type(None), int | float
# First characters of every line.
_BEGINNING = b'{"dataset": "'
# Types of the values that are read; further keys may hold anything.
_TYPES: dict[str, Any] = {
    **dict.fromkeys(("dataset", "case", "group", "method", "status"), str),
    **dict.fromkeys(("verdict", "error", "device", "calibration"), str | _NONE),
    **dict.fromkeys(("runtime_s", "peak_memory_mb", "tolerance_mm"), _NUMBER | _NONE),
    **dict.fromkeys(("expected_error_mm", "probability_bad"), _NUMBER | _NONE),
    **dict.fromkeys(("parameters", "scores", "timing_s", "score_errors"), dict),
    "interval_mm": list | _NONE,
    "reasons": list,
    "transform": list | str | _NONE,
}
# Types of the values of the objects among them.
_INNER_TYPES = {"scores": _NUMBER | _NONE, "timing_s": _NUMBER}
Record: TypeAlias = dict[str, Any]


def new_record(dataset: str, case: str, method: str, status: str, **facts: Any) -> Record:
    """Return a record with all its keys; those not given have an empty value.

    Parameters
    ----------
    dataset, case, method
        Names of the dataset and the method, id of the case.
    status
        ``ok``, ``failed`` or ``unavailable``.
    **facts
        Values of further keys: ``group``, ``parameters``, ``verdict``, ``scores``,
        ``runtime_s``, ``peak_memory_mb``, ``device``, ``error``; what a method that chooses
        ``used``, ``reasons`` of the verdict, its ``tolerance_mm``, ``expected_error_mm``,
        ``interval_mm``, ``probability_bad`` and ``calibration``, ``timing_s``, ``transform`` (a
        4x4 matrix or a file), ``score_errors``.
    """
    record: Record = {
        "dataset": dataset,
        "case": case,
        "group": "",
        "method": method,
        "parameters": {},
        "status": status,
        "verdict": None,
        "scores": {},
        "runtime_s": None,
        "peak_memory_mb": None,
        "device": None,
        "error": None,
        "used": None,
        "reasons": [],
        "tolerance_mm": None,
        "expected_error_mm": None,
        "interval_mm": None,
        "probability_bad": None,
        "calibration": None,
        "timing_s": {},
        "transform": None,
        "score_errors": {},
    }
    return record | facts


def read_records(folder: Path) -> list[Record]:
    """Read the records of a benchmark folder, in the order of the file.

    A failed record without a group gets it from another record of the case.

    Raises
    ------
    BenchmarkError
        The file is missing, or a line is no record.
    """
    file = folder / RECORDS_FILE
    try:
        content = regular_file(file).read_bytes()
    except OSError as error:
        raise BenchmarkError(
            f"{folder} is not a benchmark folder: there is no {RECORDS_FILE} in it"
        ) from error
    records = _parse(content, file)
    groups = {(r["dataset"], r["case"]): r["group"] for r in records if r.get("group")}
    for record in records:
        case = record["case"]
        record["group"] = record.get("group") or groups.get((record["dataset"], case), case)
    return records


def existing_records(folder: Path) -> list[Record]:
    """Return the records of a folder as `read_records` does; none without a file of records."""
    return read_records(folder) if (folder / RECORDS_FILE).exists() else []


class RecordFile:
    """The records file of a benchmark folder, open for appending by one process at a time.

    Parameters
    ----------
    folder
        The benchmark folder; made when missing.

    Raises
    ------
    BenchmarkError
        The file is not one of records, is a link, or is open in another process.
    OutputError
        The folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / RECORDS_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._descriptor = self._open()
        except OSError as error:
            raise OutputError(output_error_message(folder, error)) from error
        try:
            self.read()
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        """Return the open file."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file and release its lock."""
        os.close(self._descriptor)

    def read(self) -> list[Record]:
        """Return the records in the file."""
        return _parse(_content(self._descriptor), self._file)

    def append(self, record: Mapping[str, Any]) -> None:
        """Append a record and synchronize it to the disk.

        Raises
        ------
        OutputError
            Writing failed, on a full disk for instance; the file is unchanged.
        """
        line = json.dumps(record, allow_nan=False).encode() + b"\n"
        before = self._whole_lines()
        try:
            _append_line(self._descriptor, line)
        except OSError as error:
            os.ftruncate(self._descriptor, before)
            raise OutputError(
                f"cannot write to {self._file}: {error.strerror}; make room and run the same "
                "command again to continue"
            ) from error

    def drop(self, unwanted: Callable[[Record], bool]) -> None:
        """Remove records, all of them at once or none."""
        records = self.read()
        remaining = [record for record in records if not unwanted(record)]
        if len(remaining) == len(records):
            return
        with atomic_output(self._file.parent) as stage:
            text = "".join(json.dumps(record) + "\n" for record in remaining)
            stage.path(RECORDS_FILE).write_text(text, encoding="utf-8")
        os.close(self._descriptor)
        self._descriptor = self._open()

    def _whole_lines(self) -> int:
        """Return the length of the file without an incomplete last line, which is cut off."""
        size = os.fstat(self._descriptor).st_size
        if size and os.pread(self._descriptor, 1, size - 1) != b"\n":
            size = _content(self._descriptor).rfind(b"\n") + 1
            os.ftruncate(self._descriptor, size)
        return size

    def _open(self) -> int:
        """Open for appending, with a lock; never through a link."""
        no_link = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        try:
            descriptor = os.open(self._file, os.O_RDWR | os.O_APPEND | os.O_CREAT | no_link, 0o644)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise BenchmarkError(_no_file(self._file)) from error
            raise
        try:
            _lock(descriptor)
        except OSError as error:
            os.close(descriptor)
            raise BenchmarkError(
                f"another process is writing to {self._file.parent}; wait for it"
            ) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise BenchmarkError(_no_file(self._file))
        _sync(self._file.parent)
        return descriptor


def _no_file(file: Path) -> str:
    return f"{file} is a link or no file of its own, and stays as it is; choose another folder"


def _content(descriptor: int) -> bytes:
    return os.pread(descriptor, os.fstat(descriptor).st_size, 0)


def _lock(descriptor: int) -> None:
    """Lock a file against other processes; raise OSError if one of them has locked it."""
    try:
        import fcntl  # noqa: PLC0415 - Windows has no such module
    except ImportError:
        logger.warning("this system cannot lock files: write to a folder from one process only")
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _append_line(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(descriptor)


def _parse(content: bytes, file: Path) -> list[Record]:
    """Return the records of whole lines; refuse a last line that is no beginning of one."""
    end = content.rfind(b"\n") + 1
    records = list(_parsed(content[:end].splitlines(), file))
    rest = content[end:].rstrip(b"\0")
    if rest[: len(_BEGINNING)] != _BEGINNING[: len(rest)]:
        raise BenchmarkError(
            f"{file}: the last line is not a record of a benchmark; it stays as it is, choose "
            "another folder"
        )
    return records


def _parsed(lines: Iterable[bytes], file: Path) -> Iterable[Record]:
    for number, line in enumerate(lines, start=1):
        try:
            yield record_of(parse_json(line))
        except (ValueError, KeyError, TypeError) as error:
            raise BenchmarkError(
                f"{file}: line {number} is not a record of a benchmark; remove the line"
            ) from error


def record_of(stored: Any) -> Record:
    """Return the record that plain data hold.

    Raises
    ------
    ValueError, KeyError, TypeError
        A key is missing, or a value is of the wrong type.
    """
    # Keys that an older version did not write get their empty values.
    record: Record = new_record(**{key: stored[key] for key in REQUIRED_KEYS}) | stored
    wrong = [key for key, kind in _TYPES.items() if not isinstance(record[key], kind)]
    wrong += [
        key
        for key, kind in _INNER_TYPES.items()
        if key not in wrong and not all(isinstance(v, kind) for v in record[key].values())
    ]
    if wrong or record["status"] not in STATUSES:
        raise ValueError(f"{(wrong or ['status'])[0]} has a value of the wrong type")
    return record


def _sync(folder: Path) -> None:
    """Synchronize a folder's list of files to the disk, where a folder can be opened."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
