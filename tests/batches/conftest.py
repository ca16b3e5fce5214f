"""Small pairs of images in files."""

from pathlib import Path

import pytest

from phantoms import MOTION, small_pair
from regkit.io import write_volume
from regkit.io.transforms import write_transform


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a PET, a CT and the true transform into one folder."""
    folder, pair = tmp_path_factory.mktemp("images"), small_pair()
    write_volume(pair.fixed, folder / "pet.nii.gz")
    write_volume(pair.moving, folder / "ct.nii.gz")
    write_transform(MOTION, folder / "truth.tfm")
    return folder
