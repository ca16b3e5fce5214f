"""DICOM series, enhanced objects and nuclear-medicine tomograms, read from their headers."""

import shutil
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    NuclearMedicineImageStorage,
    PositronEmissionTomographyImageStorage,
    RLELossless,
    generate_uid,
)

from regkit import read_labels, read_volume
from regkit.errors import FileFormatError, GeometryError
from regkit.geometry.sitk_bridge import grid_from_sitk

OBLIQUE = ([0.8, 0.6, 0.0], [-0.48, 0.64, 0.6])
NORMAL = np.cross(*OBLIQUE)
SERIES = generate_uid()


def _dataset(pixels: np.ndarray, storage=CTImageStorage, modality="CT", **attributes) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = storage, generate_uid()
    dataset.SeriesInstanceUID, dataset.Modality = SERIES, modality
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 1
    dataset.PixelData = pixels.astype("<i2").tobytes()
    if pixels.ndim == 3:
        dataset.NumberOfFrames = len(pixels)
    for name, value in attributes.items():
        setattr(dataset, name, value)
    return dataset


def _save(dataset: Dataset, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def _slices(folder: Path, count=6, step=None, names=None, **attributes) -> np.ndarray:
    """Write a series in an order that is not that of space; return its pixels (z, y, x)."""
    pixels = np.random.default_rng(0).integers(-1000, 2000, (count, 5, 7))
    step = 2.5 * NORMAL if step is None else np.asarray(step)
    for place in range(count):
        dataset = _dataset(
            pixels[place],
            ImagePositionPatient=(np.array([10, -20, 30]) + place * step).round(6).tolist(),
            ImageOrientationPatient=[*OBLIQUE[0], *OBLIQUE[1]],
            PixelSpacing=[1.5, 0.75],
            **attributes,
        )
        name = names[place] if names else f"{(place * 7) % 11:02d}.dcm"
        _save(dataset, folder / name)
    return pixels


def _itk_series(folder: Path) -> sitk.Image:
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def test_an_oblique_series_is_where_its_headers_and_itk_say(tmp_path):
    pixels = _slices(tmp_path)
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
        dataset = _dataset(
            pixels[place], PositronEmissionTomographyImageStorage, "PT",
            ImagePositionPatient=[0, 0, 3 * place], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[4, 4], RescaleSlope=slope, RescaleIntercept=1,
        )  # fmt: skip
        _save(dataset, tmp_path / f"{place}")
    volume = read_volume(tmp_path)
    expected = pixels * np.array([0.5, 0.001, 2.0, 0.25])[:, None, None] + 1
    np.testing.assert_allclose(volume.array, expected, rtol=1e-6)
    assert volume.modality == "pet"
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
    pixels = _slices(tmp_path)
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
        dataset = _dataset(
            pixels.round(), ImagePositionPatient=[0, 0, 2 * z],
            ImageOrientationPatient=[1, 0, 0, *down.round(6).tolist()], PixelSpacing=[1, 1],
        )  # fmt: skip
        _save(dataset, tmp_path / f"{z}.dcm")
    volume = read_volume(tmp_path)
    index = np.indices(volume.array.shape).reshape(3, -1)
    weights = volume.array.ravel()
    centroid = volume.grid.to_physical(index @ weights / weights.sum())
    expected = [9.2, 0, 0] + 11.6 * down + [0, 0, 2 * 6.3]
    np.testing.assert_allclose(centroid, expected, atol=0.05)
    assert "sheared by 15.0 degrees" in caplog.text
    assert volume.grid.spacing == pytest.approx((1, 1, 2 * np.cos(tilt)), abs=1e-4)


def _group(position, slope=None) -> Dataset:
    group, plane = Dataset(), Dataset()
    plane.ImagePositionPatient = np.asarray(position).round(6).tolist()
    group.PlanePositionSequence = [plane]
    if slope is not None:
        values = Dataset()
        values.RescaleSlope, values.RescaleIntercept = slope, 0
        group.PixelValueTransformationSequence = [values]
    return group


def _enhanced(pixels, groups) -> Dataset:
    shared, plane, measures = Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient = [*OBLIQUE[0], *OBLIQUE[1]]
    measures.PixelSpacing = [1.5, 0.75]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [plane], [measures]
    return _dataset(
        pixels, EnhancedMRImageStorage, "MR",
        SharedFunctionalGroupsSequence=[shared], PerFrameFunctionalGroupsSequence=groups,
    )  # fmt: skip


def test_an_enhanced_object_has_a_place_and_a_scale_per_frame(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 900, (4, 5, 7))
    order = [2, 0, 3, 1]
    groups = [_group(place * 3 * NORMAL, slope=1 + place) for place in order]
    _save(_enhanced(pixels[order], groups), tmp_path / "enhanced.dcm")
    volume = read_volume(tmp_path / "enhanced.dcm")
    np.testing.assert_array_equal(volume.array, pixels * np.arange(1, 5)[:, None, None])
    np.testing.assert_allclose(volume.grid.to_physical([2, 0, 0]), 6 * NORMAL, atol=1e-5)
    assert volume.modality == "mr"


def test_time_points_in_one_object_are_refused(tmp_path):
    groups = [_group(place * 3 * NORMAL) for place in (0, 0, 1, 1, 2, 2)]
    _save(_enhanced(np.zeros((6, 5, 7)), groups), tmp_path / "enhanced.dcm")
    with pytest.raises(FileFormatError, match="holds 2 frames of every slice"):
        read_volume(tmp_path / "enhanced.dcm")


def test_a_real_enhanced_object(shared_data):
    path = shared_data / "niivue_orient" / "enh.dcm"
    volume, header = read_volume(path), pydicom.dcmread(path)
    for number, group in enumerate(header.PerFrameFunctionalGroupsSequence):
        place = np.array(group.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        z, y, x = volume.grid.to_index(place)
        assert (y, x) == pytest.approx((0, 0), abs=1e-3)
        np.testing.assert_array_equal(volume.array[round(z)], header.pixel_array[number])


def _tomogram(pixels, spacing, kind="RECON TOMO", **attributes) -> Dataset:
    detector = Dataset()
    detector.ImagePositionPatient = [10, -20, 30]
    detector.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    return _dataset(
        pixels, NuclearMedicineImageStorage, "NM", ImageType=["ORIGINAL", "PRIMARY", kind],
        PixelSpacing=[4, 4], SpacingBetweenSlices=spacing, DetectorInformationSequence=[detector],
        **attributes,
    )  # fmt: skip


@pytest.mark.parametrize("spacing", [4.5, -4.5])
def test_a_tomogram_stacks_by_the_sign_of_its_spacing(spacing, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 900, (6, 5, 7))
    _save(_tomogram(pixels, spacing), tmp_path / "spect.dcm")
    volume = read_volume(tmp_path / "spect.dcm")
    assert volume.modality == "spect"
    for frame in range(6):
        z, y, x = volume.grid.to_index([10, -20, 30 + frame * spacing])
        assert (y, x) == pytest.approx((0, 0))
        np.testing.assert_array_equal(volume.array[round(z)], pixels[frame])


def test_the_slice_vector_orders_a_tomogram_and_finds_gates(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 900, (3, 5, 7))
    _save(_tomogram(pixels, 4.5, SliceVector=[3, 1, 2]), tmp_path / "spect.dcm")
    np.testing.assert_array_equal(read_volume(tmp_path / "spect.dcm").array, pixels[[1, 2, 0]])
    gated = _tomogram(np.zeros((4, 5, 7)), 4.5, "RECON GATED TOMO", SliceVector=[1, 2, 1, 2])
    _save(gated, tmp_path / "gated.dcm")
    with pytest.raises(FileFormatError, match="RECON GATED TOMO"):
        read_volume(tmp_path / "gated.dcm")
    twice = _tomogram(np.zeros((4, 5, 7)), 4.5, SliceVector=[1, 2, 1, 2])
    _save(twice, tmp_path / "twice.dcm")
    with pytest.raises(FileFormatError, match="holds 2 frames of every slice"):
        read_volume(tmp_path / "twice.dcm")


def test_projections_are_no_volume(tmp_path):
    _save(_tomogram(np.zeros((4, 5, 7)), 4.5, "TOMO"), tmp_path / "raw.dcm")
    with pytest.raises(FileFormatError, match=r"raw\.dcm: .*\(TOMO\), not a reconstructed"):
        read_volume(tmp_path / "raw.dcm")


def test_a_missing_slice_is_named(tmp_path):
    _slices(tmp_path, names=[f"{place}.dcm" for place in range(6)])
    (tmp_path / "3.dcm").unlink()
    with pytest.raises(FileFormatError, match=r"2\.5 mm mostly, 5 mm between 2\.dcm and 4\.dcm"):
        read_volume(tmp_path)


def test_a_slice_that_is_there_twice_is_named(tmp_path):
    _slices(tmp_path, names=[f"{place}.dcm" for place in range(6)])
    shutil.copy(tmp_path / "3.dcm", tmp_path / "copy.dcm")
    with pytest.raises(FileFormatError, match=r"same position: 3\.dcm and copy\.dcm; remove one"):
        read_volume(tmp_path)


def test_positions_rounded_to_a_tenth_are_even(tmp_path):
    for place in range(9):
        dataset = _dataset(
            np.zeros((5, 7)), ImagePositionPatient=[0, 0, round(place * 0.625, 1)],
            ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[1, 1],
        )  # fmt: skip
        _save(dataset, tmp_path / f"{place}.dcm")
    assert read_volume(tmp_path).grid.spacing[2] == pytest.approx(0.625)


def test_several_series_are_listed(tmp_path):
    _slices(tmp_path, 4, names=[f"a{n}" for n in range(4)], SeriesDescription="Thorax 1.0")
    _slices(tmp_path, 3, names=[f"b{n}" for n in range(3)], SeriesInstanceUID=generate_uid())
    with pytest.raises(
        FileFormatError,
        match=r"2 series: 'Thorax 1\.0' \(CT, 4 slices\); .* \(CT, 3 slices\)\. Give each",
    ):
        read_volume(tmp_path)


def test_folders_without_a_series(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(FileFormatError, match=r"the folder holds no DICOM files$"):
        read_volume(tmp_path)
    _slices(tmp_path / "inside")
    with pytest.raises(FileFormatError, match="no DICOM files; give one of its folders: inside"):
        read_volume(tmp_path)


def test_a_folder_of_structures_only(shared_data):
    with pytest.raises(FileFormatError, match=r"hold no images \(1 RTSTRUCT\)"):
        read_volume(shared_data / "sts_dicom" / "STS_002" / "CT" / "mask")


def test_one_slice_of_a_series(tmp_path):
    _slices(tmp_path)
    with pytest.raises(FileFormatError, match=r"00\.dcm: holds a single slice; give the folder"):
        read_volume(tmp_path / "00.dcm")


def _edit(folder: Path, **attributes) -> None:
    for file in folder.iterdir():
        dataset = pydicom.dcmread(file)
        for name, value in attributes.items():
            setattr(dataset, name, value)
        dataset.save_as(file)


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
    _slices(tmp_path)
    _edit(tmp_path, **attributes)
    with pytest.raises(kind, match=match) as caught:
        read_volume(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}: ")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_slices_that_are_not_parallel(tmp_path):
    _slices(tmp_path)
    dataset = pydicom.dcmread(tmp_path / "00.dcm")
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.save_as(tmp_path / "00.dcm")
    with pytest.raises(GeometryError, match="the slices differ in direction"):
        read_volume(tmp_path)


def test_a_truncated_slice_is_named(tmp_path):
    _slices(tmp_path)
    content = (tmp_path / "00.dcm").read_bytes()
    (tmp_path / "00.dcm").write_bytes(content[:-20])
    with pytest.raises(FileFormatError, match=r"the pixels of 00\.dcm cannot be decoded"):
        read_volume(tmp_path)


def test_a_series_of_labels(tmp_path):
    pixels = _slices(tmp_path)
    np.testing.assert_array_equal(read_labels(tmp_path).array, pixels)
