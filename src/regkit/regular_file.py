"""Only files are read: a pipe or a device may never answer, or never end."""

from __future__ import annotations

import errno
import stat
from pathlib import Path


def regular_file(path: Path) -> Path:
    """Return a path, to read the file or folder there.

    Raises
    ------
    OSError
        Nothing is there, or a pipe or a device.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise OSError(errno.EINVAL, "it is a pipe or a device; only files are read", str(path))
    return path
