"""``regkit reorient --dicom``: three series in the patient's coordinates, read by SimpleITK."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

from dciodvfy import assert_conformant
from dicom_series import read_with_simpleitk
from dicom_sources import suv_factor, write_source
from regkit.cli import app
from regkit.geometry.sitk_bridge import grid_from_sitk
from regkit.geometry.transform import AffineTransform
from regkit.io import read_volume, write_volume
from regkit.registrar import Estimate
from regkit_classic.identity import Identity
from regkit_ventricle.dicom_slices import PROGRESSION, VIEW_CODES, in_patient
from regkit_ventricle.short_axis import SIDE_MM
from regkit_ventricle.views import VIEWS
from ventricle_shells import POSE, Shell, cube

pytestmark = pytest.mark.simulation

SHELL = Shell()


@pytest.fixture(scope="module")
def shell():
    return SHELL.draw(cube(3.0), POSE, lambda x, y, z: np.where(x > 12, 50.0, 100.0))


def reorient(*words):
    return CliRunner().invoke(app, ["reorient", "-m", "identity", *map(str, words)])


@pytest.fixture(params=["NM", "PT"])
def reoriented(request, shell, tmp_path, monkeypatch):
    """Reorient a DICOM image with a method that knows the truth; return folder and kind."""
    image, labels = shell
    kind = request.param
    write_source(tmp_path / "image", kind, np.rint(image.array * 20), image.grid)
    estimate = Estimate(POSE, labels, {})
    monkeypatch.setattr(Identity, "register", lambda self, pair: estimate)
    result = reorient(tmp_path / "image", "--dicom", "-o", tmp_path / "out" / "a")
    assert result.exit_code == 0, result.output
    return tmp_path / "out", tmp_path / "image", kind


def test_a_workstation_finds_the_views_where_they_are(reoriented):
    out, source, kind = reoriented
    before = sitk.Cast(read_with_simpleitk(source), sitk.sitkFloat32)
    header = pydicom.dcmread(min(source.iterdir()))
    for view in VIEWS:
        folder = out / f"a_{view.key}_dicom"
        series = read_with_simpleitk(folder)
        spacing = series.GetSpacing()[0]
        assert grid_from_sitk(series).matches(in_patient(view.grid(SIDE_MM, spacing), POSE))
        expected = sitk.Resample(before, series, sitk.Transform(), sitk.sitkLinear, 0.0)
        np.testing.assert_allclose(
            sitk.GetArrayFromImage(series),
            sitk.GetArrayFromImage(expected),
            atol=0.04,  # the step of 16 bits up to 2000
        )
        for file in sorted(folder.iterdir())[:2]:
            slices = pydicom.dcmread(file)
            assert slices.Modality == kind
            assert list(slices.ImageType[:2]) == ["DERIVED", "PRIMARY"]
            assert list(slices.ImageType[2:]) == list(header.ImageType[2:])
            assert slices.FrameOfReferenceUID == header.FrameOfReferenceUID
            assert slices.SliceProgressionDirection == PROGRESSION[view.key]
            holder = slices.DetectorInformationSequence[0] if kind == "NM" else slices
            assert holder.ViewCodeSequence[0].CodeValue == VIEW_CODES[view.key][0]
            assert slices.SeriesDescription == f"image scan {view.title.partition(',')[0]}"
    uids = {pydicom.dcmread(f).SeriesInstanceUID for f in out.glob("a_*_dicom/0001.dcm")}
    assert len(uids) == 3
    for view in VIEWS:
        for file in sorted((out / f"a_{view.key}_dicom").iterdir())[:2]:
            assert_conformant(file)


def test_series_of_another_run_do_not_stay(reoriented):
    out, source, _ = reoriented
    image = read_volume(source)
    write_volume(image.with_array(2 * image.array), out / "brighter.nii.gz")
    assert reorient(out / "brighter.nii.gz", "-o", out / "a", "--force").exit_code == 0
    assert not list(out.glob("a_*_dicom"))


def test_the_short_axis_runs_along_the_ventricle(reoriented):
    """From apex to base, with columns to the lateral wall and rows to the inferior wall."""
    out, _, _ = reoriented
    direction = np.reshape(read_with_simpleitk(out / "a_sa_dicom").GetDirection(), (3, 3))
    np.testing.assert_allclose(direction, POSE.matrix[:3, :3], atol=1e-6)


def test_values_are_those_of_the_nifti_slices(reoriented):
    out, _, kind = reoriented
    factor = suv_factor() if kind == "PT" else 1.0  # NIfTI holds SUV, the DICOM Bq/ml
    for view in VIEWS:
        nifti = sitk.ReadImage(str(out / f"a_{view.key}.nii.gz"))
        np.testing.assert_allclose(
            factor * sitk.GetArrayFromImage(read_with_simpleitk(out / f"a_{view.key}_dicom")),
            sitk.GetArrayFromImage(nifti),
            atol=0.6 * factor,  # NIfTI is rounded to whole numbers, as the source is
        )


def test_an_image_that_is_not_dicom_is_refused_before_any_work(shell, tmp_path):
    write_volume(shell[0], tmp_path / "image.nii.gz")
    result = reorient(tmp_path / "image.nii.gz", "--dicom", "-o", tmp_path / "out" / "a")
    assert result.exit_code == 1
    assert "is not DICOM" in " ".join(result.output.split())
    assert not (tmp_path / "out").exists()


def test_a_frame_that_is_not_rigid_is_refused(shell, tmp_path, monkeypatch):
    image, labels = shell
    write_source(tmp_path / "image", "NM", np.rint(image.array), image.grid)
    stretched = AffineTransform(POSE.matrix @ np.diag([1.02, 1, 1, 1]))
    monkeypatch.setattr(Identity, "register", lambda self, pair: Estimate(stretched, labels, {}))
    result = reorient(tmp_path / "image", "--dicom", "-o", tmp_path / "out" / "a")
    assert result.exit_code == 1
    assert "leave out --dicom" in " ".join(result.output.split())
