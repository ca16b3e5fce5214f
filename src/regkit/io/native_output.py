"""Keep libraries from writing to the terminal while a file is read."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import SimpleITK as sitk

_STDERR = 2


@contextmanager
def suppress_native_output() -> Iterator[None]:
    """Drop Python warnings, pydicom's log and what C++ code writes to standard error.

    What matters among it comes back as an exception; the rest is not for users.
    """
    pydicom_log = logging.getLogger("pydicom")
    was_disabled, pydicom_log.disabled = pydicom_log.disabled, True
    itk_warnings = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        with warnings.catch_warnings(), _closed_stderr():
            warnings.simplefilter("ignore")
            yield
    finally:
        pydicom_log.disabled = was_disabled
        sitk.ProcessObject.SetGlobalWarningDisplay(itk_warnings)


@contextmanager
def _closed_stderr() -> Iterator[None]:
    """Point the process's standard error to nowhere: MetaImage and GDCM write to it directly."""
    try:
        kept = os.dup(_STDERR)
    except OSError:  # there is none
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, _STDERR)
    try:
        yield
    finally:
        os.dup2(kept, _STDERR)
        os.close(nowhere)
        os.close(kept)
