"""Locks of folders, which end with their process however it ends, and leave no file behind."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from regkit.errors import OutputError
from regkit.io.output_error import output_error_message

# Locks of this process by folder. Work that was given up, such as a training by Ctrl-C in a
# notebook, may still hold one.
_HELD: dict[Path, int] = {}
# Errors that only another process makes, which holds the lock or has removed the folder.
_TAKEN = {errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOENT}


@contextmanager
def only_process_in(folder: Path, work: str) -> Iterator[None]:
    """Hold the lock of a folder for the duration of a block, where this system has such locks.

    A block in the same process takes the lock over.

    Parameters
    ----------
    folder
        Folder that is written to; made, with its parents, when missing.
    work
        Participle that names the work, such as ``training``, for the error.

    Raises
    ------
    OutputError
        Another process holds the lock, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(output_error_message(folder, error)) from error
    where = folder.resolve()
    _release(where)
    try:
        lock = lock_folder(folder)
    except OSError as error:
        raise OutputError(
            f"another process is {work} in {folder}; wait for it, or choose another folder"
        ) from error
    if lock is not None:
        _HELD[where] = lock
    try:
        yield
    finally:
        if lock is not None and _HELD.get(where) == lock:
            _release(where)


def _release(where: Path) -> None:
    """Give back the lock that this process has of a folder, if it has one."""
    held = _HELD.pop(where, None)
    if held is not None:
        os.close(held)


def lock_folder(folder: Path) -> int | None:
    """Lock a folder until the descriptor is closed; None where this system cannot.

    Raises
    ------
    OSError
        Another process holds the lock, or there is no such folder.
    """
    try:
        import fcntl  # noqa: PLC0415 - Windows has no such module
    except ImportError:
        return None
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in _TAKEN:
            raise
        return None
    return descriptor
