"""What is no file, and files that a header or an index names in other folders, are not read."""

import os
import sys

import numpy as np
import pytest

from phantoms import small_pair
from regkit import read_landmarks, read_transform, read_volume
from regkit.batches.pair_table import read_pair_table
from regkit.benchmark.plan import read_plan
from regkit.datasets.folder import read_dataset
from regkit.errors import RegkitError
from regkit.io import write_volume
from regkit.io.limits import ALLOW_OUTSIDE
from regkit.registration.parameters import read_parameters
from regkit.weights import install, read_card

HEADER = (
    "ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\nElementType = MET_UCHAR\nElementDataFile = "
)
VOXELS = np.arange(24, dtype=np.uint8)

READERS = {
    **dict.fromkeys(("a.nii", "a.nii.gz", "a.mha", "a.nrrd", "a.mgz", "a.dcm"), read_volume),
    **dict.fromkeys(("a.tfm", "a.h5", "a.mat"), read_transform),
    "a.csv": read_landmarks,
    "pairs.csv": read_pair_table,
    "dataset.json": read_dataset,
    "plan.toml": read_plan,
    "parameters.toml": read_parameters,
    "a.json": read_card,
    "a.safetensors": lambda file: install(file, ["dvnet"]),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", READERS)
def test_a_pipe_is_refused_before_it_is_opened(name, tmp_path):
    os.mkfifo(tmp_path / name)  # opening it would wait without end
    with pytest.raises(RegkitError, match="a pipe or a device; only files are read"):
        READERS[name](tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_beside_an_image_does_not_stop_it(tmp_path):
    image = small_pair().fixed
    write_volume(image, tmp_path / "a.nii")
    os.mkfifo(tmp_path / "a.json")
    assert read_volume(tmp_path / "a.nii").array.shape == image.array.shape


@pytest.fixture
def folders(tmp_path):
    """Return a folder with a header, and another one with voxels."""
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    inner.mkdir()
    outer.mkdir()
    (outer / "secret.raw").write_bytes(VOXELS.tobytes())
    return inner, outer


def read_naming(folder, name):
    (folder / "a.mhd").write_text(f"{HEADER}{name}\n")
    return read_volume(folder / "a.mhd").array.ravel()


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_leads_no_further_than_the_name_of_a_file_may(folders, monkeypatch):
    inner, outer = folders
    (inner / "link.raw").symlink_to(outer / "secret.raw")
    (inner / "there").symlink_to(outer)
    for name in ("link.raw", "there/secret.raw", "../outer/secret.raw", str(outer / "secret.raw")):
        with pytest.raises(
            RegkitError, match=r"only files beside or below .*regkit --allow-outside COMMAND"
        ):
            read_naming(inner, name)
        with monkeypatch.context() as allowed:
            allowed.setenv(ALLOW_OUTSIDE, "1")
            np.testing.assert_array_equal(read_naming(inner, name), VOXELS)


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_links_to_a_header_and_its_voxels_are_read(folders):
    inner, outer = folders
    (outer / "a.mhd").write_text(f"{HEADER}secret.raw\n")
    for name in ("a.mhd", "secret.raw"):
        (inner / name).symlink_to(outer / name)
    np.testing.assert_array_equal(read_volume(inner / "a.mhd").array.ravel(), VOXELS)
