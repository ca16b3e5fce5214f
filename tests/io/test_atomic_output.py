"""Files appear whole or not at all."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from regkit import Grid, Volume, write_volume
from regkit.errors import OutputError
from regkit.io import atomic_output


def _everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b"folder"
        for path in sorted(folder.rglob("*"))
    }


def test_files_appear_together_when_the_block_ends(tmp_path):
    (tmp_path / "old.txt").write_text("old")
    with atomic_output(tmp_path) as stage:
        stage.path("old.txt").write_text("new")
        stage.path("sub/other.txt").write_text("other")
        assert (tmp_path / "old.txt").read_text() == "old"
        assert not (tmp_path / "sub").exists()
    assert _everything(tmp_path) == {
        "old.txt": b"new",
        "sub": b"folder",
        "sub/other.txt": b"other",
    }


def _write(folder: Path, inputs, names) -> None:
    with atomic_output(folder, inputs) as stage:
        for name in names:
            stage.path(name).write_text("new")


def test_an_input_is_never_replaced(tmp_path):
    scan = tmp_path / "scan.nii.gz"
    scan.write_text("the only copy")
    (tmp_path / "link.nii.gz").symlink_to(scan)
    before = _everything(tmp_path)
    for name in ("scan.nii.gz", "link.nii.gz"):
        with pytest.raises(OutputError, match=f"{name} is an input and would be lost"):
            _write(tmp_path, [None, scan], ["a.txt", name])
        assert _everything(tmp_path) == before
    _write(tmp_path, [scan], ["other.nii.gz"])
    assert (tmp_path / "other.nii.gz").read_text() == "new"


def test_missing_folders_are_made(tmp_path):
    with atomic_output(tmp_path / "a" / "b") as stage:
        stage.path("c.txt").write_text("c")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "c"


@pytest.mark.parametrize(
    "error", [ValueError("bad"), KeyboardInterrupt("stop"), SystemExit("end")]
)
@pytest.mark.parametrize("inside", [".", "new/folder"])
def test_an_exception_leaves_everything_as_it_was(error, inside, tmp_path):
    (tmp_path / "old.txt").write_text("old")

    def write_and_fail() -> None:
        with atomic_output(tmp_path / inside) as stage:
            stage.path("old.txt").write_text("new")
            raise error

    with pytest.raises(type(error), match=str(error)):
        write_and_fail()
    assert _everything(tmp_path) == {"old.txt": b"old"}


def test_a_stage_inside_a_stage(tmp_path):
    with atomic_output(tmp_path) as stage:
        write_volume(Volume(np.zeros((3, 4, 5)), Grid((3, 4, 5))), stage.path("image.nii.gz"))
        assert not (tmp_path / "image.nii.gz").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["image.nii.gz"]


def test_a_detached_header_finds_its_voxels(tmp_path):
    write_volume(Volume(np.ones((3, 4, 5)), Grid((3, 4, 5))), tmp_path / "image.mhd")
    assert sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "image.mhd"))).sum() == 60


@pytest.mark.parametrize("where", ["file", "file/below"])
def test_a_file_where_a_folder_is_needed(where, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(OutputError, match=r"a file has that name; choose another folder"),
        atomic_output(tmp_path / where),
    ):
        pytest.fail("the block must not run")
    assert _everything(tmp_path) == {"file": b"in the way"}


def test_a_folder_where_a_file_is_to_be(tmp_path):
    (tmp_path / "image.nii").mkdir()
    with pytest.raises(OutputError, match=r"image\.nii: a folder has that name"):
        write_volume(Volume(np.zeros((3, 4, 5)), Grid((3, 4, 5))), tmp_path / "image.nii")
    assert _everything(tmp_path) == {"image.nii": b"folder"}


@pytest.mark.parametrize("name", ["/etc/x", "../x"])
def test_only_names_inside_the_folder(name, tmp_path):
    with (
        pytest.raises(OutputError, match="give a path relative"),
        atomic_output(tmp_path) as stage,
    ):
        stage.path(name)


def test_a_full_disk_is_one_line(tmp_path):
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs the device /dev/full")
    with (
        pytest.raises(OutputError, match="the disk is full; make room") as caught,
        atomic_output(tmp_path / "out"),
    ):
        full.write_text("more than fits")
    assert "\n" not in str(caught.value)
    assert _everything(tmp_path) == {}


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "mgz"])
def test_a_disk_that_fills_while_an_image_is_written(suffix, tmp_path, monkeypatch):
    (tmp_path / f"image.{suffix}").write_text("old")
    original = Path.open

    def open_full(path, mode="r", *args, **kwargs):
        return original(Path("/dev/full") if "w" in mode else path, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(OutputError, match="the disk is full"):
        write_volume(Volume(np.zeros((9, 9, 9)), Grid((9, 9, 9))), tmp_path / f"image.{suffix}")
    monkeypatch.undo()
    assert _everything(tmp_path) == {f"image.{suffix}": b"old"}


@pytest.mark.parametrize("inside", [".", "below"])
def test_an_error_names_the_file_and_not_the_hidden_folder(inside, tmp_path):
    def write() -> None:
        with (
            atomic_output(tmp_path) as outer,
            atomic_output(outer.path(f"{inside}/x").parent) as stage,
        ):
            raise OutputError(f"cannot write {stage.path('image.mha')}: is the disk full?")

    with pytest.raises(OutputError) as caught:
        write()
    file = (tmp_path / inside / "image.mha").resolve()
    assert str(caught.value) == f"cannot write {file}: is the disk full?"
    assert _everything(tmp_path) == {}


def test_a_folder_without_the_right_to_write(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(tmp_path))

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with (
        pytest.raises(OutputError, match="Permission denied; choose another"),
        atomic_output(tmp_path),
    ):
        pytest.fail("the block must not run")


def test_an_error_about_another_file_is_left_alone(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic_output(tmp_path / "out"):
        (tmp_path / "elsewhere").read_text()
    assert _everything(tmp_path) == {}


def test_a_folder_below_which_a_file_is_in_the_way(tmp_path):
    (tmp_path / "sub").write_text("in the way")

    def write_both() -> None:
        with atomic_output(tmp_path) as stage:
            stage.path("first.txt").write_text("first")
            stage.path("sub/second.txt").write_text("second")

    with pytest.raises(OutputError, match="a file has that name; choose another folder"):
        write_both()
    assert _everything(tmp_path) == {"sub": b"in the way"}
