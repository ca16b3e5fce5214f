"""Small pairs of images in files."""

from pathlib import Path

import pytest

from phantoms import small_pair
from regkit import rigid
from regkit.io import write_volume
from regkit.io.transforms import write_transform

# Without registration, wrong by four voxels: beyond any doubt.
MOTION = rigid((4.0, -3.0, 6.0), (24.0, -16.0, 20.0))


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a PET, a CT and the true transform into one folder."""
    folder, pair = tmp_path_factory.mktemp("images"), small_pair(MOTION)
    write_volume(pair.fixed, folder / "pet.nii.gz")
    write_volume(pair.moving, folder / "ct.nii.gz")
    write_transform(MOTION, folder / "truth.tfm")
    return folder
