"""The search path of Python processes that tests start."""

import os
from pathlib import Path

SUPPORT = Path(__file__).parent


def python_path(*folders: Path) -> str:
    """Return a PYTHONPATH with these folders before those of this process."""
    inherited = os.environ.get("PYTHONPATH")
    return os.pathsep.join([*map(str, folders), *([inherited] if inherited else [])])
