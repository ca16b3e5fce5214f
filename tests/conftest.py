"""What many tests share."""

import os

# Tests run side by side, one on each core: threads of their own would only be in the way.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "1")

from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every machine, however busy it is.
settings.register_profile("regkit", deadline=None, derandomize=True)
settings.load_profile("regkit")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images beside the project; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real images in {folder.parent.name}/{folder.name}")
    return folder
