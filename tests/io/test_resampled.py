"""Resampled volumes that are written slab by slab: the same files as written whole."""

import logging

import numpy as np
import pytest

from regkit import Grid, LabelMap, Volume, read_volume, resample, rigid, write_volume
from regkit.errors import FileFormatError
from regkit.geometry import warp
from regkit.geometry.transform import DisplacementField
from regkit.io.resampled import write_resampled

RNG = np.random.default_rng(0)
GRID = Grid((9, 8, 7), (1.5, 1.0, 2.0), (-3, 2, 5))
ONTO = Grid((11, 6, 10), (1.0, 1.5, 1.0), (-2, 1, 6))
THROUGH = rigid((5, -8, 12), (0.4, -0.3, 1.0))
WARP = DisplacementField(RNG.normal(size=(4, 4, 4, 3)), Grid((4, 4, 4), (5.0, 4.0, 6.0)))


def image(dtype: str, low: float, high: float) -> Volume:
    values = np.rint(RNG.uniform(low, high, GRID.shape_zyx))
    return Volume(values, GRID, "ct", file_dtype=dtype)


@pytest.fixture(autouse=True)
def small_slabs(monkeypatch) -> None:
    monkeypatch.setattr(warp, "SLAB_VOXELS", 130)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.mha", "a.nrrd"])
@pytest.mark.parametrize("through", [THROUGH, WARP])
@pytest.mark.parametrize(
    "case",
    [
        (image("", -3, 3), "", 0.0),
        (image("int16", -1000, 2000), "", -1000.0),
        (image("uint8", 0, 255), "", 0.0),
        (image("uint8", 0, 255), "", -5.0),
        (image("int16", 0, 60_000), "", 0.0),
        (image("int64", 0, 100), "", 0.0),
        (image("int16", -1000, 2000), "float32", 0.0),
        (image("int16", -1000, 2000), "uint8", -1000.0),
        (LabelMap(RNG.integers(0, 5, GRID.shape_zyx), GRID), "", 0.0),
    ],
)
def test_files_are_those_of_the_whole(tmp_path, caplog, name, through, case):
    moving, dtype, outside = case
    ours, judge = tmp_path / "ours" / name, tmp_path / "judge" / name
    write_volume(resample(moving, ONTO, through, outside), judge, dtype)
    told = [record.getMessage() for record in caplog.records]
    caplog.clear()
    write_resampled(moving, ONTO, through, ours, outside=outside, dtype=dtype)
    assert [record.getMessage() for record in caplog.records] == told
    assert ours.read_bytes() == judge.read_bytes()


def test_what_a_type_cannot_hold_is_counted_over_all_slabs(tmp_path, caplog) -> None:
    moving = Volume(np.full(GRID.shape_zyx, 300.0), GRID)
    with caplog.at_level(logging.WARNING):
        write_resampled(moving, GRID, rigid(), tmp_path / "a.nii", dtype="uint8")
    assert [r.getMessage() for r in caplog.records] == [
        "a.nii: 504 of 504 values are outside uint8 (0 to 255) and were clipped"
    ]
    assert (read_volume(tmp_path / "a.nii").array == 255).all()


def test_what_cannot_be_written_is_refused_and_leaves_no_file(tmp_path) -> None:
    moving = Volume(np.ones(GRID.shape_zyx), GRID)
    with pytest.raises(FileFormatError, match="cannot write this suffix"):
        write_resampled(moving, GRID, rigid(), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
