"""Limits of what a file may ask for, which the environment raises."""

from __future__ import annotations

import os
from pathlib import PureWindowsPath

from regkit.errors import FileFormatError, ParameterError

# Name of the environment variable, and its value where it is not set: a cube of 1,024 voxels,
# 4 GiB in float32, twice a whole-body CT in its finest reconstruction. Chosen by hand.
MAX_VOXELS = "REGKIT_MAX_VOXELS"
_DEFAULT_MAX_VOXELS = 1 << 30
# Name of the environment variable, which the option --allow-outside sets to 1.
ALLOW_OUTSIDE = "REGKIT_ALLOW_OUTSIDE"


def max_voxels() -> int:
    """Return the number of voxels that an image may have.

    Raises
    ------
    ParameterError
        The environment variable is no whole number.
    """
    stated = os.environ.get(MAX_VOXELS, "")
    if not stated:
        return _DEFAULT_MAX_VOXELS
    if not (stated.isascii() and stated.isdigit() and len(stated) < 20):
        raise ParameterError(f"{MAX_VOXELS} must be a whole number, got '{stated[:20]}'")
    return int(stated)


def outside_allowed() -> bool:
    """Return whether files may name others in other folders than theirs."""
    return os.environ.get(ALLOW_OUTSIDE) == "1"


def leads_outside(name: str) -> bool:
    """Return whether the name of a file is absolute or leads to a folder above."""
    path = PureWindowsPath(name)  # which splits names at / too
    return path.is_absolute() or bool(path.drive or path.root) or ".." in path.parts


def check_voxels(count: int, what: str = "it") -> None:
    """Refuse an image of more voxels than the limit, before memory is taken for it.

    Parameters
    ----------
    count
        Number of voxels.
    what
        Subject of the message.

    Raises
    ------
    FileFormatError
        There are more; the message says how to raise the limit.
    """
    if count > max_voxels():
        raise FileFormatError(
            f"{what} has {count:,} voxels, more than the limit of {max_voxels():,}: if that is "
            f"right, set the environment variable {MAX_VOXELS} to a larger number"
        )
