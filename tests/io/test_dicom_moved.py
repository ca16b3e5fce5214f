"""Images moved without resampling, judged by SimpleITK, pydicom and dciodvfy."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import RLELossless

from dciodvfy import assert_conformant
from dicom_series import read_with_simpleitk
from dicom_sources import CLASSES, write_source
from regkit import read_volume
from regkit.errors import TransformError
from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.geometry.rigid import rigid
from regkit.geometry.sitk_bridge import grid_from_sitk
from regkit.geometry.transform import AffineTransform
from regkit.io.dicom_moved import moved_volume, require_rigid, write_moved
from regkit.io.dicom_source import read_dicom_source

GRID = Grid((6, 8, 7), (2.0, 2.5, 3.0), (-5.0, -7.0, 9.0))
TRANSFORM = rigid((5, -8, 12), (4, -7, 9), (10, 20, 30))
PLACE_AND_NAMES = {
    "ImagePositionPatient", "ImageOrientationPatient", "SOPInstanceUID", "SeriesInstanceUID",
    "FrameOfReferenceUID", "SeriesNumber", "SeriesDescription", "SourceImageSequence",
    "DetectorInformationSequence", "ContributingEquipmentSequence",
}  # fmt: skip


def moved_series(tmp_path, kind: str):
    pixels = np.random.default_rng(3).integers(0, 2500, GRID.shape_zyx)
    moving = write_source(tmp_path / "moving", kind, pixels, GRID)
    fixed = write_source(tmp_path / "fixed", "CT", pixels, GRID)
    source, place = read_dicom_source(moving), read_dicom_source(fixed)
    write_moved(source, place, TRANSFORM, tmp_path / "moved")
    return source, place, sorted((tmp_path / "moved").iterdir())


@pytest.mark.parametrize("kind", CLASSES)
def test_simpleitk_finds_the_same_values_at_the_moved_places(kind, tmp_path):
    source, _, files = moved_series(tmp_path, kind)
    before, after = (read_with_simpleitk(f) for f in (source.path, files[0].parent))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(after), sitk.GetArrayFromImage(before))
    for index in ((0, 0, 0), (6, 7, 5), (3, 1, 2)):
        in_fixed = after.TransformIndexToPhysicalPoint(index)
        in_moving = before.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(TRANSFORM.map_points(in_fixed), in_moving, atol=1e-3)
    assert read_volume(files[0].parent).grid.matches(grid_from_sitk(after))


@pytest.mark.parametrize("kind", CLASSES)
def test_nothing_but_place_and_names_changes(kind, tmp_path):
    source, place, files = moved_series(tmp_path, kind)
    for old, new in zip(source.files, files, strict=True):
        before, after = pydicom.dcmread(old), pydicom.dcmread(new)
        assert after.PixelData == before.PixelData
        assert after.file_meta.TransferSyntaxUID == before.file_meta.TransferSyntaxUID
        changed = {e.keyword for e in after if e.tag not in before or before[e.tag] != e}
        assert changed <= PLACE_AND_NAMES
        assert {e.tag for e in before} <= {e.tag for e in after}
        assert after.FrameOfReferenceUID == place.first.FrameOfReferenceUID
        assert after.SOPInstanceUID != before.SOPInstanceUID
        (origin,) = after.SourceImageSequence
        assert origin.ReferencedSOPInstanceUID == before.SOPInstanceUID
    for file in files:
        assert_conformant(file)


def test_compressed_pixels_stay_compressed(tmp_path):
    pixels = np.random.default_rng(3).integers(0, 2500, GRID.shape_zyx)
    moving = write_source(tmp_path / "moving", "CT", pixels, GRID)
    for file in moving.iterdir():
        dataset = pydicom.dcmread(file)
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(file)
    source = read_dicom_source(moving)
    write_moved(source, source, TRANSFORM, tmp_path / "moved")
    after = pydicom.dcmread(tmp_path / "moved" / "0001.dcm")
    assert after.file_meta.TransferSyntaxUID == RLELossless
    assert after.PixelData == pydicom.dcmread(source.files[0]).PixelData


def test_the_moved_volume_shows_on_the_fixed_grid_what_resampling_does():
    image = read_any()
    moved = moved_volume(image, TRANSFORM)
    fixed = Grid((5, 5, 5), (2.5, 2.5, 2.5), (-4, -6, 8))
    np.testing.assert_allclose(
        resample(moved, fixed).array, resample(image, fixed, TRANSFORM).array, atol=1e-3
    )
    np.testing.assert_array_equal(moved.array, image.array)


def read_any():
    from regkit.geometry.volume import Volume

    return Volume(np.random.default_rng(1).random(GRID.shape_zyx) * 100, GRID, "ct")


def test_what_is_not_rigid_is_refused_in_one_line():
    larger = AffineTransform.about(1.1 * np.eye(3), (0, 0, 0), (0, 0, 0))
    with pytest.raises(TransformError, match=r"rigid transform only, and this one is similarity"):
        require_rigid(larger)
    assert require_rigid(TRANSFORM) is TRANSFORM
