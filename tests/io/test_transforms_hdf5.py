"""Damaged HDF5 files end a process of their own, and one line tells of it."""

import gzip
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import SimpleITK as sitk

from regkit import read_transform, write_transform
from regkit.errors import FileFormatError, RegkitError
from regkit.geometry.transform import AffineTransform
from regkit.io.transforms import hdf5_process

AFFINE = AffineTransform.about(np.eye(3) + 0.01, (1, 2, 3), (0, 0, 0))


@pytest.fixture
def hostile() -> Path:
    folder = Path(__file__).resolve().parents[3] / "shared" / "cases" / "hostile"
    if not folder.is_dir():
        pytest.skip("needs the hostile files in shared/cases/hostile")
    return folder


def test_files_that_crashed_itk_are_refused(hostile):
    kinds = [path for path in sorted(hostile.iterdir()) if path.suffix in (".h5", ".mat", ".tfm")]
    # Each that hangs takes a second; the next test has one.
    paths = [path for path in kinds if "hang" not in path.name]
    assert len(paths) > 10
    for path in paths:
        with pytest.raises(RegkitError) as told:
            read_transform(path)
        assert str(told.value).isprintable()


def test_the_next_file_is_read_after_one_that_hung(hostile, tmp_path):
    with pytest.raises(FileFormatError, match="crashed, hung, or took too much memory"):
        read_transform(hostile / "tf-h5-bytes-05149-hang.h5")
    write_transform(AFFINE, tmp_path / "t.h5")
    np.testing.assert_array_equal(read_transform(tmp_path / "t.h5").matrix, AFFINE.matrix)


def _descriptors() -> int:
    folder = Path("/proc/self/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_a_process_that_dies_is_one_line_and_leaves_no_descriptor(tmp_path, monkeypatch):
    write_transform(AFFINE, tmp_path / "t.h5")
    read_transform(tmp_path / "t.h5")
    monkeypatch.setattr(sys, "executable", "/bin/false")
    hdf5_process.HDF5_PROCESS.end()
    before = _descriptors()
    for _ in range(3):
        with pytest.raises(FileFormatError, match="HDF5's library crashed"):
            read_transform(tmp_path / "t.h5")
    assert _descriptors() == before


def test_a_flipped_bit_in_written_parameters_is_refused(tmp_path):
    path = tmp_path / "t.h5"
    write_transform(AFFINE, path)
    good = path.read_bytes()
    start = good.index(np.float64(1.01).tobytes())
    for bit in (0, 63, 200, 8 * 90):
        damaged = bytearray(good)
        damaged[start + bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(FileFormatError, match="damaged"):
            read_transform(path)


def test_files_of_other_versions_of_hdf5_and_compressed_ones(tmp_path):
    for number, versions in enumerate([("earliest", "v108"), ("v108", "v108"), ("latest",) * 2]):
        path = tmp_path / f"{number}.h5"
        with h5py.File(path, "w", libver=versions) as file:
            group = file.create_group("TransformGroup/0")
            group["TransformType"] = np.array([b"AffineTransform_double_3_3"])
            numbers = [*AFFINE.matrix[:3, :3].ravel(), *AFFINE.matrix[:3, 3]]
            group.create_dataset("TranformParameters", data=numbers, compression="gzip")
            group["TranformFixedParameters"] = np.zeros(3)
        np.testing.assert_allclose(read_transform(path).matrix, AFFINE.matrix)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.move("TransformGroup", "Other"), "without ITK's transforms"),
        (lambda f: f["TransformGroup/0"].pop("TransformParameters"), "lacks its parameters"),
        (lambda f: f["TransformGroup/0"].pop("TransformType"), "has no type"),
        (lambda f: f["TransformGroup"].move("0", "7"), "its transform 0 is missing"),
        (
            lambda f: f["TransformGroup"].__setitem__("1", h5py.ExternalLink("a.h5", "/")),
            "its transform 1 is missing",
        ),
    ],
)
def test_other_contents_are_named(change, words, tmp_path):
    sitk.WriteTransform(sitk.AffineTransform(3), str(tmp_path / "t.h5"))
    with h5py.File(tmp_path / "t.h5", "r+") as file:
        change(file)
    with pytest.raises(FileFormatError, match=words):
        read_transform(tmp_path / "t.h5")


def test_a_claim_of_many_numbers_is_compared_with_the_file(tmp_path):
    with h5py.File(tmp_path / "t.h5", "w") as file:
        group = file.create_group("TransformGroup/0")
        group["TransformType"] = np.array([b"DisplacementFieldTransform_double_3_3"])
        group.create_dataset("TransformParameters", (3 * 10**9,), "<f8", chunks=(1 << 20,))
        group["TransformFixedParameters"] = np.zeros(18)
    assert len(gzip.compress((tmp_path / "t.h5").read_bytes())) < 10_000
    with pytest.raises(FileFormatError, match="it claims 3000000000 parameters"):
        read_transform(tmp_path / "t.h5")


def test_no_flipped_bit_changes_a_written_transform_without_a_word(tmp_path):
    path = tmp_path / "t.h5"
    write_transform(AFFINE, path)
    good = path.read_bytes()
    used = np.flatnonzero(np.frombuffer(good, np.uint8))
    for place in np.random.default_rng(3).choice(used, 80, replace=False):
        damaged = bytearray(good)
        damaged[place] ^= 1 << int(place) % 8
        path.write_bytes(damaged)
        try:
            found = read_transform(path)
        except RegkitError:
            continue
        np.testing.assert_array_equal(found.matrix, AFFINE.matrix, err_msg=str(place))
