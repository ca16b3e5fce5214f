"""What many tests share."""

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
