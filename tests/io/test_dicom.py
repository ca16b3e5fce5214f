"""DICOM series, enhanced objects and nuclear-medicine tomograms, read from their headers."""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import PositronEmissionTomographyImageStorage, RLELossless, generate_uid

from dicom_files import (
    NORMAL,
    OBLIQUE,
    dicom_dataset,
    edit_folder,
    enhanced_object,
    frame_group,
    save_dicom,
    tomogram,
    write_slices,
)
from regkit import read_labels, read_volume
from regkit.errors import FileFormatError, GeometryError, SelectionError
from regkit.geometry.sitk_bridge import grid_from_sitk


def _itk_series(folder: Path) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def test_an_oblique_series_is_where_its_headers_and_itk_say(tmp_path):
    pixels = write_slices(tmp_path)
    (tmp_path / "notes.txt").write_text("not DICOM")
    volume = read_volume(tmp_path)
    assert volume.modality == "ct"
    np.testing.assert_array_equal(volume.array, pixels)
    # Place 4, row 3, column 2, by hand.
    by_hand = [10, -20, 30] + 4 * 2.5 * NORMAL
    by_hand = by_hand + 2 * 0.75 * np.array(OBLIQUE[0]) + 3 * 1.5 * np.array(OBLIQUE[1])
    np.testing.assert_allclose(volume.grid.to_physical([4, 3, 2]), by_hand, atol=1e-5)
    judge = _itk_series(tmp_path)
    assert volume.grid.matches(grid_from_sitk(judge))
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(judge))


def test_every_pet_slice_has_its_own_scale(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 30000, (4, 5, 7))
    for place, slope in enumerate([0.5, 0.001, 2.0, 0.25]):
        dataset = dicom_dataset(
            pixels[place], PositronEmissionTomographyImageStorage, "PT",
            ImagePositionPatient=[0, 0, 3 * place], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[4, 4], RescaleSlope=slope, RescaleIntercept=1,
            FrameOfReferenceUID="1.2.3",
        )  # fmt: skip
        save_dicom(dataset, tmp_path / f"{place}")
    volume = read_volume(tmp_path)
    expected = pixels * np.array([0.5, 0.001, 2.0, 0.25])[:, None, None] + 1
    np.testing.assert_allclose(volume.array, expected, rtol=1e-6)
    assert volume.modality == "pet"
    assert volume.frame_of_reference == "1.2.3"
    assert read_volume(tmp_path, "spect").modality == "spect"


@pytest.mark.parametrize("name", ["CT", "PET", "MR_T1"])
def test_a_real_series_is_the_nifti_of_the_same_patient(shared_data, name):
    volume = read_volume(shared_data / "sts_dicom" / "STS_002" / name / "image")
    judge = read_volume(shared_data / "ibsi_sts" / "STS_002" / f"{name}_image.nii.gz")
    assert volume.grid.matches(judge.grid)
    np.testing.assert_allclose(volume.array, judge.array, rtol=1e-6, atol=1e-6)
    assert volume.modality == {"CT": "ct", "PET": "pet", "MR_T1": "mr"}[name]


def test_a_compressed_series_is_as_itk_reads_it(shared_data, tmp_path):
    for file in sorted((shared_data / "ts_ct" / "example_ct_dicom").iterdir())[:4]:
        shutil.copy(file, tmp_path)
    volume, judge = read_volume(tmp_path), _itk_series(tmp_path)
    assert volume.grid.matches(grid_from_sitk(judge))
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(judge))


@pytest.mark.parametrize(
    "name", ["MR_small_RLE", "MR_small_bigendian", "MR_small_implicit", "MR_small_jp2klossless",
             "MR_small_jpeg_ls_lossless", "MR_small_padded"],
)  # fmt: skip
def test_lossless_encodings_hold_the_same_pixels(shared_data, tmp_path, name):
    folder = shared_data / "dicom_odd" / "data" / "pydicom"
    expected = pydicom.dcmread(folder / "MR_small.dcm").pixel_array
    for place in (0, 1):
        dataset = pydicom.dcmread(folder / f"{name}.dcm")
        dataset.ImagePositionPatient[2] = 5 * place
        dataset.save_as(tmp_path / f"{place}.dcm")
    volume = read_volume(tmp_path)
    np.testing.assert_array_equal(volume.array, np.stack([expected, expected]))


def test_a_run_length_encoded_series(tmp_path):
    pixels = write_slices(tmp_path)
    for file in tmp_path.iterdir():
        dataset = pydicom.dcmread(file)
        dataset.compress(RLELossless, generate_instance_uid=False)
        dataset.save_as(file)
    np.testing.assert_array_equal(read_volume(tmp_path).array, pixels)


def test_a_tilted_gantry_keeps_its_anatomy_in_place(tmp_path, caplog):
    # Slices 2 mm apart along the table, tilted by 15 degrees about x: they slide along y.
    tilt = np.radians(15)
    down = np.array([0, np.cos(tilt), -np.sin(tilt)])
    places = np.indices((12, 24, 20))
    for z in range(12):
        pixels = 1000 * np.exp(-(((places[:, z] - [[[6.3]], [[11.6]], [[9.2]]]) ** 2)
                                 / [[[4]], [[9]], [[9]]]).sum(axis=0))  # fmt: skip
        dataset = dicom_dataset(
            pixels.round(), ImagePositionPatient=[0, 0, 2 * z],
            ImageOrientationPatient=[1, 0, 0, *down.round(6).tolist()], PixelSpacing=[1, 1],
        )  # fmt: skip
        save_dicom(dataset, tmp_path / f"{z}.dcm")
    volume = read_volume(tmp_path)
    index = np.indices(volume.array.shape).reshape(3, -1)
    weights = volume.array.ravel()
    centroid = volume.grid.to_physical(index @ weights / weights.sum())
    expected = [9.2, 0, 0] + 11.6 * down + [0, 0, 2 * 6.3]
    np.testing.assert_allclose(centroid, expected, atol=0.05)
    assert "sheared by 15.0 degrees" in caplog.text
    assert volume.grid.spacing == pytest.approx((1, 1, 2 * np.cos(tilt)), abs=1e-4)


def test_an_enhanced_object_has_a_place_and_a_scale_per_frame(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 900, (4, 5, 7))
    order = [2, 0, 3, 1]
    groups = [frame_group(place * 3 * NORMAL, slope=1 + place) for place in order]
    save_dicom(enhanced_object(pixels[order], groups), tmp_path / "enhanced.dcm")
    volume = read_volume(tmp_path / "enhanced.dcm")
    np.testing.assert_array_equal(volume.array, pixels * np.arange(1, 5)[:, None, None])
    np.testing.assert_allclose(volume.grid.to_physical([2, 0, 0]), 6 * NORMAL, atol=1e-5)
    assert volume.modality == "mr"


def test_time_points_in_one_object_are_refused(tmp_path):
    groups = [frame_group(place * 3 * NORMAL) for place in (0, 0, 1, 1, 2, 2)]
    save_dicom(enhanced_object(np.zeros((6, 5, 7)), groups), tmp_path / "enhanced.dcm")
    with pytest.raises(FileFormatError, match=r"holds 2 volumes \(1: image 1 of each position, 3"):
        read_volume(tmp_path / "enhanced.dcm")


def test_a_real_enhanced_object(shared_data):
    path = shared_data / "niivue_orient" / "enh.dcm"
    volume, header = read_volume(path), pydicom.dcmread(path)
    for number, group in enumerate(header.PerFrameFunctionalGroupsSequence):
        place = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        z, y, x = volume.grid.to_index(place)
        assert (y, x) == pytest.approx((0, 0), abs=1e-3)
        np.testing.assert_array_equal(volume.array[round(z)], header.pixel_array[number])


@pytest.mark.parametrize("spacing", [4.5, -4.5])
def test_a_tomogram_stacks_by_the_sign_of_its_spacing(spacing, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 900, (6, 5, 7))
    save_dicom(tomogram(pixels, spacing), tmp_path / "spect.dcm")
    volume = read_volume(tmp_path / "spect.dcm")
    assert volume.modality == "spect"
    for frame in range(6):
        z, y, x = volume.grid.to_index([10, -20, 30 + frame * spacing])
        assert (y, x) == pytest.approx((0, 0))
        np.testing.assert_array_equal(volume.array[round(z)], pixels[frame])


def test_the_slice_vector_orders_a_tomogram_and_finds_gates(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 900, (3, 5, 7))
    save_dicom(tomogram(pixels, 4.5, SliceVector=[3, 1, 2]), tmp_path / "spect.dcm")
    np.testing.assert_array_equal(read_volume(tmp_path / "spect.dcm").array, pixels[[1, 2, 0]])
    gated = tomogram(np.zeros((4, 5, 7)), 4.5, "RECON GATED TOMO", SliceVector=[1, 2, 1, 2])
    save_dicom(gated, tmp_path / "gated.dcm")
    with pytest.raises(FileFormatError, match=r"holds 2 volumes .* choose one with --frame"):
        read_volume(tmp_path / "gated.dcm")
    twice = tomogram(np.zeros((4, 5, 7)), 4.5, SliceVector=[1, 2, 1, 2])
    save_dicom(twice, tmp_path / "twice.dcm")
    with pytest.raises(FileFormatError, match=r"holds 2 volumes .* choose one with --frame"):
        read_volume(tmp_path / "twice.dcm")


def test_projections_are_no_volume(tmp_path):
    save_dicom(tomogram(np.zeros((4, 5, 7)), 4.5, "TOMO"), tmp_path / "raw.dcm")
    with pytest.raises(FileFormatError, match=r"raw\.dcm: .*\(TOMO\), not a reconstructed"):
        read_volume(tmp_path / "raw.dcm")


def test_a_missing_slice_is_named(tmp_path):
    write_slices(tmp_path, names=[f"{place}.dcm" for place in range(6)])
    (tmp_path / "3.dcm").unlink()
    with pytest.raises(FileFormatError, match=r"2\.5 mm mostly, 5 mm between 2\.dcm and 4\.dcm"):
        read_volume(tmp_path)


def test_a_slice_that_is_there_twice_is_named(tmp_path, caplog):
    write_slices(tmp_path, names=[f"{place}.dcm" for place in range(6)])
    shutil.copy(tmp_path / "3.dcm", tmp_path / "copy.dcm")
    volume = read_volume(tmp_path)
    assert volume.grid.shape_zyx[0] == 6
    assert "files passed over: 1 equal to another file (copy.dcm)" in caplog.text
    dataset = pydicom.dcmread(tmp_path / "copy.dcm")
    dataset.PixelData = bytes(len(dataset.PixelData))
    dataset.save_as(tmp_path / "copy.dcm")
    with pytest.raises(FileFormatError, match=r"same position: 3\.dcm and copy\.dcm; remove one"):
        read_volume(tmp_path)


def test_positions_rounded_to_a_tenth_are_even(tmp_path):
    for place in range(9):
        dataset = dicom_dataset(
            np.zeros((5, 7)), ImagePositionPatient=[0, 0, round(place * 0.625, 1)],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[1, 1],
        )  # fmt: skip
        save_dicom(dataset, tmp_path / f"{place}.dcm")
    assert read_volume(tmp_path).grid.spacing[2] == pytest.approx(0.625)


def test_several_series_are_listed(tmp_path):
    write_slices(tmp_path, 4, names=[f"a{n}" for n in range(4)], SeriesDescription="Thorax 1.0")
    write_slices(tmp_path, 3, names=[f"b{n}" for n in range(3)], SeriesInstanceUID=generate_uid())
    with pytest.raises(
        SelectionError, match=r": holds 2 series; choose one with --series: its number"
    ) as caught:
        read_volume(tmp_path)
    (table,) = caught.value.__notes__
    assert [line.split()[:3] for line in table.splitlines()[1:]] == [
        ["1", "CT", "4"], ["2", "CT", "3"],
    ]  # fmt: skip
    assert table.splitlines()[1].endswith("Thorax 1.0")


def test_folders_without_a_series(tmp_path, caplog):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(FileFormatError, match=r"the folder holds no DICOM files$"):
        read_volume(tmp_path)
    write_slices(tmp_path / "inside")
    assert read_volume(tmp_path).grid == read_volume(tmp_path / "inside").grid
    assert "6 of the 6 files of the series are in folders below: inside" in caplog.text


def test_a_folder_of_structures_only(shared_data):
    with pytest.raises(FileFormatError, match=r"hold no images \(1 RTSTRUCT\)"):
        read_volume(shared_data / "sts_dicom" / "STS_002" / "CT" / "mask")


def test_one_slice_of_a_series(tmp_path):
    write_slices(tmp_path)
    with pytest.raises(FileFormatError, match=r"00\.dcm: holds a single slice; give the folder"):
        read_volume(tmp_path / "00.dcm")


@pytest.mark.parametrize(
    ("attributes", "kind", "match"),
    [
        ({"ImagePositionPatient": None}, FileFormatError, "ImagePositionPatient is missing"),
        ({"PixelSpacing": None}, FileFormatError, "PixelSpacing is missing"),
        ({"PixelSpacing": [0, 1]}, GeometryError, "pixel spacing must be positive"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, GeometryError, "singular"),
        ({"ImageOrientationPatient": [0] * 6}, GeometryError, "singular"),
        ({"SamplesPerPixel": 3}, FileFormatError, "color picture"),
        ({"Modality": "SEG"}, FileFormatError, "segmentation object"),
        ({"PixelData": b""}, FileFormatError, "cannot be decoded|no pixel data"),
        ({"PixelData": b"\x01\x02\x03\x04"}, FileFormatError, "cannot be decoded"),
        ({"NumberOfFrames": 2}, FileFormatError, "2 frames and lacks the position of each"),
    ],
)
def test_impossible_headers(attributes, kind, match, tmp_path, capfd):
    write_slices(tmp_path)
    edit_folder(tmp_path, **attributes)
    with pytest.raises(kind, match=match) as caught:
        read_volume(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: ")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_slices_that_are_not_parallel(tmp_path):
    write_slices(tmp_path)
    dataset = pydicom.dcmread(tmp_path / "00.dcm")
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.save_as(tmp_path / "00.dcm")
    with pytest.raises(
        SelectionError, match=r"2 volumes \(1: 1 axial slice of 7 x 5; 2: 5 oblique slices of"
    ):
        read_volume(tmp_path)


def test_a_truncated_slice_is_named(tmp_path):
    write_slices(tmp_path)
    content = (tmp_path / "00.dcm").read_bytes()
    (tmp_path / "00.dcm").write_bytes(content[:-20])
    with pytest.raises(
        FileFormatError, match=r"00\.dcm cannot be read: it is cut short: 20 bytes"
    ):
        read_volume(tmp_path)


def test_a_series_of_labels(tmp_path):
    pixels = write_slices(tmp_path)
    np.testing.assert_array_equal(read_labels(tmp_path).array, pixels)
