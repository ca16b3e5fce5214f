"""The decay between injection and scan: dates, clocks, time zones, and what is not believed.

The judge is the formula: SUV = weight / (dose * 2^(-dt / half-life)).
"""

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from tests.support.pet_series import DATED, HALF_LIFE_S, INJECTION, pet_series, slice_factors

from regkit import read_volume
from regkit.errors import FileFormatError
from regkit.io.dicom import read_suv_conversion
from regkit.io.dicom_values import clock_of, moment_of, zone_of

HOUR, DAY = 3600.0, 86400.0
DOSE, WEIGHT_G = 350e6, 70e3
START = "RadiopharmaceuticalStartDateTime"
CLOCK = "RadiopharmaceuticalStartTime"


def after(seconds: float, half_life_s: float = HALF_LIFE_S) -> float:
    """Return the SUV per Bq/ml, that long after the injection."""
    return WEIGHT_G / (DOSE * 0.5 ** (seconds / half_life_s))


def injected(moment: str | None = None, clock: str | None = None, half_life: float = HALF_LIFE_S):
    return INJECTION | {START: moment, CLOCK: clock, "RadionuclideHalfLife": str(half_life)}


NO_DATES = {"SeriesDate": None, "AcquisitionDate": None}
# Name: the series' attributes, the injection, and the seconds that lie between. The scan is at
# 2026-03-02 10:30:00 unless told otherwise.
BELIEVED = {
    "Zr-89 after five days": ({}, injected("20260225093000", None, 282276.0), 5 * DAY + HOUR),
    "Cu-64 after a day": ({}, injected("20260301093000", "093000", 45721.0), DAY + HOUR),
    "I-124 after ten days": ({}, injected("20260220093000.0", None, 360806.4), 10 * DAY + HOUR),
    "Y-90 in the night": ({}, injected("20260301233000", None, 230601.6), 11 * HOUR),
    "Ga-68": ({}, injected("202603020930", None, 4062.6), HOUR),
    "C-11": ({}, injected("20260302101000.500000", None, 1221.8), 1199.5),
    "O-15 after the start": ({}, injected("20260302103020", None, 122.24), -20),
    "fifty minutes early": ({}, injected("20260302112000"), -50 * 60),
    "the date without the clock": ({}, injected("20260301", "093000", 45721.0), DAY + HOUR),
    "a leap second": ({}, injected("20260302092960"), HOUR + 1),
    "the hour alone": (
        {"SeriesTime": "10", "AcquisitionTime": "1030"},
        injected("2026030209"),
        HOUR,
    ),
    "colons and dots": (
        {"SeriesDate": "2026.03.02", "SeriesTime": "10:30:00"},
        injected("20260302093000"),
        HOUR,
    ),
    "the time zone of the injection": (
        {"TimezoneOffsetFromUTC": "+0100"},
        injected("20260302083000.000000+0000", "093000"),
        HOUR,
    ),
    "a time zone west of Greenwich": (
        {"TimezoneOffsetFromUTC": "-0500"},
        injected("20260302143000-0000"),
        HOUR,
    ),
    "half an hour of time zone, over midnight": (
        {"TimezoneOffsetFromUTC": "+0530", "SeriesTime": "003000", "AcquisitionTime": "003000"},
        injected("20260301180000+0000"),
        HOUR,
    ),
    "a time zone of the series alone": (
        {"TimezoneOffsetFromUTC": "+0900"},
        injected("20260302093000"),
        HOUR,
    ),
    "the scan's time zone is that of the clock": (
        {},
        injected("20260302083000+0000", "093000"),
        HOUR,
    ),
    "the scan's time zone is that of AcquisitionDateTime": (
        {"AcquisitionDateTime": "20260302103000+0100"},
        injected("20260302083000+0000"),
        HOUR,
    ),
    "the series has no date": (
        {"SeriesDate": None},
        injected("20260301093000", None, 45721.0),
        DAY + HOUR,
    ),
    "only the study has a date": (
        NO_DATES | {"StudyDate": "20260302", "StudyTime": "103000"},
        injected("20260301093000", None, 45721.0),
        DAY + HOUR,
    ),
    "an enhanced header": (
        {
            "DecayCorrection": None,
            "DecayCorrected": "YES",
            "DecayCorrectionDateTime": "20260302100000",
        },
        injected("20260302093000"),
        HOUR / 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BELIEVED)
def test_complete_dates_are_believed(tmp_path, name):
    attributes, injection, seconds = BELIEVED[name]
    folder = pet_series(tmp_path, injection=injection, **attributes)
    half_life = float(injection["RadionuclideHalfLife"])
    np.testing.assert_allclose(slice_factors(folder), after(seconds, half_life), rtol=1e-5)
    known = read_suv_conversion(folder)
    assert known.decay_s == pytest.approx(seconds)
    assert known.factor == pytest.approx(after(seconds, half_life))


# The clock alone counts, and the user is told why.
BY_CLOCK = {
    "no date of the injection": ({}, injected(None, "093000"), HOUR, "the injection has no date"),
    "five seconds later": ({}, injected(None, "103005"), -5, "the injection has no date"),
    "the evening before": ({}, injected(None, "233000"), 11 * HOUR, "the injection has no date"),
    "a date that is none": ({}, injected("20261399093000", "093000"), HOUR, "has no date"),
    "no date of the scan": (NO_DATES, injected("20260302093000"), HOUR, "the scan has no date"),
    "the injection is years before": ({}, injected("19000101093000"), HOUR, "not believed"),
    "the injection is the day after": ({}, injected("20260303093000"), HOUR, "not believed"),
    "the injection is two hours later": (
        {}, injected("20260302123000"), 22 * HOUR, "not believed",
    ),
    "the scan is in the year 1": (
        {"SeriesDate": "00010101", "AcquisitionDate": None}, injected("20260302093000"), HOUR,
        "the scan has no date",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BY_CLOCK)
def test_without_credible_dates_the_clock_alone_counts(tmp_path, caplog, name):
    attributes, injection, seconds, words = BY_CLOCK[name]
    folder = pet_series(tmp_path, injection=injection, **attributes)
    np.testing.assert_allclose(slice_factors(folder), after(seconds), rtol=1e-5)
    assert words in caplog.text
    assert "the clock alone counts" in caplog.text
    assert any(words in remark for remark in read_suv_conversion(folder).as_data()["remarks"])


@pytest.mark.parametrize("half_life", [45721.0, 282276.0, 360806.4, 230601.6])
@pytest.mark.parametrize("moment", [None, "20260303093000", "19000101093000"])
def test_days_are_not_guessed_for_long_lived_nuclides(tmp_path, caplog, moment, half_life):
    folder = pet_series(tmp_path, injection=injected(moment, "093000", half_life))
    with pytest.raises(FileFormatError, match=r"the clock alone cannot tell how many days passed"):
        read_suv_conversion(folder)
    np.testing.assert_allclose(slice_factors(folder), 1.0, rtol=1e-6)  # stays in Bq/ml
    assert "not in SUV: " in caplog.text


def test_a_phantom_days_later_is_converted_with_a_remark(tmp_path, caplog):
    folder = pet_series(tmp_path, injection=injected("20260301073000"))
    np.testing.assert_allclose(slice_factors(folder), after(27 * HOUR), rtol=1e-5)
    assert "27 h (14.8 half-lives)" in caplog.text
    assert "by the clock alone 3 h (1.64 half-lives)" in caplog.text
    assert "is beyond belief" in caplog.text


def test_nothing_is_left_of_a_short_lived_nuclide(tmp_path):
    folder = pet_series(tmp_path, injection=injected(None, "113100", 75.6))
    with pytest.raises(
        FileFormatError, match=r"22.98 h \(1.09e\+03 half-lives\) .* nothing would"
    ):
        read_suv_conversion(folder)


def test_an_injection_during_the_scan_is_told(tmp_path, caplog):
    folder = pet_series(tmp_path, injection=injected("20260302103030", None, 75.6))
    np.testing.assert_allclose(slice_factors(folder), after(-30, 75.6), rtol=1e-6)
    assert "-30 s (-0.397 half-lives)" in caplog.text


MIDNIGHT = [("20260310", "235500"), ("20260310", "235900"), ("20260311", "000500")]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
@pytest.mark.parametrize("dates", [True, False])
@pytest.mark.parametrize("series", [("20260310", "235500"), (None, "235500"), (None, None)])
def test_a_scan_over_midnight(tmp_path, series, dates, order):
    slices = [
        {"AcquisitionDate": MIDNIGHT[i][0] if dates else None, "AcquisitionTime": MIDNIGHT[i][1]}
        for i in order
    ]
    day, clock = series
    folder = pet_series(
        tmp_path, slices, injected(None, "225500"), SeriesDate=day, SeriesTime=clock
    )
    np.testing.assert_allclose(slice_factors(folder), after(HOUR), rtol=1e-6)


def test_frames_without_correction_over_midnight(tmp_path):
    slices = [{"AcquisitionDate": None, "AcquisitionTime": clock} for _, clock in MIDNIGHT]
    folder = pet_series(
        tmp_path, slices, injected("20260310225500"), SeriesDate="20260310", SeriesTime="235500",
        DecayCorrection="NONE", ActualFrameDuration="0",
    )  # fmt: skip
    expected = [after(seconds) for seconds in (3600, 3840, 4200)]
    np.testing.assert_allclose(slice_factors(folder), expected, rtol=1e-6)


def test_frames_of_unknown_duration_are_told(tmp_path, caplog):
    folder = pet_series(tmp_path, injection=DATED, DecayCorrection="NONE")
    np.testing.assert_allclose(slice_factors(folder), after(HOUR), rtol=1e-6)
    assert "ActualFrameDuration (0018,1242) is missing or impossible" in caplog.text


@pytest.mark.parametrize("duration", ["-1", "2147483647", "0"])
def test_an_impossible_duration_is_none(tmp_path, caplog, duration):
    folder = pet_series(
        tmp_path, injection=DATED, DecayCorrection="NONE", ActualFrameDuration=duration
    )
    np.testing.assert_allclose(slice_factors(folder), after(HOUR), rtol=1e-6)
    assert "the start of each frame counts" in caplog.text


LATER = {"SeriesTime": "150000"}


def test_a_series_computed_later_counts_from_its_first_acquisition(tmp_path, caplog):
    slices = [{"AcquisitionTime": clock} for clock in ("103300", "103000", "103600")]
    folder = pet_series(tmp_path, slices, DATED, SeriesDate="20260305", SeriesTime="080000")
    np.testing.assert_allclose(slice_factors(folder), after(HOUR), rtol=1e-6)
    assert "is later than the first acquisition" in caplog.text
    assert read_suv_conversion(folder).reference_source == "AcquisitionTime"


def test_a_series_that_began_before_its_acquisition_counts_from_there(tmp_path):
    folder = pet_series(tmp_path, injection=DATED, AcquisitionTime="113000")
    np.testing.assert_allclose(slice_factors(folder), after(HOUR), rtol=1e-6)
    assert read_suv_conversion(folder).reference_source == "SeriesTime"


def test_a_series_long_before_the_injection_is_not_the_reference(tmp_path, caplog):
    folder = pet_series(tmp_path, injection=DATED, SeriesTime="074500")
    np.testing.assert_allclose(slice_factors(folder), after(HOUR), rtol=1e-6)
    assert "does not fit the injection" in caplog.text


def test_the_scan_start_of_ge_counts_where_the_series_is_later(tmp_path):
    def with_scan_start(file: Dataset) -> None:
        block = file.private_block(0x0009, "GEMS_PETD_01", create=True)
        block.add_new(0x0D, "DT", "20260302102000.00")

    folder = pet_series(tmp_path, injection=DATED, edit=with_scan_start, **LATER)
    np.testing.assert_allclose(slice_factors(folder), after(50 * 60), rtol=1e-6)


def test_a_late_frame_of_a_dynamic_scan_counts_from_the_start_of_the_scan(tmp_path):
    """Its mean activity lies FrameReferenceTime after the start, here 600 s before the frame."""
    frame_s = 300.0
    decay = np.log(2) / HALF_LIFE_S
    mean_s = np.log(decay * frame_s / (1 - np.exp(-decay * frame_s))) / decay
    folder = pet_series(
        tmp_path, injection=DATED, ActualFrameDuration="300000",
        FrameReferenceTime=f"{1e3 * (600 + mean_s):.3f}", **LATER,
    )  # fmt: skip
    np.testing.assert_allclose(slice_factors(folder), after(50 * 60), rtol=1e-6)


def test_clocks_of_the_injection_that_differ_are_told(tmp_path, caplog):
    folder = pet_series(tmp_path, injection=injected("20260302093000", "091500"))
    np.testing.assert_allclose(slice_factors(folder), after(HOUR), rtol=1e-6)
    assert "StartTime, 09:15:00, differs from" in caplog.text


def test_a_time_zone_of_the_injection_alone_is_told(tmp_path, caplog):
    folder = pet_series(tmp_path, injection=injected("20260302093000+0200"))
    np.testing.assert_allclose(slice_factors(folder), after(HOUR), rtol=1e-6)
    assert "has a time zone and the scan has none: taken to be the same" in caplog.text


@pytest.mark.parametrize("text", ["CET", "0100", "+2500"])
def test_a_time_zone_that_is_none_is_told(tmp_path, caplog, text):
    folder = pet_series(tmp_path, injection=DATED, TimezoneOffsetFromUTC=text)
    np.testing.assert_allclose(slice_factors(folder), after(HOUR), rtol=1e-6)
    assert "TimezoneOffsetFromUTC (0008,0201) is no offset" in caplog.text


def test_a_series_a_moment_after_its_acquisition_is_not_remarked_on(tmp_path, caplog):
    folder = pet_series(tmp_path, injection=DATED, SeriesTime="103001")
    np.testing.assert_allclose(slice_factors(folder), after(HOUR), rtol=1e-6)
    assert not caplog.records


def test_the_record_tells_the_decay(tmp_path):
    told = read_suv_conversion(pet_series(tmp_path, injection=DATED)).as_data()
    assert told == {
        "factor": pytest.approx(after(HOUR)), "units": "BQML", "suv_type": "BW",
        "decay_correction": "START", "weight_kg": 70.0, "dose_bq": 350e6,
        "half_life_s": HALF_LIFE_S, "decay_s": 3600.0, "injection": "2026-03-02T09:30:00",
        "reference": "2026-03-02T10:30:00", "reference_source": "SeriesTime",
    }  # fmt: skip
    at_once = injected("20260302103000")
    assert (
        read_suv_conversion(pet_series(tmp_path / "0", injection=at_once)).as_data()["decay_s"]
        == 0
    )


@given(st.datetimes(), st.integers(-14 * 60 + 1, 14 * 60 - 1))
def test_written_times_are_read_back(moment, minutes):
    offset = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}{abs(minutes) % 60:02}"
    text = moment.strftime("%m%d%H%M%S.%f")
    found = moment_of(f"{moment.year:04}{text}{offset}")
    if not 1 < moment.year < 9999:
        assert found is None
        return
    assert found is not None
    assert found.replace(tzinfo=None) == moment
    assert found.utcoffset() == zone_of(offset).utcoffset(None)
    assert clock_of(text[4:]) == moment.time()


@given(st.text(max_size=20))
def test_no_text_breaks_the_reading_of_times(text):
    for read in (clock_of, moment_of, zone_of):
        read(text)


# Cases that users of other tools reported: the median SUV of each, for 1000 Bq/ml.
REPORTED = {
    "suv_f18_1h": 0.27634, "suv_Zr89_5d": 0.55136, "suv_Y90_1d": 0.24796,
    "suv_f18_phantom_27h": 70e6 / (3.7e8 * 0.5 ** (27 * HOUR / HALF_LIFE_S)),
    "suv_inj5s_after_series": 0.18909, "suv_inj5s_after_series_clockonly": 0.18909,
    "suv_rb82_inj30s_after": 0.14370, "suv_tz": 0.27634,
    "suv_pet2bids367_before": 70e6 / (3.7e8 * 0.5 ** (16 / HALF_LIFE_S)),
    "suv_midnight_dates": 0.27634, "suv_midnight_nodates": 0.27634,
}  # fmt: skip


def test_reported_cases(shared_files):
    found = {name: float(np.median(read_volume(shared_files / name).array)) for name in REPORTED}
    assert found == pytest.approx(REPORTED, rel=1e-4)
    tomogram = read_volume(shared_files / "nm_rwv.dcm").array
    stored = pydicom.dcmread(shared_files / "nm_rwv.dcm").pixel_array
    np.testing.assert_allclose(np.sort(tomogram, axis=None), 2.5 * np.sort(stored, axis=None))
