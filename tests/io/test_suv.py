"""SUV from the headers of PET: made files with known answers, and a real one."""

import numpy as np
import pydicom
import pytest
from tests.support.pet_series import HALF_LIFE_S, INJECTION, pet_series, slice_factors

from regkit import read_volume
from regkit.errors import FileFormatError
from regkit.io.dicom import read_suv_conversion

AFTER_AN_HOUR = 70e3 / (350e6 * 0.5 ** (3600 / HALF_LIFE_S))


def test_activity_is_decayed_from_the_injection_to_the_start_of_the_scan(tmp_path):
    np.testing.assert_allclose(slice_factors(pet_series(tmp_path)), AFTER_AN_HOUR, rtol=1e-6)
    known = read_suv_conversion(tmp_path)
    assert known.factor == pytest.approx(AFTER_AN_HOUR)
    assert (known.weight_kg, known.dose_bq, known.decay_s) == (70, 350e6, 3600)
    assert (known.units, known.decay_correction, known.suv_type) == ("BQML", "START", "BW")


def test_later_bed_positions_share_the_start(tmp_path):
    """And a series that was computed later began when its first slice was acquired."""
    slices = [{"AcquisitionTime": clock} for clock in ("103600", "103000", "103300")]
    for when in ("103000", "150000"):
        folder = pet_series(tmp_path / when, slices, SeriesTime=when)
        np.testing.assert_allclose(slice_factors(folder), AFTER_AN_HOUR, rtol=1e-6)


def test_values_corrected_to_the_injection_do_not_decay_again(tmp_path):
    injection = {"RadionuclideTotalDose": "350e6"}  # neither clock nor half-life is needed
    folder = pet_series(tmp_path, injection=injection, DecayCorrection="ADMIN")
    np.testing.assert_allclose(slice_factors(folder), 70e3 / 350e6, rtol=1e-6)


def test_values_without_correction_decay_with_their_own_frame(tmp_path):
    """The judge integrates the decay over each frame of twenty minutes."""
    frame_s = 1200.0
    slices = [{"AcquisitionTime": clock} for clock in ("103000", "105000", "111000")]
    folder = pet_series(
        tmp_path, slices, DecayCorrection="NONE", ActualFrameDuration=str(int(frame_s * 1e3))
    )
    seconds = np.linspace(0, frame_s, 100_001)
    for found, start_s in zip(slice_factors(folder), (3600, 4800, 6000), strict=True):
        left = 350e6 * np.mean(0.5 ** ((start_s + seconds) / HALF_LIFE_S))
        assert found == pytest.approx(70e3 / left, rel=1e-5)


def test_suv_stays_as_it_is(tmp_path):
    folder = pet_series(tmp_path, Units="GML", PatientWeight=None)
    np.testing.assert_allclose(slice_factors(folder), 1.0, rtol=1e-6)
    assert read_suv_conversion(folder).as_data() == {
        "factor": 1.0,
        "units": "GML",
        "suv_type": "BW",
    }


@pytest.mark.parametrize(
    "injection",
    [
        {"RadiopharmaceuticalStartDateTime": "20260301235000"},
        {"RadiopharmaceuticalStartTime": "235000"},
        # De-identified: the day of the injection is after the scan.
        {"RadiopharmaceuticalStartDateTime": "20260303235000.00"},
        {"RadiopharmaceuticalStartDateTime": "20260301235000.00+0100"},
    ],
)
def test_a_scan_after_midnight(tmp_path, injection):
    known = {k: v for k, v in INJECTION.items() if "Start" not in k}
    folder = pet_series(
        tmp_path, injection=known | injection, SeriesTime="005000", AcquisitionTime="005000"
    )
    np.testing.assert_allclose(slice_factors(folder), AFTER_AN_HOUR, rtol=1e-6)


@pytest.mark.parametrize(
    ("attributes", "injection", "words"),
    [
        ({"PatientWeight": None}, INJECTION, r"^PatientWeight \(0010,1030\) is missing$"),
        ({"Units": None}, INJECTION, r"^Units \(0054,1001\) is missing$"),
        ({"DecayCorrection": None}, INJECTION, r"DecayCorrection \(0054,1102\) is missing"),
        ({}, {}, r"RadionuclideTotalDose \(0018,1074\) is missing"),
        ({}, {"RadionuclideTotalDose": "350e6"}, r"RadionuclideHalfLife \(0018,1075\) is missing"),
        (
            {},
            {k: v for k, v in INJECTION.items() if "Start" not in k},
            r"RadiopharmaceuticalStartTime \(0018,1072\) is missing",
        ),
        (
            {"SeriesTime": None, "AcquisitionTime": None},
            INJECTION,
            r"SeriesTime \(0008,0031\) is missing",
        ),
        (
            {"AcquisitionTime": None, "DecayCorrection": "NONE"},
            INJECTION,
            r"AcquisitionTime \(0008,0032\) is missing",
        ),
        ({"Units": "CNTS"}, INJECTION, r"Units \(0054,1001\) is CNTS; only BQML .* GML"),
        ({"DecayCorrection": "SOME"}, INJECTION, r"\(0054,1102\) is SOME; only START, ADMIN"),
        ({"PatientWeight": "0"}, INJECTION, r"PatientWeight .* is 0 kg, which is impossible"),
        (
            {},
            INJECTION | {"RadionuclideTotalDose": "350"},
            r"RadionuclideTotalDose .* is 350 Bq, which is impossible \(100000 to 1e\+11 Bq is\b",
        ),
    ],
)
def test_what_is_missing_is_named(tmp_path, caplog, attributes, injection, words):
    folder = pet_series(tmp_path, injection=injection, **attributes)
    with pytest.raises(FileFormatError, match=words):
        read_suv_conversion(folder)
    # The image can be read all the same, in the unit of the file.
    np.testing.assert_allclose(slice_factors(folder), 1.0, rtol=1e-6)
    assert "not in SUV: " in caplog.text


def test_what_is_no_pet_has_no_suv(tmp_path):
    folder = pet_series(tmp_path, Modality="CT")
    with pytest.raises(FileFormatError, match="is no DICOM PET"):
        read_suv_conversion(folder)


def test_a_real_series_in_bq_per_ml_has_the_suv_of_its_provider(shared_data, tmp_path):
    """The file is in SUV and corrected to the injection: told in Bq/ml, it must come back.

    The dates of its injection and of its scan contradict each other, as de-identification left
    them.
    """
    source = shared_data / "sts_dicom" / "STS_002" / "PET" / "image"
    expected = read_volume(source)
    weight, dose, half_life, decay_s = 99e3, 433344096.0, 6588.0, 4019.0  # 13:51:00 to 14:57:59
    for file in source.iterdir():
        header = pydicom.dcmread(file)
        header.Units, header.DecayCorrection = "BQML", "START"
        activity = dose / weight * 0.5 ** (decay_s / half_life)
        header.RescaleSlope = f"{float(header.RescaleSlope) * activity:.10g}"
        header.save_as(tmp_path / file.name)
    np.testing.assert_allclose(read_volume(tmp_path).array, expected.array, rtol=1e-5)
