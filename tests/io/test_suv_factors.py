"""Units, vendors' factors and half-lives of PET, and an SUV beyond belief."""

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from tests.support.pet_series import DATED, HALF_LIFE_S, PIXELS, pet_series, slice_factors

from regkit import read_volume
from regkit.errors import FileFormatError
from regkit.io.dicom import read_suv_conversion
from regkit.io.nuclides import HALF_LIVES_S, named_nuclide

PER_BQ = 70e3 / (350e6 * 0.5 ** (3600 / HALF_LIFE_S))


def philips(suv: str | None, activity: str | None, block: int = 0, reserved: bool = True):
    """Return an edit that adds Philips' private factors."""

    def edit(file: Dataset) -> None:
        if reserved:
            file.add_new((0x7053, 0x0010 + block), "LO", "Philips PET Private Group")
        for element, value in ((0x00, suv), (0x09, activity)):
            if value is not None:
                tag = (0x7053, 0x1000 + 0x100 * block + element)
                file.add_new(tag, "DS" if reserved else "UN", value)

    return edit


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        (("0.0125", None), 0.0125),
        (("0.0125", "3.5"), 0.0125),
        (("0", "3.5"), 3.5 * PER_BQ),
        ((None, "3.5"), 3.5 * PER_BQ),
        (("", "3.5"), 3.5 * PER_BQ),
    ],
)
def test_counts_of_philips_are_converted(tmp_path, factors, expected):
    folder = pet_series(tmp_path, injection=DATED, Units="CNTS", edit=philips(*factors))
    np.testing.assert_allclose(slice_factors(folder), expected, rtol=1e-6)
    known = read_suv_conversion(folder)
    assert (known.factor, known.units) == (pytest.approx(expected), "CNTS")


def test_factors_of_philips_that_lost_their_reservation(tmp_path):
    folder = pet_series(tmp_path, Units="CNTS", edit=philips(b"0.0125", None, reserved=False))
    np.testing.assert_allclose(slice_factors(folder), 0.0125, rtol=1e-6)


def test_suv_by_philips_needs_no_weight_but_activity_does(tmp_path):
    edit = philips("0.0125", "3.5")
    folder = pet_series(tmp_path / "suv", Units="CNTS", PatientWeight=None, edit=edit)
    np.testing.assert_allclose(slice_factors(folder), 0.0125, rtol=1e-6)
    folder = pet_series(
        tmp_path / "bq", Units="CNTS", PatientWeight=None, edit=philips("0", "3.5")
    )
    with pytest.raises(FileFormatError, match=r"PatientWeight .* is missing"):
        read_suv_conversion(folder)


@pytest.mark.parametrize("factors", [(None, None), ("0", "0"), ("", "")])
def test_counts_without_a_factor_stay_counts(tmp_path, caplog, factors):
    folder = pet_series(tmp_path, Units="CNTS", edit=philips(*factors))
    np.testing.assert_allclose(slice_factors(folder), 1.0, rtol=1e-6)
    assert "Units (0054,1001) is CNTS" in caplog.text


def test_the_factor_of_philips_stands_in_for_a_missing_weight(tmp_path, caplog):
    folder = pet_series(tmp_path, PatientWeight=None, edit=philips("0.0125", None))
    np.testing.assert_allclose(slice_factors(folder), 0.0125, rtol=1e-6)
    assert "PatientWeight (0010,1030) is missing; Philips' SUV factor" in caplog.text


@pytest.mark.parametrize("factor", [b"inf", b"nan", b"-1", b"none"])
def test_an_impossible_factor_of_philips_is_not_used(tmp_path, factor):
    folder = pet_series(tmp_path, Units="CNTS", edit=philips(factor, None, reserved=False))
    with pytest.raises(FileFormatError, match=r"Units \(0054,1001\) is CNTS"):
        read_suv_conversion(folder)


def test_activity_needs_no_factor_of_philips(tmp_path):
    folder = pet_series(tmp_path, injection=DATED, edit=philips("0.0125", "3.5"))
    np.testing.assert_allclose(slice_factors(folder), PER_BQ, rtol=1e-6)


@pytest.mark.parametrize("kind", ["BW", "LBM", "BSA"])
def test_suv_keeps_its_type(tmp_path, kind):
    folder = pet_series(tmp_path, Units="GML", SUVType=kind)
    np.testing.assert_allclose(slice_factors(folder), 1.0, rtol=1e-6)
    assert read_suv_conversion(folder).suv_type == kind


def named(code: Dataset | None = None, text: str = "") -> dict:
    known = {"RadionuclideCodeSequence": None if code is None else [code]}
    return DATED | known | {"Radiopharmaceutical": text, "RadionuclideHalfLife": None}


def coded(value: str, scheme: str, meaning: str) -> Dataset:
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = value, scheme, meaning
    return code


F18 = codes.cid4020._18Fluorine  # noqa: SLF001 - a code, whose name begins with a digit


@pytest.mark.parametrize(
    "injection",
    [
        named(coded(F18.value, F18.scheme_designator, F18.meaning)),
        named(coded(F18.value, F18.scheme_designator, "")),
        named(coded("C-111A1", "SRT", "^18^Fluorine")),
        named(coded("C-111A1", "SRT", "")),
        named(text="FDG -- fluorodeoxyglucose F^18^"),
        named(text="18F-PSMA"),
        named(text="[18F]FDG"),
        named(text="Fluorine-18") | {"RadionuclideHalfLife": "0"},
    ],
)
def test_a_missing_half_life_is_that_of_the_nuclide(tmp_path, caplog, injection):
    folder = pet_series(tmp_path, injection=injection)
    np.testing.assert_allclose(slice_factors(folder), PER_BQ, rtol=1e-6)
    assert "RadionuclideHalfLife (0018,1075) is missing: that of F-18" in caplog.text


@pytest.mark.parametrize(
    ("text", "nuclide"),
    [
        ("Ga68-DOTATATE", "Ga-68"), ("68Ga PSMA-11", "Ga-68"), ("^124^Iodine", "I-124"),
        ("Rubidium 82", "Rb-82"), ("Oxygen-15", "O-15"), ("O-15 water", "O-15"),
        ("Zr-89 trastuzumab", "Zr-89"), ("11C-methionine", "C-11"), ("^94m^Technetium", "Tc-94m"),
        ("Cu 64", "Cu-64"), ("FDG", ""), ("", ""), ("PSMA-1118", ""), ("CD8-C110", ""),
    ],
)  # fmt: skip
def test_nuclides_are_known_by_their_names(text, nuclide):
    drug = Dataset()
    drug.Radiopharmaceutical = text
    assert named_nuclide(drug) == nuclide


def test_half_lives_that_scanners_write():
    """Those of the cases that users of other tools reported."""
    for nuclide, seconds in (("Zr-89", 282276), ("Y-90", 230601.6), ("Rb-82", 75.6)):
        assert HALF_LIVES_S[nuclide] == pytest.approx(seconds, rel=2e-3)


@pytest.mark.parametrize("half_life", ["0", "", "-5", None])
def test_an_unknown_half_life_is_named(tmp_path, half_life):
    folder = pet_series(tmp_path, injection=DATED | {"RadionuclideHalfLife": half_life})
    with pytest.raises(FileFormatError, match=r"RadionuclideHalfLife \(0018,1075\) is"):
        read_suv_conversion(folder)


def test_a_half_life_of_another_nuclide_is_told(tmp_path, caplog):
    folder = pet_series(
        tmp_path, injection=named(text="Ga-68") | {"RadionuclideHalfLife": "6586.2"}
    )
    np.testing.assert_allclose(slice_factors(folder), PER_BQ, rtol=1e-6)
    assert "the header names Ga-68 with 4062.6 s" in caplog.text


def test_a_half_life_in_minutes_is_doubted(tmp_path):
    folder = pet_series(tmp_path, injection=DATED | {"RadionuclideHalfLife": "109.77"})
    with pytest.raises(FileFormatError, match=r"is the half-life of 109\.77 s right\?"):
        read_suv_conversion(folder)


@pytest.mark.parametrize(
    ("attributes", "injection", "words"),
    [
        ({}, {"RadionuclideTotalDose": "350"}, r"350 Bq, which is impossible .* is it in MBq\?"),
        ({"PatientWeight": "70000"}, {}, r"70000 kg, which is impossible .* is it in g\?"),
        ({"PatientWeight": ""}, {}, r"PatientWeight \(0010,1030\) is missing"),
        ({}, {"RadionuclideTotalDose": "-350e6"}, r"-3.5e\+08 Bq, which is impossible"),
    ],
)
def test_impossible_numbers_are_named(tmp_path, attributes, injection, words):
    folder = pet_series(tmp_path, injection=DATED | injection, **attributes)
    with pytest.raises(FileFormatError, match=words):
        read_suv_conversion(folder)


@pytest.mark.parametrize(
    ("attributes", "injection", "words"),
    [
        ({}, {"RadionuclideTotalDose": "350e3"}, "(median) is beyond belief"),  # kBq
        ({"RescaleSlope": 1e-4}, {}, "(maximum) is beyond belief"),
        ({"PixelSpacing": [800, 800]}, {}, "times the injected activity"),
    ],
)
def test_an_suv_beyond_belief_is_told(tmp_path, caplog, attributes, injection, words):
    read_volume(pet_series(tmp_path, injection=DATED | injection, **attributes))
    assert words in caplog.text


def test_a_usual_suv_is_not_remarked_on(tmp_path, caplog):
    folder = pet_series(tmp_path, injection=DATED)
    np.testing.assert_allclose(read_volume(folder).array, PIXELS * 0.5 * PER_BQ, rtol=1e-5)
    assert not caplog.records


def test_the_first_of_two_radiopharmaceuticals_is_used(tmp_path, caplog):
    def twice(file: Dataset) -> None:
        file.RadiopharmaceuticalInformationSequence.append(Dataset())

    folder = pet_series(tmp_path, injection=DATED, slices=({},) * 2, edit=twice)
    read_volume(folder)
    assert "radiopharmaceuticals, the first is used" in caplog.text


@pytest.mark.parametrize("block", [1, 2, 15])
@pytest.mark.parametrize(
    ("factors", "expected"), [(("0.0125", None), 0.0125), ((None, "3.5"), 3.5 * PER_BQ)]
)
def test_factors_of_philips_in_another_private_block(tmp_path, block, factors, expected):
    def edit(file: Dataset) -> None:
        file.add_new((0x7053, 0x0010), "LO", "Another vendor")
        for element in (0x00, 0x09):
            file.add_new((0x7053, 0x1000 + element), "DS", "9")
        philips(*factors, block=block)(file)

    folder = pet_series(tmp_path, injection=DATED, Units="CNTS", edit=edit)
    np.testing.assert_allclose(slice_factors(folder), expected, rtol=1e-6)


def test_a_block_of_another_vendor_is_not_that_of_philips(tmp_path):
    def edit(file: Dataset) -> None:
        file.add_new((0x7053, 0x0010), "LO", "Another vendor")
        file.add_new((0x7053, 0x1000), "DS", "9")

    folder = pet_series(tmp_path, Units="CNTS", edit=edit)
    with pytest.raises(FileFormatError, match=r"Units \(0054,1001\) is CNTS"):
        read_suv_conversion(folder)


@pytest.mark.parametrize("block", [0x10, 0x11, 0x1F])
def test_the_scan_start_of_ge_in_any_private_block(tmp_path, block):
    """The series was computed two hours after the scan; GE's element tells when that began."""

    def edit(file: Dataset) -> None:
        file.add_new((0x0009, block), "LO", "GEMS_PETD_01")
        file.add_new((0x0009, block << 8 | 0x0D), "DT", "20260302103000.00")

    folder = pet_series(
        tmp_path, injection=DATED, edit=edit, SeriesTime="123000", AcquisitionTime="104000"
    )
    np.testing.assert_allclose(slice_factors(folder), PER_BQ, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "minutes", "seconds"),
    [("F-18", "109.77", 6586.2), ("F-18", "110", 6586.2), ("Ga-68", "67.71", 4062.6)],
)
def test_a_half_life_in_minutes_of_a_named_nuclide(tmp_path, caplog, name, minutes, seconds):
    injection = named(text=name) | {"RadionuclideHalfLife": minutes}
    folder = pet_series(tmp_path, injection=injection)
    expected = 70e3 / (350e6 * 0.5 ** (3600 / seconds))
    np.testing.assert_allclose(slice_factors(folder), expected, rtol=1e-6)
    (record,) = caplog.records
    assert f"{float(minutes):g}, which looks like minutes: that of {name}" in record.message


@pytest.mark.parametrize(
    ("units", "kind", "norm"),
    [
        ("GML", "LBM", "lean body mass"), ("GML", "LBMJAMES128", "lean body mass"),
        ("GML", "LBMJANMA", "lean body mass"), ("GML", "IBW", "ideal body weight"),
        ("GML", "BSA", "body surface area"), ("CM2ML", "BSA", "body surface area"),
        ("CM2ML", None, "body surface area"), ("GML", "BW", ""), ("GML", None, ""),
    ],
)  # fmt: skip
def test_suv_that_is_not_by_body_weight_is_told(tmp_path, caplog, units, kind, norm):
    folder = pet_series(tmp_path, Units=units, SUVType=kind)
    np.testing.assert_allclose(slice_factors(folder), 1.0, rtol=1e-6)
    assert (f"SUV by {norm} (" in caplog.text) == bool(norm)
