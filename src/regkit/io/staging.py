"""Hidden folders for files that are not finished; those of dead processes are removed.

A process holds a lock on each of its folders, which ends with it however it ends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from regkit.errors import OutputError
from regkit.io.folder_lock import lock_folder
from regkit.io.output_error import output_error_message

PREFIX = ".regkit-"
# Names that `tempfile.mkdtemp` makes of it.
STAGING_FOLDERS = f"{PREFIX}????????"


@contextmanager
def staging_folder(target: Path) -> Iterator[Path]:
    """Make a hidden folder inside another for the duration of a block.

    Staging folders that dead processes left beside it are removed.

    Parameters
    ----------
    target
        Folder that it is made in; made, with its parents, when missing.

    Raises
    ------
    OutputError
        The folder cannot be made.
    """
    try:
        target.mkdir(parents=True, exist_ok=True)
        discard_abandoned(target)
        hidden, lock = _locked_folder(target)
    except OSError as error:
        raise OutputError(output_error_message(target, error)) from error
    try:
        yield hidden
    finally:
        shutil.rmtree(hidden, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def discard_abandoned(folder: Path) -> None:
    """Remove the staging folders in a folder whose processes have ended."""
    for hidden in [*folder.glob(STAGING_FOLDERS)]:
        with suppress(OSError):
            lock = None if hidden.is_symlink() else lock_folder(hidden)
            if lock is not None:
                shutil.rmtree(hidden, ignore_errors=True)
                os.close(lock)


def discard_abandoned_below(folder: Path) -> None:
    """Remove the staging folders of dead processes in a folder and all folders below it."""
    for parent in {hidden.parent for hidden in folder.rglob(STAGING_FOLDERS)}:
        discard_abandoned(parent)


def _locked_folder(target: Path) -> tuple[Path, int | None]:
    """Return a new folder and its lock, None where this system has no locks on folders."""
    while True:
        hidden = Path(tempfile.mkdtemp(prefix=PREFIX, dir=target))
        try:
            lock = lock_folder(hidden)
        except OSError:
            continue  # another process took it for abandoned before it was locked
        if hidden.is_dir():
            return hidden, lock
        if lock is not None:
            os.close(lock)
