"""`regkit transform` keeps what a Spatial Registration object says of its images."""

import numpy as np
import pydicom
import pytest

from dciodvfy import assert_conformant
from dicom_sources import write_source
from regkit import Grid, read_transform, rigid, write_transform
from regkit.io.dicom_source import read_dicom_source
from regkit.io.transforms.spatial_registration import write_spatial_registration

GRID = Grid((4, 5, 6), (2.0, 2.5, 3.0), (-5.0, -7.0, 9.0))
A = rigid((5, -8, 12), (4, -7, 9), (10, 20, 30))
B = rigid((0, 20, 0), (-4, 0, 5))
KINDS = ("CT", "PT", "NM")
UNKNOWN = "frame of reference of the {} image is unknown"


@pytest.fixture
def sources(tmp_path):
    """Write three images."""
    pixels = np.arange(GRID.shape_zyx[0] * 30).reshape(GRID.shape_zyx)
    folders = [write_source(tmp_path / kind, kind, pixels, GRID) for kind in KINDS]
    return [read_dicom_source(folder) for folder in folders]


@pytest.fixture
def registered(sources, tmp_path):
    """Write a.dcm, from the first image to the second, and b.dcm, from there to the third."""
    for name, transform, pair in (("a", A, sources[:2]), ("b", B, sources[1:])):
        write_spatial_registration(transform, tmp_path / f"{name}.dcm", *pair)
    return tmp_path


def assert_names(file, fixed, moving):
    """Assert that an object names two images as their own headers do."""
    dataset = pydicom.dcmread(file)
    assert dataset.FrameOfReferenceUID == fixed.first.FrameOfReferenceUID
    assert dataset.PatientID == moving.first.PatientID
    for item, image in zip(dataset.RegistrationSequence, (fixed, moving), strict=True):
        assert item.FrameOfReferenceUID == image.first.FrameOfReferenceUID
        named = {r.ReferencedSOPInstanceUID for r in item.ReferencedImageSequence}
        assert named == {header.SOPInstanceUID for header in image.headers}
    assert set(_instances(dataset)) == {
        (header.StudyInstanceUID, header.SeriesInstanceUID, header.SOPInstanceUID)
        for header in (*fixed.headers, *moving.headers)
    }


def _instances(dataset):
    others = dataset.get("StudiesContainingOtherReferencedInstancesSequence", [])
    for study in (dataset, *others):
        for series in study.get("ReferencedSeriesSequence", []):
            for instance in series.ReferencedInstanceSequence:
                uid = instance.ReferencedSOPInstanceUID
                yield study.StudyInstanceUID, series.SeriesInstanceUID, uid


def _transform(run, *words):
    result = run("transform", *words)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("identity", [False, True])
def test_conversion_keeps_the_names(run, registered, sources, identity, caplog):
    if identity:
        write_spatial_registration(rigid((0, 0, 0)), registered / "a.dcm", *sources[:2])
    expected = read_transform(registered / "a.dcm").matrix
    _transform(run, "convert", registered / "a.dcm", registered / "y.dcm")
    assert caplog.text == ""
    assert_names(registered / "y.dcm", *sources[:2])
    np.testing.assert_allclose(read_transform(registered / "y.dcm").matrix, expected, atol=1e-9)
    assert_conformant(registered / "y.dcm")


def test_inversion_swaps_the_names(run, registered, sources, caplog):
    _transform(run, "invert", registered / "a.dcm", registered / "y.dcm")
    assert caplog.text == ""
    assert_names(registered / "y.dcm", sources[1], sources[0])
    found = read_transform(registered / "y.dcm").matrix
    np.testing.assert_allclose(found, np.linalg.inv(A.matrix), atol=1e-9)
    assert_conformant(registered / "y.dcm")


def test_a_composition_has_the_outer_names(run, registered, sources, caplog):
    files = [registered / f"{name}.dcm" for name in "aby"]
    _transform(run, "compose", *files)
    assert caplog.text == ""
    assert_names(files[2], sources[0], sources[2])
    np.testing.assert_allclose(read_transform(files[2]).matrix, B.matrix @ A.matrix, atol=1e-9)
    assert_conformant(files[2])


def test_a_given_image_is_named_instead(run, registered, sources, caplog):
    words = ("convert", registered / "a.dcm", registered / "y.dcm", "--moving", sources[2].path)
    _transform(run, *words)
    assert caplog.text == ""
    assert_names(registered / "y.dcm", sources[0], sources[2])
    assert_conformant(registered / "y.dcm")


def test_only_what_nothing_tells_is_warned_of(run, registered, sources, caplog):
    write_transform(B, registered / "b.tfm")
    words = ("compose", registered / "a.dcm", registered / "b.tfm", registered / "y.dcm")
    _transform(run, *words)
    assert UNKNOWN.format("moving") in caplog.text
    assert UNKNOWN.format("fixed") not in caplog.text
    dataset = pydicom.dcmread(registered / "y.dcm")
    assert dataset.FrameOfReferenceUID == sources[0].first.FrameOfReferenceUID


def test_an_object_without_an_item_of_its_own_frame(run, registered, sources, caplog):
    dataset = pydicom.dcmread(registered / "a.dcm")
    del dataset.RegistrationSequence[0]
    dataset.save_as(registered / "a.dcm")
    _transform(run, "invert", registered / "a.dcm", registered / "y.dcm")
    assert caplog.text == ""
    frames = [
        i.FrameOfReferenceUID for i in pydicom.dcmread(registered / "y.dcm").RegistrationSequence
    ]
    assert frames == [image.first.FrameOfReferenceUID for image in (sources[1], sources[0])]


def test_an_item_without_a_frame_keeps_its_references(run, registered, sources, caplog):
    dataset = pydicom.dcmread(registered / "a.dcm")
    del dataset.RegistrationSequence[1].FrameOfReferenceUID
    dataset.save_as(registered / "a.dcm")
    _transform(run, "convert", registered / "a.dcm", registered / "y.dcm")
    assert UNKNOWN.format("moving") in caplog.text
    item = pydicom.dcmread(registered / "y.dcm").RegistrationSequence[1]
    assert len(item.ReferencedImageSequence) == len(sources[1].headers)


@pytest.mark.parametrize("name", ["a.dcm", "a.mat"])
def test_an_input_as_output_is_only_refused(run, registered, name, caplog):
    np.savetxt(registered / "a.mat", A.matrix)
    before = (registered / name).read_bytes()
    for words in (("convert",), ("invert",), ("compose", registered / "b.dcm")):
        result = run("transform", *words, registered / name, registered / name, "--force")
        said = " ".join(result.output.split())
        assert result.exit_code != 0
        assert "is an input" in said
        assert caplog.text == ""
    assert (registered / name).read_bytes() == before
