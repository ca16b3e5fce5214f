"""Folders of DICOM files: nothing is passed over in silence, nothing that is cut short is read."""

import gzip
import shutil

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    MediaStorageDirectoryStorage,
    RLELossless,
    RTStructureSetStorage,
    generate_uid,
)

from dicom_files import dicom_dataset, save_dicom, write_slices
from regkit import read_volume
from regkit.errors import FileFormatError, SelectionError
from regkit.io.dicom_source import read_dicom_source

NAMES = [f"{place}.dcm" for place in range(6)]


@pytest.fixture
def series(tmp_path):
    folder = tmp_path / "series"
    return folder, write_slices(folder, names=NAMES)


@pytest.fixture(scope="module")
def one_slice(tmp_path_factory):
    """Write a series whose last slice a test may cut; return it and the slice's bytes."""
    folder = tmp_path_factory.mktemp("cut")
    write_slices(folder, names=NAMES)
    return folder, (folder / "5.dcm").read_bytes()


@given(st.integers(0, 600), st.booleans())
def test_a_slice_cut_anywhere_is_an_error_that_names_it(one_slice, cut, from_end):
    folder, content = one_slice
    (folder / "5.dcm").write_bytes(content[: -1 - cut] if from_end else content[:cut])
    with pytest.raises(FileFormatError, match=r": 5\.dcm cannot be read: it") as caught:
        read_volume(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
def test_compressed_pixels_that_are_cut_are_not_read(series, syntax):
    folder, pixels = series
    for file in folder.iterdir():
        dataset = pydicom.dcmread(file)
        dataset.compress(syntax, generate_instance_uid=False)
        dataset.save_as(file)
    np.testing.assert_array_equal(read_volume(folder).array, pixels)
    content = (folder / "5.dcm").read_bytes()
    for missing in (5, 20, 60):
        (folder / "5.dcm").write_bytes(content[:-missing])
        with pytest.raises(FileFormatError, match=r"5\.dcm"):
            read_volume(folder)


def test_two_cut_slices_at_the_end_do_not_shorten_the_series(series):
    folder, _ = series
    for name in ("4.dcm", "5.dcm"):
        (folder / name).write_bytes(b"")
    with pytest.raises(
        FileFormatError, match=r"4\.dcm cannot be read: it is cut short: it is empty"
    ):
        read_volume(folder)


def test_an_empty_file_of_another_kind_is_passed_over(series, caplog):
    folder, pixels = series
    (folder / "done.txt").write_bytes(b"")
    np.testing.assert_array_equal(read_volume(folder).array, pixels)
    assert "files passed over: 1 not DICOM (done.txt)" in caplog.text


def test_an_empty_file_beside_slices_without_suffix_is_a_slice(tmp_path):
    write_slices(tmp_path, names=[f"1.2.826.{place}" for place in range(6)])
    (tmp_path / "1.2.826.6").write_bytes(b"")
    with pytest.raises(FileFormatError, match=r"1\.2\.826\.6 cannot be read: it is cut short"):
        read_volume(tmp_path)


def test_a_web_page_in_place_of_a_slice(series):
    folder, _ = series
    (folder / "6.dcm").write_text("<html>not found</html>")
    with pytest.raises(FileFormatError, match=r"6\.dcm cannot be read: it is not DICOM, though"):
        read_volume(folder)


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
)
@pytest.mark.parametrize("with_meta", [True, False])
def test_files_without_preamble(series, syntax, with_meta):
    folder, pixels = series
    for file in sorted(folder.iterdir()):
        dataset = pydicom.Dataset()  # one that was read keeps its byte order
        dataset.update(dict(pydicom.dcmread(file).items()))
        if syntax == ExplicitVRBigEndian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<i2").astype(">i2").tobytes()
        if with_meta:
            dataset.file_meta = pydicom.dcmread(file).file_meta
            dataset.file_meta.TransferSyntaxUID = syntax
        implicit, little = syntax.is_implicit_VR, syntax.is_little_endian
        dataset.save_as(file, implicit_vr=implicit, little_endian=little)
        assert file.read_bytes()[128:132] != b"DICM"
    np.testing.assert_array_equal(read_volume(folder).array, pixels)


def test_gzipped_slices_are_read_and_said(series, caplog):
    folder, pixels = series
    for place in (2, 5):
        content = (folder / f"{place}.dcm").read_bytes()
        (folder / f"{place}.dcm").unlink()
        (folder / f"{place}.dcm.gz").write_bytes(gzip.compress(content))
    np.testing.assert_array_equal(read_volume(folder).array, pixels)
    assert "2 files are gzipped, and unpacked while read: 2.dcm.gz, 5.dcm.gz" in caplog.text
    (folder / "5.dcm.gz").write_bytes(gzip.compress(content)[:-20])
    with pytest.raises(FileFormatError, match=r"5\.dcm\.gz cannot be read: .*truncated"):
        read_volume(folder)


def test_files_that_are_no_slices_are_counted_and_named(series, caplog):
    folder, pixels = series
    (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0" + bytes(100))
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    structures = dicom_dataset(pixels[0], RTStructureSetStorage, "RTSTRUCT")
    del structures.Rows, structures.PixelData
    save_dicom(structures, folder / "rs.dcm")
    directory = pydicom.Dataset()
    directory.file_meta = pydicom.dataset.FileMetaDataset()
    directory.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    directory.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    directory.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    directory.FileSetID = "A"
    directory.save_as(folder / "DICOMDIR", enforce_file_format=True)
    np.testing.assert_array_equal(read_volume(folder).array, pixels)
    assert "1 not DICOM (Thumbs.db); 2 DICOM without an image (DICOMDIR, rs.dcm)" in caplog.text
    with pytest.raises(FileFormatError, match=r"DICOMDIR: is a DICOM directory \(DICOMDIR\)"):
        read_volume(folder / "DICOMDIR")


def test_a_series_spread_over_folders_is_one(series, caplog):
    folder, pixels = series
    (folder / "more").mkdir()
    for name in ("4.dcm", "5.dcm"):
        shutil.move(folder / name, folder / "more")
    shutil.copy(folder / "0.dcm", folder / "more" / "again.dcm")
    np.testing.assert_array_equal(read_volume(folder).array, pixels)
    assert "2 of the 6 files of the series are in folders below: more" in caplog.text
    assert "1 equal to another file (more/again.dcm)" in caplog.text


def test_another_series_in_a_folder_below_is_told(series, caplog):
    folder, pixels = series
    write_slices(folder / "scout", 3, SeriesInstanceUID=generate_uid(), SeriesDescription="scout")
    np.testing.assert_array_equal(read_volume(folder).array, pixels)
    assert "files passed over: 3 of other series (scout/" in caplog.text
    assert read_volume(folder, series="scout").array.shape == (3, 5, 7)


@pytest.fixture
def study(tmp_path):
    """Write a study: a flat and a nested series of PET, a CT, structures; return its folder."""
    described = [
        ("WB NAC", "PT", "", 4),
        ("WB AC", "PT", "pet/ac", 5),
        ("Thorax 3.0", "CT", "ct", 6),
    ]
    for number, (description, modality, place, count) in enumerate(described, 1):
        write_slices(
            tmp_path / place, count, names=[f"{number}_{n}.dcm" for n in range(count)],
            SeriesInstanceUID=f"1.2.3.{number}", SeriesNumber=10 * number, Modality=modality,
            SeriesDescription=description,
        )  # fmt: skip
    return tmp_path


@pytest.mark.parametrize(
    ("chosen", "slices"),
    [("1", 4), ("2", 5), ("3", 6), ("1.2.3.2", 5), ("wb ac", 5), ("AC", 5), ("NAC", 4), ("ct", 6),
     ("Thorax", 6), ("thor", 6), ("pet nac", 4), ("3.0 thorax", 6)],
)  # fmt: skip
def test_a_series_is_chosen_by_number_uid_or_words(study, chosen, slices):
    assert len(read_volume(study, series=chosen).array) == slices


@pytest.mark.parametrize(
    ("chosen", "fault", "listed"),
    [("", "holds 3 series", 3), ("WB", "2 series are called 'WB'", 2), ("pt", "2 series", 2),
     ("4", "no series is called '4'", 3), ("1.2.3", "no series is called", 3),
     ("spine", "no series is called 'spine'", 3)],
)  # fmt: skip
def test_a_choice_that_is_not_one_series_lists_them(study, chosen, fault, listed):
    # Where none is chosen, only a series directly in the folder could be meant.
    shutil.move(study / "1_0.dcm", study / "ct")
    for file in study.glob("1_*"):
        shutil.move(file, study / "ct")
    with pytest.raises(SelectionError, match=f"{fault}.*choose one with --series") as caught:
        read_volume(study, series=chosen)
    (table,) = caught.value.__notes__
    rows = table.splitlines()
    assert rows[0].split() == ["#", "modality", "images", "spacing", "mm", "description"]
    assert len(rows) == 1 + listed
    assert "0.75 x 1.5 x 2.5" in rows[1]


def test_damage_in_another_folder_of_a_study_does_not_matter(study):
    (study / "ct" / "3_0.dcm").write_bytes(b"")
    assert len(read_volume(study, series="AC").array) == 5
    with pytest.raises(FileFormatError, match=r"ct/3_0\.dcm cannot be read: it is cut short"):
        read_volume(study, series="ct")


def test_a_series_is_not_chosen_in_a_file_or_another_format(study, tmp_path):
    with pytest.raises(SelectionError, match="is one file; --series 'ct' chooses in folders"):
        read_volume(study / "ct" / "3_0.dcm", series="ct")
    (tmp_path / "a.mha").write_bytes(b"ObjectType = Image\n")
    with pytest.raises(SelectionError, match="is MetaImage; --frame can only choose within DICOM"):
        read_volume(tmp_path / "a.mha", frame=1)


def test_a_real_study_lists_and_reads_its_series(shared_data):
    study = shared_data / "sts_dicom" / "STS_002"
    with pytest.raises(SelectionError, match="holds 3 series") as caught:
        read_volume(study)
    rows = [line.split() for line in caught.value.__notes__[0].splitlines()[1:]]
    assert [row[:3] for row in rows] == [["1", "CT", "48"], ["2", "PT", "48"], ["3", "MR", "35"]]
    for chosen, folder in {"1": "CT", "pet": "PET", "MR T1": "MR_T1"}.items():
        volume, alone = read_volume(study, series=chosen), read_volume(study / folder / "image")
        assert volume.grid == alone.grid
        np.testing.assert_array_equal(volume.array, alone.array)


CASES = {"nopreamble_all": 8, "nm_no_slicevector.dcm": 10, "rtdose.dcm": 8}
REFUSED = {
    "trunc_last": r"006\.dcm cannot be read: it is cut short",
    "clip_header_last2": r"006\.dcm cannot be read: it is cut short",
    "nm_2win_novec.dcm": "holds 2 volumes .* choose one with --frame or --window",
    "nm_2win.dcm": "holds 2 volumes .* choose one with --frame or --window",
}


def test_the_small_files_with_a_right_answer(shared_files):
    for name, slices in CASES.items():
        assert len(read_volume(shared_files / name).array) == slices, name
    for name, match in REFUSED.items():
        with pytest.raises(FileFormatError, match=match):
            read_volume(shared_files / name)
    windows = [
        read_volume(shared_files / "nm_2win_novec.dcm", window=window).array for window in (1, 2)
    ]
    stored = pydicom.dcmread(shared_files / "nm_2win_novec.dcm").pixel_array
    np.testing.assert_array_equal(np.concatenate(windows), stored)
    dose = pydicom.dcmread(shared_files / "rtdose.dcm")
    np.testing.assert_allclose(
        read_volume(shared_files / "rtdose.dcm").array, dose.pixel_array * 0.001, rtol=1e-6
    )


def test_gzipped_images_are_a_source_of_dicom_output(series):
    folder, _ = series
    plain = read_dicom_source(folder)
    for file in list(folder.iterdir()):
        file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    zipped = read_dicom_source(folder)
    assert [h.SOPInstanceUID for h in zipped.headers] == [h.SOPInstanceUID for h in plain.headers]
