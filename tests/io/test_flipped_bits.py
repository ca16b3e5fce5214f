"""A flipped bit in a file that regkit wrote is refused, or leaves the image as it was."""

import nibabel as nib
import numpy as np
import pytest

from regkit import Grid, Volume, read_volume, write_volume
from regkit.errors import RegkitError

SHAPE = (7, 8, 9)
VOLUME = Volume(np.random.default_rng(0).normal(size=SHAPE), Grid(SHAPE, (1.5, 2, 3), (1, 2, 3)))


@pytest.mark.parametrize("suffix", [".nii.gz", ".mgz", ".mha", ".mhd", ".nrrd", ".nhdr"])
def test_no_flipped_bit_changes_an_image_without_a_word(suffix, tmp_path):
    path = tmp_path / f"image{suffix}"
    write_volume(VOLUME, path)
    refused = 0
    for file in sorted(tmp_path.iterdir()):
        good = file.read_bytes()
        for place in np.random.default_rng(1).choice(8 * len(good), 100, replace=False):
            damaged = bytearray(good)
            damaged[place // 8] ^= 1 << (place % 8)
            file.write_bytes(damaged)
            try:
                found = read_volume(path)
            except RegkitError:
                refused += 1
                continue
            np.testing.assert_array_equal(found.array, VOLUME.array, err_msg=f"{file} {place}")
            assert found.grid.matches(VOLUME.grid), f"{file} {place}"
        file.write_bytes(good)
    assert refused > 75


@pytest.mark.parametrize(
    ("suffix", "old", "new"),
    [(".nrrd", b"space origin: (1,2,3)", b"space origin: (41,52,63)"),
     (".mha", b"Offset = 1 2 3", b"Offset = 41 52 63")],
)  # fmt: skip
def test_a_header_that_was_edited_is_read_and_told(suffix, old, new, tmp_path, caplog):
    path = tmp_path / f"image{suffix}"
    write_volume(VOLUME, path)
    read_volume(path)
    assert caplog.text == ""
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    assert read_volume(path).grid.origin == (41, 52, 63)
    assert "another header than the one that regkit wrote" in caplog.text


def test_a_sheared_image_whose_upright_grid_would_fill_the_memory_is_refused(tmp_path):
    affine = np.diag([0.1, 0.1, 400.0, 1.0])
    affine[:2, 2] = 150.0
    image = nib.Nifti1Image(np.zeros((8, 8, 7), np.float32), None)
    image.set_sform(affine, 1)
    image.to_filename(tmp_path / "bomb.nii")
    with pytest.raises(RegkitError, match=r"upright grid that covers it has .* times as"):
        read_volume(tmp_path / "bomb.nii")
