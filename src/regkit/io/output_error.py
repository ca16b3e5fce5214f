"""Why a folder cannot be written, in one line."""

from __future__ import annotations

import errno
from pathlib import Path


def output_error_message(target: Path, error: OSError) -> str:
    """Return why a folder cannot be written and what to do, in one line."""
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return f"cannot make the folder {target}: a file has that name; choose another folder"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"cannot write to the folder {target}: the disk is full; make room and try again"
    if error.errno == errno.EFBIG:
        return (
            f"cannot write to the folder {target}: a file is larger than its disk or `ulimit -f` "
            "allows; choose another or raise the limit"
        )
    reason = error.strerror or str(error)
    return (
        f"cannot write to the folder {target}: {reason}; choose another or change its permissions"
    )
