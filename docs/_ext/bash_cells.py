"""Run at the start of every notebook's kernel: cells of ``%%bash`` print when they are done.

IPython's own magic prints pieces of 100 bytes, which a page would show as blocks of their own,
and goes on after a command that fails.
"""

import subprocess
import sys

from IPython import get_ipython


def bash(line: str, cell: str) -> None:  # noqa: ARG001 - magics of cells have a line, too
    """Run a cell by bash; its first command that fails ends it with an error."""
    done = subprocess.run(["bash", "-e", "-c", cell], capture_output=True, text=True, check=False)
    print(done.stdout, end="")
    print(done.stderr, end="", file=sys.stderr)
    done.check_returncode()


get_ipython().register_magic_function(bash, "cell", "bash")
