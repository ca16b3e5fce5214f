"""Real World Value Mappings: the scale of files without rescale attributes."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, NuclearMedicineImageStorage, generate_uid
from tests.support.pet_series import DATED, HALF_LIFE_S, PIXELS, pet_series

from regkit import read_volume
from regkit.io.dicom import read_suv_conversion

PER_BQ = 70e3 / (350e6 * 0.5 ** (3600 / HALF_LIFE_S))


def mapping(slope: float | None, intercept: float = 0.0, unit: str = "") -> Dataset:
    item = Dataset()
    if slope is None:
        item.RealWorldValueLUTData = [1.0, 2.0, 4.0]
    else:
        item.RealWorldValueSlope, item.RealWorldValueIntercept = slope, intercept
    if unit:
        code = Dataset()
        setattr(code, "CodeValue" if len(unit) <= 16 else "LongCodeValue", unit)
        code.CodingSchemeDesignator, code.CodeMeaning = "UCUM", unit
        item.MeasurementUnitsCodeSequence = [code]
    return item


def pet(folder, items: list[Dataset], **attributes):
    """Write a PET that has mappings and, unless it is given, no RescaleSlope."""
    bare = {"RescaleSlope": None, "RescaleIntercept": None}
    return pet_series(
        folder, injection=DATED, RealWorldValueMappingSequence=items, **(bare | attributes)
    )


@pytest.mark.parametrize(
    ("items", "units", "factor"),
    [
        ([mapping(2.5)], "BQML", 2.5 * PER_BQ),
        ([mapping(2.5, unit="Bq/ml")], None, 2.5 * PER_BQ),
        ([mapping(2.5e-4, unit="{SUVbw}g/ml")], None, 2.5e-4),
        ([mapping(2.5e-4, unit="g/ml{SUVbw}")], "BQML", 2.5e-4),
        ([mapping(2.5, unit="Bq/ml"), mapping(3e-4, unit="{SUVlbm}g/ml")], "BQML", 3e-4),
        ([mapping(2.5), mapping(2.5)], "BQML", 2.5 * PER_BQ),
    ],
)
def test_pet_without_a_slope(tmp_path, items, units, factor):
    folder = pet(tmp_path, items, Units=units)
    np.testing.assert_allclose(read_volume(folder).array, PIXELS * factor, rtol=1e-5)


def test_the_type_of_suv_is_that_of_the_mapping(tmp_path):
    folder = pet(tmp_path, [mapping(2.5e-4, unit="{SUVlbm}g/ml")])
    known = read_suv_conversion(folder)
    assert (known.units, known.suv_type) == ("GML", "LBM")


def test_a_slope_wins(tmp_path):
    folder = pet(tmp_path, [mapping(9.0)], RescaleSlope=0.5, RescaleIntercept=0)
    np.testing.assert_allclose(read_volume(folder).array, PIXELS * 0.5 * PER_BQ, rtol=1e-5)


@pytest.mark.parametrize(("slope", "told"), [(2.5, True), (1.0, False)])
def test_a_slope_of_one_wins_but_a_mapping_is_told(tmp_path, caplog, slope, told):
    items = [mapping(slope, unit="Bq/ml")]
    folder = pet(tmp_path, items, RescaleSlope=1, RescaleIntercept=0)
    np.testing.assert_allclose(read_volume(folder).array, PIXELS * PER_BQ, rtol=1e-5)
    assert ("not the Real World Value Mapping (slope 2.5 Bq/ml)" in caplog.text) == told


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([mapping(None)], "is a lookup table, which is not used"),
        ([mapping(2.0, unit="1"), mapping(3.0, unit="1")], "differs between ranges"),
    ],
)
def test_a_mapping_that_cannot_be_used_is_told(tmp_path, caplog, items, words):
    folder = pet(tmp_path, items, Units="CNTS")
    np.testing.assert_allclose(read_volume(folder).array, PIXELS, rtol=1e-6)
    assert words in caplog.text


def test_the_mapping_that_is_chosen_is_told(tmp_path, caplog):
    items = [mapping(2.5, unit="Bq/ml"), mapping(3e-4, unit="{SUVbw}g/ml")]
    read_volume(pet(tmp_path, items))
    assert (
        "of 2 Real World Value Mappings (Bq/ml, {SUVbw}g/ml), that in {SUVbw}g/ml" in caplog.text
    )


def multiframe(path, sop_class=NuclearMedicineImageStorage, modality="NM", **attributes):
    """Write one file with all slices."""
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.SOPClassUID, file.SOPInstanceUID = sop_class, generate_uid()
    file.SeriesInstanceUID, file.Modality = generate_uid(), modality
    file.NumberOfFrames, file.Rows, file.Columns = PIXELS.shape
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated = file.BitsStored = 16
    file.HighBit, file.PixelRepresentation = 15, 1
    for name, value in attributes.items():
        setattr(file, name, value)
    file.PixelData = PIXELS.astype("<i2").tobytes()
    file.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize(("slope", "intercept"), [(2.5, 0.0), (0.01, 3.0), (1e-3, -1.0)])
def test_a_tomogram_with_a_mapping_only(tmp_path, slope, intercept):
    detector = Dataset()
    detector.ImagePositionPatient = [0, 0, 0]
    detector.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    path = multiframe(
        tmp_path / "nm.dcm", ImageType=["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"],
        DetectorInformationSequence=[detector], PixelSpacing=[4, 4], SpacingBetweenSlices=3,
        RealWorldValueMappingSequence=[mapping(slope, intercept, "Bq/ml")],
    )  # fmt: skip
    np.testing.assert_allclose(
        read_volume(path).array, slope * PIXELS + intercept, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("identity", [True, False])
def test_an_enhanced_pet_with_a_mapping(tmp_path, shared, identity):
    """Each frame has its own slope, or all share one; an unspecified identity is no scale."""
    common, plane, measures = Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient, measures.PixelSpacing = [1, 0, 0, 0, 1, 0], [4, 4]
    common.PlaneOrientationSequence, common.PixelMeasuresSequence = [plane], [measures]
    slopes = np.full(3, 2.0) if shared else np.array([2.0, 3.0, 4.0])
    groups = []
    for place, slope in enumerate(slopes):
        group, position, rescale = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, 3 * place]
        group.PlanePositionSequence = [position]
        rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = 1, 0, "US"
        if identity:
            group.PixelValueTransformationSequence = [rescale]
        if not shared:
            group.RealWorldValueMappingSequence = [mapping(float(slope), unit="Bq/ml")]
        groups.append(group)
    if shared:
        common.RealWorldValueMappingSequence = [mapping(2.0, unit="Bq/ml")]
    drug = Dataset()
    for name, value in DATED.items():
        setattr(drug, name, value)
    path = multiframe(
        tmp_path / "pet.dcm", pydicom.uid.EnhancedPETImageStorage, "PT",
        SharedFunctionalGroupsSequence=[common], PerFrameFunctionalGroupsSequence=groups,
        RadiopharmaceuticalInformationSequence=[drug], PatientWeight="70",
        DecayCorrected="YES", DecayCorrectionDateTime="20260302103000",
    )  # fmt: skip
    expected = PIXELS * slopes[:, None, None] * PER_BQ
    np.testing.assert_allclose(read_volume(path).array, expected, rtol=1e-5)
    assert read_suv_conversion(path).reference_source == "DecayCorrectionDateTime"


@pytest.mark.parametrize("units", ["BQML", None])
@pytest.mark.parametrize(
    ("unit", "bq"),
    [("Bq/ml", 1), ("Bq/mL", 1), ("Bq/cm3", 1), ("kBq/ml", 1e3), ("kBq/mL", 1e3), ("MBq/ml", 1e6)],
)
def test_the_unit_of_the_mapping_counts_for_suv(tmp_path, unit, bq, units):
    folder = pet(tmp_path, [mapping(2.5 / bq, unit=unit)], Units=units)
    np.testing.assert_allclose(read_volume(folder).array, PIXELS * 2.5 * PER_BQ, rtol=1e-5)
    known = read_suv_conversion(folder)
    assert (known.units, known.activity_factor or 1.0) == ("BQML", bq)


@pytest.mark.parametrize("unit", ["g/ml", "g/mL", "{SUVbw}g/ml", "{SUVbw}g/mL"])
def test_a_mapping_in_suv_is_suv_whatever_units_says(tmp_path, caplog, unit):
    folder = pet(tmp_path, [mapping(2.5e-4, unit=unit)])
    np.testing.assert_allclose(read_volume(folder).array, PIXELS * 2.5e-4, rtol=1e-5)
    assert not caplog.records


@pytest.mark.parametrize("unit", ["%", "1", "mmol/min", "Bq/kg"])
def test_a_mapping_in_an_unknown_unit_is_no_suv(tmp_path, caplog, unit):
    folder = pet(tmp_path, [mapping(2.5, unit=unit)])
    np.testing.assert_allclose(read_volume(folder).array, PIXELS * 2.5, rtol=1e-5)
    (record,) = caplog.records
    assert f"not in SUV: the unit of the Real World Value Mapping is {unit};" in record.message


@pytest.mark.parametrize(
    ("unit", "norm"),
    [
        ("{SUVbsa}cm2/ml", "body surface area"),
        ("{SUVlbm}g/ml", "lean body mass"),
        ("g/ml{SUVlbm(James128)}", "lean body mass"),
        ("g/ml{SUVlbm(Janma)}", "lean body mass"),
        ("{SUVibw}g/ml", "ideal body weight"),
    ],
)
def test_suv_of_another_type_is_told(tmp_path, caplog, unit, norm):
    folder = pet(tmp_path, [mapping(2.5e-4, unit=unit)])
    np.testing.assert_allclose(read_volume(folder).array, PIXELS * 2.5e-4, rtol=1e-5)
    (record,) = caplog.records
    assert f"SUV by {norm} (" in record.message


def limited(first: float, last: float, kind: str) -> Dataset:
    item = mapping(2.5, unit="Bq/ml")
    for end, value in (("First", first), ("Last", last)):
        if kind == "float":
            setattr(item, f"DoubleFloatRealWorldValue{end}ValueMapped", value)
        else:
            item.add_new(f"RealWorldValue{end}ValueMapped", kind, value)
    return item


@pytest.mark.parametrize(
    "limits",
    [
        (0, 30000, "US"), (-32768, 32767, "SS"), (100, 20000, "US"), (-5, 20000, "SS"),
        (0, 0, "US"), (0.5, 2e4, "float"), (0.0, 3e4, "float"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("implicit", [True, False])
def test_values_outside_the_range_of_the_mapping_are_counted(tmp_path, caplog, limits, implicit):
    first, last, _ = limits
    folder = pet(tmp_path, [limited(*limits)])
    for path in folder.iterdir() if implicit else ():
        file = pydicom.dcmread(path)
        file.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
        file.save_as(path, implicit_vr=True, little_endian=True)
    np.testing.assert_allclose(read_volume(folder).array, PIXELS * 2.5 * PER_BQ, rtol=1e-5)
    outside = PIXELS.size - sum(first <= value <= last for value in PIXELS.flat)
    told = f"stored values {first:g} to {last:g}; {outside} voxels lie outside"
    assert (told in caplog.text) == (outside > 0)
    assert ("lie outside" in caplog.text) == (outside > 0)
