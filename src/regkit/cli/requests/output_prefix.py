"""The prefix of output files that ``-o`` names."""

from __future__ import annotations

import os
from pathlib import Path


def output_prefix(output: str, default_name: str) -> Path:
    """Return the path with which the names of all output files begin.

    Parameters
    ----------
    output
        Prefix, or folder (existing, or ending in a slash).
    default_name
        Prefix within a folder.

    Raises
    ------
    OutputError
        ``~user`` names no user of this machine.
    """
    from regkit.errors import OutputError

    try:
        path = Path(output).expanduser()
    except RuntimeError as error:
        raise OutputError(f"{output}: no home folder of that user is known") from error
    if output.endswith(("/", os.sep)) or path.is_dir():
        return path / default_name
    return path
