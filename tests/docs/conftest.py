"""The folder that pages and README start from: what `regkit demo` leaves behind."""

import shutil
from pathlib import Path

import pytest

from regkit.cli.demo import simulated_pair
from regkit.io import write_volume


@pytest.fixture(scope="module")
def demo_images(tmp_path_factory) -> Path:
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
