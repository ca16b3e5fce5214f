"""Stdout has results only, whatever methods print, in Python or in C."""

import subprocess
import sys

SCRIPT = """
import ctypes, os
from regkit.cli.stray_output import stray_output_on_stderr
print("before")
with stray_output_on_stderr():
    print("from Python")
    os.write(1, b"from a library\\n")
    ctypes.CDLL(None).printf(b"held back by C\\n")
print("after")
"""


def test_only_results_reach_stdout() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n") == ["before", "after", ""]
    assert sorted(done.stderr.split("\n")) == [
        *("", "from Python", "from a library", "held back by C")
    ]
