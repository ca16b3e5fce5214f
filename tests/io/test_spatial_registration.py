"""DICOM Spatial Registration: what pydicom finds in it, and what regkit reads of others."""

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, SpatialRegistrationStorage, generate_uid

from dciodvfy import assert_conformant
from dicom_sources import write_source
from regkit.errors import FileFormatError, TransformError
from regkit.geometry.grid import Grid
from regkit.geometry.rigid import rigid
from regkit.geometry.transform import AffineTransform, DisplacementField
from regkit.io.dicom_source import read_dicom_source
from regkit.io.transforms import read_transform, write_transform
from regkit.io.transforms.spatial_registration import write_spatial_registration

GRID = Grid((4, 5, 6), (2.0, 2.5, 3.0), (-5.0, -7.0, 9.0))
RIGID = rigid((5, -8, 12), (4, -7, 9), (10, 20, 30))
SIMILARITY = AffineTransform.about(1.1 * RIGID.matrix[:3, :3], (1, 2, 3), (0, 0, 0))
AFFINE = AffineTransform.about(
    RIGID.matrix[:3, :3] @ [[1.1, 0.1, 0], [0, 0.9, 0], [0, 0, 1]], (1, 2, 3), (0, 0, 0)
)


@pytest.fixture
def images(tmp_path):
    """Write a CT as the fixed image and a PET as the moving one."""
    pixels = np.arange(GRID.shape_zyx[0] * 30).reshape(GRID.shape_zyx)
    folders = [write_source(tmp_path / kind, kind, pixels, GRID) for kind in ("CT", "PT")]
    return [read_dicom_source(folder) for folder in folders]


@pytest.mark.parametrize(
    ("transform", "kind"), [(RIGID, "RIGID"), (SIMILARITY, "RIGID_SCALE"), (AFFINE, "AFFINE")]
)
def test_the_matrix_maps_moving_to_fixed_points(transform, kind, images, tmp_path):
    fixed, moving = images
    file = tmp_path / "reg.dcm"
    write_spatial_registration(transform, file, fixed, moving)
    dataset = pydicom.dcmread(file)
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.66.1"
    assert dataset.FrameOfReferenceUID == fixed.first.FrameOfReferenceUID
    assert dataset.StudyInstanceUID == moving.first.StudyInstanceUID
    assert dataset.PatientID == "J1"
    first, second = dataset.RegistrationSequence
    assert first.FrameOfReferenceUID == fixed.first.FrameOfReferenceUID
    assert second.FrameOfReferenceUID == moving.first.FrameOfReferenceUID
    for item, image in ((first, fixed), (second, moving)):
        named = {r.ReferencedSOPInstanceUID for r in item.ReferencedImageSequence}
        assert named == {header.SOPInstanceUID for header in image.headers}
    (matrix,) = second.MatrixRegistrationSequence[0].MatrixSequence
    assert matrix.FrameOfReferenceTransformationMatrixType == kind
    numbers = np.reshape(matrix.FrameOfReferenceTransformationMatrix, (4, 4)).astype(float)
    point = np.array([12.0, -34.0, 56.0])
    moved = transform.map_points(point)
    np.testing.assert_allclose((numbers @ [*moved, 1])[:3], point, atol=1e-9)
    np.testing.assert_allclose(read_transform(file).matrix, transform.matrix, atol=1e-9)
    assert_conformant(file)


@given(
    st.tuples(*[st.floats(-180, 180)] * 3),
    st.tuples(*[st.floats(-2000, 2000)] * 3),
)
def test_a_rigid_motion_comes_back(tmp_path_factory, angles, shift):
    file = tmp_path_factory.mktemp("reg") / "reg.dcm"
    transform = rigid(angles, shift, (100, -50, 30))
    write_transform(transform, file)
    np.testing.assert_allclose(read_transform(file).matrix, transform.matrix, atol=1e-8)


def test_unknown_images_are_told(tmp_path, caplog):
    file = tmp_path / "reg.dcm"
    write_transform(RIGID, file, format="dicom")
    assert "frame of reference of the fixed image is unknown" in caplog.text
    assert "frame of reference of the moving image is unknown" in caplog.text
    assert_conformant(file)


def foreign(file, items, own="1.2.9", storage=SpatialRegistrationStorage):
    """Write a registration as another program might: (frame, its matrices) for each item."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = storage, generate_uid()
    dataset.Modality, dataset.FrameOfReferenceUID = "REG", own
    registrations = []
    for frame, matrices in items:
        item, registration = Dataset(), Dataset()
        item.FrameOfReferenceUID = frame
        parts = []
        for matrix in matrices:
            part = Dataset()
            part.FrameOfReferenceTransformationMatrixType = "RIGID"
            part.FrameOfReferenceTransformationMatrix = [
                f"{value:.12g}" for value in np.ravel(matrix)
            ]
            parts.append(part)
        registration.MatrixSequence = Sequence(parts)
        item.MatrixRegistrationSequence = Sequence([registration])
        registrations.append(item)
    dataset.RegistrationSequence = Sequence(registrations)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(file, enforce_file_format=True)
    return file


TURN = rigid((0, 0, 30)).matrix
SHIFT = AffineTransform.shift((5, 6, 7)).matrix


def test_an_object_with_the_moving_image_alone(tmp_path):
    file = foreign(tmp_path / "reg.dcm", [("1.2.8", [SHIFT])])
    np.testing.assert_allclose(read_transform(file).matrix[:3, 3], [-5, -6, -7])


@pytest.mark.parametrize("fixed_first", [True, False])
def test_the_fixed_image_is_the_one_that_stays(fixed_first, tmp_path):
    items = [("1.2.9", [np.eye(4)]), ("1.2.8", [SHIFT])]
    file = foreign(tmp_path / "reg.dcm", items if fixed_first else items[::-1])
    np.testing.assert_allclose(read_transform(file).matrix[:3, 3], [-5, -6, -7])


def test_images_of_one_frame_of_reference(tmp_path):
    file = foreign(tmp_path / "reg.dcm", [("1.2.9", [np.eye(4)]), ("1.2.9", [SHIFT])])
    np.testing.assert_allclose(read_transform(file).matrix[:3, 3], [-5, -6, -7])


def test_several_matrices_are_multiplied_in_their_order(tmp_path):
    file = foreign(tmp_path / "reg.dcm", [("1.2.9", [np.eye(4)]), ("1.2.8", [TURN, SHIFT])])
    np.testing.assert_allclose(read_transform(file).inverse().matrix, TURN @ SHIFT, atol=1e-9)


def test_a_fixed_image_that_does_not_stay(tmp_path):
    file = foreign(tmp_path / "reg.dcm", [("1.2.9", [TURN]), ("1.2.8", [SHIFT])])
    expected = np.linalg.inv(SHIFT) @ TURN
    np.testing.assert_allclose(read_transform(file).matrix, expected, atol=1e-9)


def test_both_images_unmoved_is_the_identity(tmp_path):
    file = foreign(tmp_path / "reg.dcm", [("1.2.9", [np.eye(4)]), ("1.2.8", [np.eye(4)])])
    np.testing.assert_array_equal(read_transform(file).matrix, np.eye(4))


def test_several_registrations_need_the_images(images, tmp_path):
    frames = [str(image.first.FrameOfReferenceUID) for image in images]
    items = [("1.2.3", [TURN]), (frames[0], [SHIFT]), (frames[1], [TURN @ SHIFT])]
    file = foreign(tmp_path / "reg.dcm", items)
    with pytest.raises(TransformError, match=r"registers 3 images .*--fixed, --moving"):
        read_transform(file)


@pytest.mark.parametrize(
    ("storage", "error", "message"),
    [
        ("1.2.840.10008.5.1.4.1.1.66.3", TransformError, "Deformable Spatial Registration"),
        ("1.2.840.10008.5.1.4.1.1.2", FileFormatError, "CT Image Storage, not a Spatial"),
    ],
)
def test_other_objects_are_named(storage, error, message, tmp_path):
    file = foreign(tmp_path / "reg.dcm", [("1.2.9", [np.eye(4)])], storage=storage)
    with pytest.raises(error, match=message):
        read_transform(file)


def test_a_damaged_object_is_an_error_of_one_line(tmp_path):
    whole = foreign(tmp_path / "whole.dcm", [("1.2.8", [SHIFT])]).read_bytes()
    for size in range(140, len(whole), 37):
        file = tmp_path / "cut.dcm"
        file.write_bytes(whole[:size])
        with pytest.raises((FileFormatError, TransformError)) as caught:
            read_transform(file)
        assert "\n" not in str(caught.value)
    nothing = foreign(tmp_path / "nothing.dcm", [])
    with pytest.raises(FileFormatError, match="without a registration"):
        read_transform(nothing)


def test_a_displacement_field_does_not_fit(tmp_path):
    field = DisplacementField(np.zeros((*GRID.shape_zyx, 3)), GRID)
    with pytest.raises(TransformError, match="4 x 4 matrix only"):
        write_transform(field, tmp_path / "reg.dcm")
    assert not list(tmp_path.glob("*.dcm"))
