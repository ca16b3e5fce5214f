"""``--dicom`` and ``--moved``: DICOM comes back, and is refused without DICOM."""

import json
import shutil

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from dciodvfy import assert_conformant
from dicom_series import read_with_simpleitk
from dicom_sources import write_source
from regkit.cli import app
from regkit.geometry.grid import Grid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.sitk_bridge import grid_from_sitk
from regkit.io import read_volume, write_volume

pytestmark = pytest.mark.end_to_end

FIXED = Grid((16, 20, 22), (3.0, 3.0, 4.0), (-30.0, -25.0, -30.0))
MOVING = Grid(
    (14, 18, 20), (3.5, 3.5, 4.5), (-30.0, -27.0, -31.0), tuple(rotation_matrix((3, 2, 5)).ravel())
)


def run(*arguments) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    return f"{result.exit_code}\n{result.output}"


def blob(grid: Grid) -> np.ndarray:
    """An ellipsoid with a bright spot, the same in space on every grid."""
    points = grid.to_physical(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))
    body = ((points / [22, 18, 25]) ** 2).sum(-1) < 1
    spot = np.linalg.norm(points - [8, -3, 5], axis=-1) < 6
    return (body * 1000 + spot * 800).astype("u2")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    home = tmp_path_factory.mktemp("study")
    write_source(home / "ct", "CT", blob(FIXED), FIXED)
    for kind in ("PT", "MR", "NM"):
        write_source(home / kind.lower(), kind, blob(MOVING), MOVING)
    write_volume(read_volume(home / "ct"), home / "ct.nii.gz")
    return home


@pytest.fixture(scope="module")
def registered(folders):
    out = run(
        *("register", folders / "ct", folders / "pt", "-m", "identity", "--init", "centre"),
        *("--dicom", "--moved", "-o", folders / "out" / "r"),
    )
    assert out.startswith(("0", "3")), out
    return folders / "out"


def test_every_file_is_there_and_obeys_the_standard(registered):
    names = {path.name for path in registered.iterdir()}
    assert {"r_dicom", "r_reg.dcm", "r_moved.nii.gz", "r_moved_dicom", "r_warped.nii.gz"} <= names
    assert len(list((registered / "r_dicom").iterdir())) == FIXED.shape_zyx[0]
    assert len(list((registered / "r_moved_dicom").iterdir())) == MOVING.shape_zyx[0]
    for file in [registered / "r_reg.dcm", *registered.glob("r_*dicom/000[12].dcm")]:
        assert_conformant(file)


def test_simpleitk_finds_the_resampled_image_on_the_fixed_grid(folders, registered):
    series = read_with_simpleitk(registered / "r_dicom")
    assert grid_from_sitk(series).matches(FIXED)
    warped = sitk.ReadImage(str(registered / "r_warped.nii.gz"))
    source = read_with_simpleitk(folders / "pt")
    transform = sitk.ReadTransform(str(registered / "r.tfm"))
    fixed = read_with_simpleitk(folders / "ct")
    resampled = sitk.Resample(source, fixed, transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    values = sitk.GetArrayFromImage(series)
    np.testing.assert_allclose(values, sitk.GetArrayFromImage(resampled), atol=0.02)
    suv = read_volume(registered / "r_dicom").array
    np.testing.assert_allclose(suv, sitk.GetArrayFromImage(warped), atol=1e-4)


def test_the_registration_object_maps_as_the_transform_does(registered):
    shown = run("transform", "show", registered / "r_reg.dcm", "--json")
    record = json.loads((registered / "r.json").read_text())
    numbers = pydicom.dcmread(registered / "r_reg.dcm").RegistrationSequence[1]
    matrix = numbers.MatrixRegistrationSequence[0].MatrixSequence[0]
    written = np.reshape(matrix.FrameOfReferenceTransformationMatrix, (4, 4)).astype(float)
    np.testing.assert_allclose(written, np.linalg.inv(record["transform"]["matrix"]), atol=1e-9)
    assert shown.startswith("0")


def test_the_moved_image_resampled_by_its_header_is_the_warped_one(folders, registered):
    fixed = sitk.ReadImage(str(folders / "ct.nii.gz"))
    moved = sitk.ReadImage(str(registered / "r_moved.nii.gz"))
    warped = sitk.ReadImage(str(registered / "r_warped.nii.gz"))
    again = sitk.Resample(moved, fixed, sitk.Transform(), sitk.sitkLinear, 0.0)
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(again), sitk.GetArrayFromImage(warped), atol=1e-3
    )


def test_a_shorter_series_leaves_no_slice_of_the_longer_one(folders, registered):
    """The second run's fixed image has fewer slices than the first's."""
    small = Grid((9, 20, 22), (3.0, 3.0, 7.0), FIXED.origin)
    write_source(folders / "small", "CT", blob(small), small)
    arguments = ("register", folders / "small", folders / "pt", "-m", "identity", "--dicom")
    out = folders / "again" / "r"
    run("register", folders / "ct", folders / "pt", "-m", "identity", "--dicom", "-o", out)
    result = run(*arguments, "-o", out, "--force")
    assert result.startswith(("0", "3")), result
    assert len(list((folders / "again" / "r_dicom").iterdir())) == 9


def test_series_of_another_run_do_not_stay_beside_its_record(folders, tmp_path):
    pair, out = (folders / "ct", folders / "mr"), tmp_path / "r"
    run("register", *pair, "-m", "identity", "--dicom", "--moved", "-o", out)
    assert {"r_dicom", "r_moved_dicom"} <= {path.name for path in tmp_path.iterdir()}
    (tmp_path / "r_moved_dicom" / "notes.txt").write_text("mine")
    other = (folders / "ct", folders / "pt")
    assert run("register", *other, "-m", "identity", "-o", out).startswith("1")
    assert len(list((tmp_path / "r_dicom").iterdir())) == FIXED.shape_zyx[0]
    assert run("register", *other, "-m", "identity", "-o", out, "--force").startswith(("0", "3"))
    assert not (tmp_path / "r_dicom").exists()
    assert [path.name for path in (tmp_path / "r_moved_dicom").iterdir()] == ["notes.txt"]


def test_a_series_that_is_an_input_stays(folders, tmp_path):
    out = tmp_path / "r"
    run("register", folders / "ct", folders / "mr", "-m", "identity", "--dicom", "-o", out)
    series = tmp_path / "r_dicom"
    before = {file.name: file.read_bytes() for file in series.iterdir()}
    result = run("register", folders / "ct", series, "-m", "identity", "-o", out, "--force")
    assert result.startswith(("0", "3")), result
    assert {file.name: file.read_bytes() for file in series.iterdir()} == before


@pytest.mark.parametrize("which", ["fixed", "moving"])
def test_images_that_are_not_dicom_are_refused_before_any_work(which, folders, tmp_path):
    pair = [folders / "ct", folders / "pt"]
    pair[which == "moving"] = folders / "ct.nii.gz"
    out = run("register", *pair, "--dicom", "-o", tmp_path / "r")
    assert out.startswith("1\n")
    assert "ct.nii.gz: is not DICOM" in " ".join(out.split())
    assert not list(tmp_path.iterdir())


def test_no_warped_leaves_the_resampled_images_out(folders, tmp_path):
    out = run(
        *("register", folders / "ct", folders / "mr", "-m", "identity"),
        *("--dicom", "--moved", "--no-warped", "-o", tmp_path / "r"),
    )
    assert out.startswith(("0", "3")), out
    names = {path.name for path in tmp_path.iterdir()}
    assert not names & {"r_warped.nii.gz", "r_dicom"}
    assert {"r_reg.dcm", "r_moved.nii.gz", "r_moved_dicom"} <= names


def test_moved_needs_a_rigid_method_and_says_so_before_any_work(folders, tmp_path):
    pair = folders / "ct", folders / "nowhere"
    for method in (("ants-affine",), ("mi", "--set", "model=affine")):
        out = run("register", *pair, "-m", *method, "--moved", "-o", tmp_path / "r")
        assert out.startswith("1\n")
        assert "--moved needs a rigid method" in " ".join(out.split())


def test_a_result_that_is_not_rigid_is_not_moved(folders, tmp_path):
    scaled = tmp_path / "scaled.json"
    scaled.write_text(json.dumps({"matrix": np.diag([1.1, 1, 1, 1.0]).tolist()}))
    out = run(
        *("register", folders / "ct.nii.gz", folders / "mr", "-m", "identity", "--init", scaled),
        *("--moved", "-o", tmp_path / "r"),
    )
    assert out.startswith("1\n")
    assert "by a rigid transform only, and this one is affine" in " ".join(out.split())


def test_resample_writes_a_series(folders, registered, tmp_path):
    arguments = ("resample", folders / "nm", "--onto", folders / "ct", "-t", registered / "r.tfm")
    out = run(*arguments, "-o", f"{tmp_path}/series/", "--format", "dicom")
    assert out.startswith("0"), out
    series = read_with_simpleitk(tmp_path / "series")
    assert grid_from_sitk(series).matches(FIXED)
    source = read_with_simpleitk(folders / "nm")
    transform = sitk.ReadTransform(str(registered / "r.tfm"))
    expected = sitk.Resample(source, series, transform, sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(series), sitk.GetArrayFromImage(expected), atol=0.02
    )
    shutil.copy(tmp_path / "series" / "0001.dcm", tmp_path / "first.dcm")
    assert run(*arguments, "-o", tmp_path / "series", "--format", "dicom").startswith("0")
    other = (*arguments[:1], folders / "mr", *arguments[2:])
    refused = run(*other, "-o", tmp_path / "series", "--format", "dicom")
    assert "--force" in refused
    assert len(list((tmp_path / "series").iterdir())) == 1
    forced = run(*other, "-o", tmp_path / "series", "--format", "dicom", "--force")
    assert forced.startswith("0")
    assert len(list((tmp_path / "series").iterdir())) == FIXED.shape_zyx[0]
    assert_conformant(tmp_path / "first.dcm")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--format", "png"), "--format can only be dicom"),
        (("--format", "dicom", "--labels"), "writes images"),
        (("--format", "dicom", "--dtype", "int16"), "--dtype does not go with"),
    ],
)
def test_what_does_not_go_with_a_series(options, message, folders, registered, tmp_path):
    arguments = ("resample", folders / "nm", "--onto", folders / "ct", "-t", registered / "r.tfm")
    out = run(*arguments, "-o", tmp_path / "series", *options)
    assert out.startswith("1\n")
    assert message in " ".join(out.split())


def test_inputs_are_never_replaced_by_a_series(folders, registered, tmp_path):
    copied = tmp_path / "copied"
    write_source(copied, "CT", blob(FIXED), FIXED)
    for number, file in enumerate(sorted(copied.iterdir()), 3):
        file.rename(copied / f"{number:04d}.dcm")
    before = {file.name: file.read_bytes() for file in copied.iterdir()}
    out = run(
        *("resample", folders / "nm", "--onto", copied, "-t", registered / "r.tfm"),
        *("-o", copied, "--format", "dicom", "--force"),
    )
    after = {name: (copied / name).read_bytes() for name in before}
    assert after == before, out


@pytest.mark.parametrize("folder", ["an input", "another scan", "notes"])
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_series_gets_a_folder_of_its_own(folder, force, folders, registered, tmp_path):
    used = tmp_path / "used"
    if folder == "notes":
        used.mkdir()
        (used / "notes.txt").write_text("mine")
    else:
        write_source(used, "CT", blob(FIXED), FIXED)
    before = {file.name: file.read_bytes() for file in used.iterdir()}
    moving = used if folder == "an input" else folders / "nm"
    arguments = ("resample", moving, "--onto", folders / "ct", "-t", registered / "r.tfm")
    out = run(*arguments, "-o", used, "--format", "dicom", *force)
    assert out.startswith("1\n")
    assert "choose a new or empty folder" in " ".join(out.split())
    assert {file.name: file.read_bytes() for file in used.iterdir()} == before


def test_a_series_is_not_replaced_by_one_made_of_it(folders, registered, tmp_path):
    series = tmp_path / "series"
    arguments = ("--onto", folders / "ct", "-t", registered / "r.tfm", "--format", "dicom")
    assert run("resample", folders / "mr", *arguments, "-o", series).startswith("0")
    before = {file.name: file.read_bytes() for file in series.iterdir()}
    out = run("resample", series, *arguments, "-o", series, "--force")
    assert "is an input and would be lost" in " ".join(out.split())
    assert {file.name: file.read_bytes() for file in series.iterdir()} == before
