"""Suppress what image libraries write to the terminal while a file is read."""

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

    Failures come back as exceptions all the same; the rest is of no use to users.
    """
    itk_warnings = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        with suppress_pydicom(), _closed_stderr():
            yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(itk_warnings)


@contextmanager
def suppress_pydicom() -> Iterator[None]:
    """Drop Python warnings and pydicom's log."""
    pydicom_log = logging.getLogger("pydicom")
    was_disabled, pydicom_log.disabled = pydicom_log.disabled, True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        pydicom_log.disabled = was_disabled


@contextmanager
def _closed_stderr() -> Iterator[None]:
    """Redirect the process's standard error: MetaImage and GDCM write to it directly."""
    try:
        saved = os.dup(_STDERR)
    except OSError:  # there is none
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, _STDERR)
    try:
        yield
    finally:
        os.dup2(saved, _STDERR)
        os.close(null)
        os.close(saved)
