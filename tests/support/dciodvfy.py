"""dciodvfy of dicom3tools: says whether a DICOM file obeys the standard."""

import shutil
import subprocess
from pathlib import Path

import pytest


def assert_conformant(file: Path) -> None:
    """Fail with the errors that dciodvfy finds; skip the test where it is not installed.

    To be called last: what comes after it would be skipped too.
    """
    program = shutil.which("dciodvfy")
    if program is None:
        pytest.skip("needs dciodvfy (Debian's dicom3tools)")
    done = subprocess.run([program, str(file)], capture_output=True, text=True, check=False)
    errors = [line for line in (done.stderr + done.stdout).splitlines() if line.startswith("Err")]
    assert not errors, "\n".join([file.name, *errors])
