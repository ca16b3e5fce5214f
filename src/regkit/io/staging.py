"""Files appear whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from regkit.errors import OutputError


class Stage:
    """A hidden folder that holds the files of one run until all of them are written.

    Parameters
    ----------
    target
        Folder the files will be moved to.
    hidden
        Temporary folder inside `target`, on the same file system, so that a move cannot half fail.
    """

    def __init__(self, target: Path, hidden: Path) -> None:
        self.target = target
        self.hidden = hidden

    def path(self, name: str | Path) -> Path:
        """Return where to write the file that is to become `name` (relative) in the target."""
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise OutputError(f"cannot stage {name}: give a path relative to {self.target}")
        staged_file = self.hidden / name
        staged_file.parent.mkdir(parents=True, exist_ok=True)
        return staged_file

    def publish(self) -> list[Path]:
        """Move every staged file into place, replacing older ones; return their final paths."""
        files = sorted(path for path in self.hidden.rglob("*") if path.is_file())
        moves = [(path, self.target / path.relative_to(self.hidden)) for path in files]
        for _, final in moves:
            if final.is_dir():
                raise OutputError(f"cannot write {final}: a folder has that name; choose another")
        for path, final in moves:
            final.parent.mkdir(parents=True, exist_ok=True)
            path.replace(final)
        return [final for _, final in moves]


@contextmanager
def staged(folder: str | os.PathLike[str]) -> Iterator[Stage]:
    """Write files into a folder so that all of them appear, or none.

    Files are written under ``stage.path(name)`` and moved into `folder` when the block ends
    without an exception. After any exception, an interrupt included, the folder is as it was.

    Parameters
    ----------
    folder
        Where the files are to appear; made, with its parents, when missing.

    Raises
    ------
    OutputError
        The folder cannot be made or written, the disk is full, a folder has a file's name.
    """
    target = Path(folder)
    made: list[Path] = []
    try:
        made = _make(target)
        hidden = Path(tempfile.mkdtemp(prefix=".regkit-", dir=target))
        try:
            stage = Stage(target, hidden)
            yield stage
            stage.publish()
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
    except BaseException as error:
        _remove_empty(made)
        if isinstance(error, OSError):
            raise OutputError(_sentence(target, error)) from error
        raise


def _make(folder: Path) -> list[Path]:
    """Make a folder and its parents; return those that were missing, innermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _remove_empty(folders: list[Path]) -> None:
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _sentence(target: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"cannot write to the folder {target}: {reason}; choose another or make room"
