"""Write the files of one run into a folder so that all of them appear, or none."""

from __future__ import annotations

import errno
import filecmp
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from regkit.errors import OutputError, RegkitError
from regkit.io.output_error import output_error_message
from regkit.io.staging import staging_folder

# Numbers of operating-system errors that only writing raises: whatever file such an error
# names, it is the output that failed.
_OUTPUT_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}


class OutputStage:
    """Hold the files of one run in a hidden folder until all of them are written.

    Parameters
    ----------
    target
        Folder that the files are moved to in the end.
    hidden
        Temporary folder inside `target`: on the same file system, so that moving is renaming.
    inputs
        Files that must not be replaced.
    replace
        True to replace any other file that exists; False to replace only one of the same contents.
    """

    def __init__(
        self, target: Path, hidden: Path, inputs: Iterable[Path] = (), replace: bool = True
    ) -> None:
        self.target = target
        self.hidden = hidden
        self.replace = replace
        self._inputs = tuple(inputs)
        self._stale: set[Path] = set()

    def path(self, name: str | os.PathLike[str]) -> Path:
        """Return the path to write to of the file that becomes `name` (relative) in the target."""
        relative = Path(name)
        if relative.is_absolute() or ".." in relative.parts:
            raise OutputError(f"cannot stage {relative}: give a path relative to {self.target}")
        if (self.target / relative).is_dir():
            raise OutputError(
                f"cannot write {self.target / relative}: a folder has that name; choose another"
            )
        staged_file = self.hidden / relative
        staged_file.parent.mkdir(parents=True, exist_ok=True)
        return staged_file

    def discard_stale(self, name: str) -> None:
        """Remove an older file of this name when the new ones appear, unless it is one of them.

        A folder below the target that is empty then is removed too.
        """
        self._stale.add(self.target / name)

    def refuse_input(self, name: str) -> None:
        """Raise OutputError if the file that exists under this name is an input."""
        refuse_input(self.target / name, self._inputs)

    def publish(self) -> None:
        """Move every staged file into place, replacing older ones if that is allowed."""
        files = sorted(path for path in self.hidden.rglob("*") if path.is_file())
        moves = [(path, self.target / path.relative_to(self.hidden)) for path in files]
        # Whatever can fail is done before the first file is replaced.
        for path, final in moves:
            if final.is_file():
                self._check_replaceable(path, final)
        for _, final in moves:
            final.parent.mkdir(parents=True, exist_ok=True)
        for path, final in moves:
            path.replace(final)
        for old in self._stale.difference(final for _, final in moves):
            in_folder = old.parent != self.target
            if _is_input(old, self._inputs) or (in_folder and self._is_input_folder(old.parent)):
                continue
            old.unlink(missing_ok=True)
            if in_folder:
                _remove_empty([old.parent])

    def _is_input_folder(self, folder: Path) -> bool:
        """Return whether a folder is an input, or lies in one, such as a DICOM series."""
        inputs = [path.resolve() for path in self._inputs if path.is_dir()]
        return any(folder.resolve().is_relative_to(path) for path in inputs)

    def _check_replaceable(self, staged: Path, existing: Path) -> None:
        refuse_input(existing, self._inputs)
        if not (self.replace or filecmp.cmp(staged, existing, shallow=False)):
            raise OutputError(
                f"{existing} exists, with other contents; choose another name, or replace it with "
                "--force"
            )


def refuse_input(existing: Path, inputs: Iterable[Path]) -> None:
    """Raise OutputError for a file that would be replaced although it is an input."""
    if _is_input(existing, inputs):
        raise OutputError(f"{existing} is an input and would be lost; choose another name")


def _is_input(file: Path, inputs: Iterable[Path]) -> bool:
    return file.is_file() and any(path.is_file() and file.samefile(path) for path in inputs)


@contextmanager
def atomic_output(
    folder: str | os.PathLike[str], inputs: Iterable[Path | None] = (), replace: bool = True
) -> Iterator[OutputStage]:
    """Write files into a folder so that all of them appear, or none.

    Files are written under ``stage.path(name)`` and moved into `folder` when the block ends
    without an exception. After any exception, an interrupt included, the folder is as it was.

    Parameters
    ----------
    folder
        Folder in which the files appear; made, with its parents, when missing.
    inputs
        Files that must not be replaced; None stands for one that was not given.
    replace
        True to replace any other file that exists; False to replace only one of the same contents.

    Raises
    ------
    OutputError
        The folder cannot be made or written, the disk is full, a file is too large, a folder has a
        file's name, a file would replace an input, or another file without `replace`.
    """
    target = Path(folder)
    missing = [path for path in (target, *target.parents) if not path.exists()]
    try:
        with _hidden_folder(target) as hidden:
            given = [path for path in inputs if path is not None]
            stage = OutputStage(target, hidden, given, replace)
            yield stage
            stage.publish()
    except BaseException as error:
        _remove_empty(missing)
        if isinstance(error, OSError) and _is_about_output(error, target):
            raise OutputError(output_error_message(target, error)) from error
        raise


@contextmanager
def _hidden_folder(target: Path) -> Iterator[Path]:
    """Make a staging folder for the duration of a block; errors name the target instead."""
    with staging_folder(target) as hidden:
        try:
            yield hidden
        except RegkitError as error:
            message = str(error)
            if str(hidden) not in message:
                raise
            raise type(error)(message.replace(str(hidden), str(target))) from error


def _remove_empty(folders: list[Path]) -> None:
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _is_about_output(error: OSError, target: Path) -> bool:
    if error.errno in _OUTPUT_ERRORS:
        return True
    return error.filename is not None and Path(os.fsdecode(error.filename)).is_relative_to(target)
