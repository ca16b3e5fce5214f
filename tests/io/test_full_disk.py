"""A disk that fills up while a file is written is told; nothing short of the whole is left."""

import resource
from contextlib import contextmanager

import numpy as np
import pytest

from regkit import DisplacementField, Grid, Volume, rigid, write_transform, write_volume
from regkit.errors import OutputError

GRID = Grid((9, 10, 11))
MOTION = rigid((1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
FIELD = DisplacementField(np.random.default_rng(0).normal(size=(9, 10, 11, 3)), GRID)
NO_ROOM = r"disk full|disk is full|is larger than .* allows; choose another or raise"


@contextmanager
def room_for(size):
    """Let no file of this process grow beyond a number of bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 150])
@pytest.mark.parametrize(
    ("transform", "name", "kind"),
    [
        (MOTION, "t.tfm", "itk"),
        (MOTION, "t.txt", "itk"),
        (MOTION, "t.mat", "ants"),
        (MOTION, "t.txt", "ras"),
        (MOTION, "t.lta", "lta"),
        (MOTION, "t.json", "json"),
        (FIELD, "t.tfm", "itk"),
    ],
)
def test_a_transform_is_written_whole_or_refused(transform, name, kind, size, tmp_path):
    with room_for(size), pytest.raises(OutputError, match=NO_ROOM):
        write_transform(transform, tmp_path / name, format=kind)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".mgz"])
def test_an_image_is_written_whole_or_refused(suffix, tmp_path, capfd):
    values = np.random.default_rng(0).normal(size=GRID.shape_zyx)
    with room_for(500), pytest.raises(OutputError, match=NO_ROOM):
        write_volume(Volume(values, GRID), tmp_path / f"v{suffix}")
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
