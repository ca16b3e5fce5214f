"""Images derived from DICOM, judged by SimpleITK, pydicom and dciodvfy."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from dciodvfy import assert_conformant
from dicom_series import read_with_simpleitk
from dicom_sources import CLASSES, SCALES, WINDOWS, suv_factor, write_source
from regkit import read_volume
from regkit.errors import FileFormatError
from regkit.geometry.grid import Grid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.sitk_bridge import grid_from_sitk
from regkit.io.dicom_derived import Derivation, write_derived
from regkit.io.dicom_source import read_dicom_source, warn_of_other_patient

SHAPE = (6, 8, 7)
FIXED = Grid(
    (5, 6, 9), (2.1, 1.7, 3.3), (11.0, -7.0, 5.0), tuple(rotation_matrix((5, -8, 12)).ravel())
)
MOVING = Grid(SHAPE, (2.0, 2.5, 3.0), (-5.0, -7.0, 9.0))
DERIVATION = Derivation("resampled", "resampled onto the grid of another image")


def pixels(kind: str, shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(3).integers(0, 2500 if kind != "NM" else 40, shape)


@pytest.fixture
def sources(tmp_path):
    """Write a CT as the fixed image and an image of each kind as the moving one."""

    def write(kind: str, **attributes):
        fixed = write_source(tmp_path / "fixed", "CT", pixels("CT", FIXED.shape_zyx), FIXED)
        moving = write_source(tmp_path / "moving", kind, pixels(kind), MOVING, **attributes)
        return read_dicom_source(fixed), read_dicom_source(moving)

    return write


def derived(sources, tmp_path, kind: str, **attributes):
    """Write the moving image's values, as regkit reads them, on the fixed grid."""
    fixed, moving = sources(kind, **attributes)
    image = read_volume(moving.path)
    values = np.resize(image.array, FIXED.shape_zyx)
    folder = tmp_path / "derived"
    write_derived(image.with_array(values, FIXED), folder, moving, fixed, DERIVATION)
    return folder, values, [pydicom.dcmread(file) for file in sorted(folder.iterdir())]


@pytest.mark.parametrize("kind", CLASSES)
def test_simpleitk_reads_the_values_on_the_fixed_grid(kind, sources, tmp_path):
    folder, values, _ = derived(sources, tmp_path, kind)
    read = read_with_simpleitk(folder)
    points = [read.TransformIndexToPhysicalPoint(i) for i in ((0, 0, 0), (8, 5, 4))]
    expected = FIXED.to_physical([(0, 0, 0), (4, 5, 8)])
    np.testing.assert_allclose(points, expected, rtol=0, atol=1e-3)
    assert grid_from_sitk(read).matches(FIXED)
    in_file = values / suv_factor() if kind == "PT" else values
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(read), in_file, rtol=0, atol=np.ptp(in_file) / 65535
    )
    np.testing.assert_allclose(read_volume(folder).array, values, atol=np.ptp(values) / 6e4)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_file_obeys_the_standard(kind, sources, tmp_path):
    folder, _, _ = derived(sources, tmp_path, kind)
    for file in folder.iterdir():
        assert_conformant(file)


@pytest.mark.parametrize("kind", CLASSES)
def test_what_is_kept_and_what_is_new(kind, sources, tmp_path):
    _, _, headers = derived(sources, tmp_path, kind)
    before = pydicom.dcmread(min((tmp_path / "moving").iterdir()))
    fixed = pydicom.dcmread(min((tmp_path / "fixed").iterdir()))
    for header in headers:
        for kept in ("PatientName", "PatientID", "StudyInstanceUID", "StudyDate", "SeriesTime"):
            assert header[kept].value == before[kept].value
        assert (header.WindowCenter, header.WindowWidth) == WINDOWS[kind]
        assert header.FrameOfReferenceUID == fixed.FrameOfReferenceUID
        assert header.SeriesInstanceUID not in (before.SeriesInstanceUID, fixed.SeriesInstanceUID)
        assert header.SOPClassUID == before.SOPClassUID
        assert header.ImageType[0] == "DERIVED"
        assert list(header.ImageType[2:]) == list(before.ImageType[2:])
        assert header.DerivationDescription == DERIVATION.description
        assert header.DerivationCodeSequence[0].CodeValue == "113085"
        assert not [element for element in header if element.tag.is_private]
        assert header.SeriesDescription == "moving scan resampled"
    assert len({header.SOPInstanceUID for header in headers}) == len(headers)
    assert not {header.SOPInstanceUID for header in headers} & {before.SOPInstanceUID}
    related = [item.SeriesInstanceUID for item in headers[0].RelatedSeriesSequence]
    assert related == [before.SeriesInstanceUID, fixed.SeriesInstanceUID]


def test_ct_and_mr_keep_the_scale_of_their_source(sources, tmp_path):
    _, _, headers = derived(sources, tmp_path, "CT")
    assert {(float(h.RescaleSlope), float(h.RescaleIntercept)) for h in headers} == {SCALES["CT"]}


def test_values_below_one_are_not_rounded_away(sources, tmp_path):
    """A diffusion map in mm^2/s, whose scale is in its Real World Value Mapping only."""
    mapping, unit = pydicom.Dataset(), pydicom.Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "mm2/s", "UCUM", "mm2/s"
    mapping.MeasurementUnitsCodeSequence = pydicom.Sequence([unit])
    mapping.LUTLabel = mapping.LUTExplanation = "ADC"
    mapping.RealWorldValueFirstValueMapped, mapping.RealWorldValueLastValueMapped = 0, 4000
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = 1e-6, 0.0
    fixed, moving = sources("MR", RealWorldValueMappingSequence=pydicom.Sequence([mapping]))
    image = read_volume(moving.path)
    assert image.array.max() < 0.01
    write_derived(image, tmp_path / "derived", moving, fixed, DERIVATION)
    read = read_with_simpleitk(tmp_path / "derived")
    np.testing.assert_allclose(sitk.GetArrayFromImage(read), image.array, rtol=0, atol=1e-7)


@pytest.mark.parametrize(
    ("code", "units", "size"),
    [("Bq/ml", "BQML", 1.0), ("kBq/ml", "BQML", 1e3), ("{SUVbw}g/ml", "GML", 1.0)],
)
def test_a_pet_scaled_by_a_mapping_is_written_in_its_unit(sources, tmp_path, code, units, size):
    """Derived files have no mapping: their values are in what Units says."""
    fixed, moving = sources("PT")
    for file in moving.files:
        header = pydicom.dcmread(file)
        item, unit = pydicom.Dataset(), pydicom.Dataset()
        unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = code, "UCUM", code
        item.MeasurementUnitsCodeSequence = pydicom.Sequence([unit])
        item.RealWorldValueSlope = float(header.RescaleSlope) / size
        item.RealWorldValueIntercept = float(header.RescaleIntercept) / size
        header.RealWorldValueMappingSequence = pydicom.Sequence([item])
        del header.RescaleSlope, header.RescaleIntercept
        header.save_as(file)
    moving = read_dicom_source(moving.path)
    image = read_volume(moving.path)
    folder = tmp_path / "derived"
    write_derived(image, folder, moving, fixed, DERIVATION)
    assert pydicom.dcmread(folder / "0001.dcm").Units == units
    np.testing.assert_allclose(
        read_volume(folder).array, image.array, atol=np.ptp(image.array) / 6e4
    )


def test_a_pet_whose_factors_differ_by_slice_is_written_in_suv(sources, tmp_path):
    """Without decay correction every slice has the factor of its own time."""
    fixed, moving = sources("PT", DecayCorrection="NONE")
    for second, file in enumerate(moving.files):
        header = pydicom.dcmread(file)
        header.AcquisitionTime = f"10{15 + second:02d}00"
        header.save_as(file)
    moving = read_dicom_source(moving.path)
    image = read_volume(moving.path)
    folder = tmp_path / "derived"
    write_derived(image, folder, moving, fixed, DERIVATION)
    header = pydicom.dcmread(folder / "0001.dcm")
    assert (header.Units, header.SUVType) == ("GML", "BW")
    assert "WindowCenter" not in header  # it was one of Bq/ml
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(read_with_simpleitk(folder)), image.array, atol=1e-3
    )


def test_the_same_image_gives_the_same_bytes_and_another_one_other_uids(sources, tmp_path):
    fixed, moving = sources("CT")
    image = read_volume(moving.path)
    for name, values in (("a", image.array), ("b", image.array), ("c", image.array + 1)):
        written = image.with_array(values)
        write_derived(written, tmp_path / name, moving, fixed, DERIVATION)
    first = {name: (tmp_path / name / "0001.dcm") for name in "abc"}
    assert first["a"].read_bytes() == first["b"].read_bytes()
    uids = {name: pydicom.dcmread(file).SeriesInstanceUID for name, file in first.items()}
    assert uids["a"] != uids["c"]


def test_negative_pet_keeps_its_sign_and_has_no_intercept(sources, tmp_path):
    fixed, moving = sources("PT")
    image = read_volume(moving.path)
    image = image.with_array(image.array - image.array.mean())
    write_derived(image, tmp_path / "derived", moving, fixed, DERIVATION)
    header = pydicom.dcmread(tmp_path / "derived" / "0001.dcm")
    assert (header.RescaleIntercept, header.PixelRepresentation) == (0, 1)
    read = read_volume(tmp_path / "derived").array
    np.testing.assert_allclose(read, image.array, atol=np.ptp(image.array) / 32767)


def test_an_enhanced_mr_becomes_a_classic_series(tmp_path, sources):
    fixed, _ = sources("MR")
    enhanced = _enhanced_mr(tmp_path / "enhanced.dcm")
    moving = read_dicom_source(enhanced)
    image = read_volume(enhanced)
    folder = tmp_path / "derived"
    write_derived(image, folder, moving, fixed, DERIVATION)
    assert grid_from_sitk(read_with_simpleitk(folder)).matches(image.grid)
    np.testing.assert_allclose(read_volume(folder).array, image.array, atol=0.51)
    for file in folder.iterdir():
        assert_conformant(file)


def _enhanced_mr(file):
    header = pydicom.dcmread(min((file.parent / "moving").iterdir()))
    macros = {
        "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness"),
        "PlaneOrientationSequence": ("ImageOrientationPatient",),
        "FrameVOILUTSequence": ("WindowCenter", "WindowWidth"),
        "MRTimingAndRelatedParametersSequence": ("RepetitionTime", "EchoTrainLength"),
    }
    shared = pydicom.Dataset()
    for macro, names in macros.items():
        item = pydicom.Dataset()
        for name in names:
            item[name] = header[name]
            del header[name]
        setattr(shared, macro, pydicom.Sequence([item]))
    frames = []
    for index in range(SHAPE[0]):
        frame, place = pydicom.Dataset(), pydicom.Dataset()
        place.ImagePositionPatient = [-5.0, -7.0, 9.0 + 3 * index]
        frame.PlanePositionSequence = pydicom.Sequence([place])
        frames.append(frame)
    for name in ("ImagePositionPatient", "ScanningSequence", "SequenceVariant", "EchoTime"):
        delattr(header, name)
    header.SharedFunctionalGroupsSequence = pydicom.Sequence([shared])
    header.PerFrameFunctionalGroupsSequence = pydicom.Sequence(frames)
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = (
        pydicom.uid.EnhancedMRImageStorage
    )
    header.NumberOfFrames = SHAPE[0]
    header.PixelData = pixels("MR").astype("<u2").tobytes()
    header.save_as(file)
    return file


def test_an_image_that_is_not_dicom_is_refused_in_one_line(tmp_path):
    file = tmp_path / "image.nii.gz"
    file.write_bytes(b"\x1f\x8b nothing")
    for path in (file, tmp_path / "nowhere"):
        with pytest.raises(FileFormatError, match="is not DICOM, so patient, study") as caught:
            read_dicom_source(path)
        assert "\n" not in str(caught.value)


def test_a_modality_that_is_not_written_is_refused(tmp_path):
    folder = write_source(tmp_path / "us", "CT", pixels("CT"), MOVING, Modality="US")
    with pytest.raises(FileFormatError, match=r"modality US; .* CT, MR, NM, PT"):
        read_dicom_source(folder)


def test_other_patients_are_told(sources, caplog):
    fixed, moving = sources("CT", PatientID="J2")
    warn_of_other_patient(fixed, moving)
    assert "different patients (J1 and J2)" in caplog.text
