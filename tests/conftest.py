"""What many tests share."""

import os

# Tests run side by side, one on each core: threads of their own would only be in the way.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "1")

import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every machine, however busy it is.
settings.register_profile("regkit", deadline=None, derandomize=True)
settings.register_profile("quick", settings.get_profile("regkit"), max_examples=10)
settings.load_profile("regkit")


@pytest.fixture(autouse=True)
def log_level_of_its_own() -> Iterator[None]:
    """A command that runs in the process of the tests leaves its log level behind."""
    level = logging.root.level
    yield
    logging.root.setLevel(level)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images beside the project; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real images in {folder.parent.name}/{folder.name}")
    return folder


@pytest.fixture(scope="session")
def shared_files() -> Path:
    """The folder of small odd files beside the project; tests that need it skip where absent."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "cases" / "files"
    if not folder.is_dir():
        pytest.skip("needs the odd files in shared/cases/files")
    return folder


@pytest.fixture(scope="module")
def demo_images(tmp_path_factory) -> Path:
    """What `regkit demo` leaves behind, as far as README and pages use it."""
    from regkit.cli.demo import simulated_pair
    from regkit.io import write_volume

    folder = tmp_path_factory.mktemp("demo-images")
    pair, _ = simulated_pair()
    write_volume(pair.fixed, folder / "pet.nii.gz")
    write_volume(pair.moving, folder / "ct.nii.gz")
    return folder


@pytest.fixture
def demo_files(demo_images: Path, tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(demo_images, "demo")
    return tmp_path
