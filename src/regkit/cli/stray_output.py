"""Send what methods and plugins print to stderr, so that stdout has results only."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress

_STDOUT, _STDERR = 1, 2


@contextmanager
def stray_output_on_stderr() -> Iterator[None]:
    """Send to stderr what a block prints on stdout, in Python or in a library written in C."""
    with redirect_stdout(sys.stderr), _descriptor_on_stderr():
        yield


@contextmanager
def _descriptor_on_stderr() -> Iterator[None]:
    """Redirect the descriptor of stdout to stderr in a block, unless one of them is closed."""
    try:
        kept = os.dup(_STDOUT)
    except OSError:
        yield
        return
    try:
        _flush()
        with suppress(OSError):
            os.dup2(_STDERR, _STDOUT)
        yield
    finally:
        _flush()
        os.dup2(kept, _STDOUT)
        os.close(kept)


def _flush() -> None:
    """Write out what Python and C hold back for stdout."""
    with suppress(OSError, ValueError, AttributeError):
        if sys.__stdout__ is not None:
            sys.__stdout__.flush()
    with suppress(OSError, TypeError, AttributeError):  # Windows has no library of this name
        ctypes.CDLL(None).fflush(None)
