"""Compute standardized uptake values by body weight (SUV) from the headers of a PET series.

SUV is activity per ml times body weight per injected activity, where the injected activity has
decayed to the moment to which the image was corrected (DICOM PS3.3, C.8.9.1 PET Series).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from pydicom.datadict import tag_for_keyword
from pydicom.valuerep import DA, DT, TM

from regkit.errors import FileFormatError

# Attributes needed of a slice's header, besides those of all images.
SUV_ATTRIBUTES = (
    "Units", "SUVType", "DecayCorrection", "PatientWeight", "ActualFrameDuration",
    "SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime",
    "RadiopharmaceuticalInformationSequence",
)  # fmt: skip
SUV, ACTIVITY = "GML", "BQML"
DAY = timedelta(days=1)
# Plausible injected activities, Bq; some headers give MBq against the standard and are below.
# Both ranges are chosen by hand, wide enough for every patient.
DOSE_LIMITS_BQ = (1e5, 1e11)
WEIGHT_LIMITS_KG = (0.2, 700.0)


@dataclass(frozen=True)
class SuvConversion:
    """Conversion of one slice to SUV, and the header values that it rests on.

    Parameters
    ----------
    factor
        SUV per unit of the file.
    units
        Units of the file: ``BQML`` (Bq/ml) or ``GML`` (SUV already).
    suv_type
        ``BW``, by body weight; for a file in SUV, the header's SUVType.
    decay_correction
        ``START`` of the scan, ``ADMIN`` (injection) or ``NONE``; empty for a file in SUV.
    weight_kg, dose_bq, half_life_s
        Weight of the patient, injected activity, half-life of the nuclide; 0 for a file in SUV.
    decay_s
        Time from the injection to the time to which the values are decay-corrected.
    """

    factor: float
    units: str
    suv_type: str = "BW"
    decay_correction: str = ""
    weight_kg: float = 0.0
    dose_bq: float = 0.0
    half_life_s: float = 0.0
    decay_s: float = 0.0

    def as_data(self) -> dict[str, Any]:
        """Return plain data for a record, without zeros and empty texts."""
        return {key: value for key, value in asdict(self).items() if value}


def suv_conversions(headers: Sequence[Any]) -> list[SuvConversion]:
    """Return the conversion to SUV of each slice of a PET series.

    Parameters
    ----------
    headers
        `pydicom` headers of the slices, with `SUV_ATTRIBUTES`.

    Raises
    ------
    FileFormatError
        The series cannot be converted to SUV; the message names the missing or impossible
        attribute with its tag.
    """
    earliest = min((t for t in map(_acquisition_time, headers) if t is not None), default=None)
    return [_conversion(header, earliest) for header in headers]


def _conversion(header: Any, earliest: datetime | None) -> SuvConversion:
    units = str(_value(header, "Units"))
    if units == SUV:
        return SuvConversion(1.0, units, str(header.get("SUVType") or "BW"))
    if units != ACTIVITY:
        raise FileFormatError(
            f"{_keyword_and_tag('Units')} is {units}; only BQML (Bq/ml) and GML (SUV) are known"
        )
    weight = _number(header, "PatientWeight", WEIGHT_LIMITS_KG, "kg")
    radiopharmaceutical = _value(header, "RadiopharmaceuticalInformationSequence")[0]
    dose = _number(radiopharmaceutical, "RadionuclideTotalDose", DOSE_LIMITS_BQ, "Bq")
    correction = str(_value(header, "DecayCorrection"))
    if correction == "ADMIN":
        return SuvConversion(1e3 * weight / dose, units, "BW", correction, weight, dose)
    half_life = _number(radiopharmaceutical, "RadionuclideHalfLife", (1.0, 1e8), "s")
    decay_s = _decay_s(header, radiopharmaceutical, correction, earliest, half_life)
    remaining_bq = dose * 2 ** (-decay_s / half_life)
    factor = 1e3 * weight / remaining_bq
    return SuvConversion(factor, units, "BW", correction, weight, dose, half_life, decay_s)


def _decay_s(
    header: Any,
    radiopharmaceutical: Any,
    correction: str,
    earliest: datetime | None,
    half_life: float,
) -> float:
    """Return the seconds from the injection to the time that a slice's values refer to."""
    if correction == "START":
        scan = _event_time(header, "Series")
        # A series derived later has a later time; the scan began with its first slice.
        if scan is None or (earliest is not None and earliest < scan):
            scan = earliest
        if scan is None:
            raise FileFormatError(f"{_keyword_and_tag('SeriesTime')} is missing")
        return _seconds_since_injection(radiopharmaceutical, scan)
    if correction != "NONE":
        raise FileFormatError(
            f"{_keyword_and_tag('DecayCorrection')} is {correction}; "
            "only START, ADMIN and NONE are known"
        )
    scan = _acquisition_time(header)
    if scan is None:
        raise FileFormatError(f"{_keyword_and_tag('AcquisitionTime')} is missing")
    frame_s = float(header.get("ActualFrameDuration") or 0) / 1e3
    return _seconds_since_injection(radiopharmaceutical, scan) + _mean_activity_time_s(
        frame_s, half_life
    )


def _mean_activity_time_s(frame_s: float, half_life_s: float) -> float:
    """Return the time within a frame at which the activity equals the frame's average."""
    decays = math.log(2) * frame_s / half_life_s
    if decays < 1e-9:
        return frame_s / 2
    return math.log(decays / -math.expm1(-decays)) * half_life_s / math.log(2)


def _seconds_since_injection(radiopharmaceutical: Any, scan: datetime) -> float:
    """Return the seconds from the injection to a time within the day after it.

    De-identification may shift the date of the injection but not those of the scan: a date that
    puts the injection outside the 24 hours before the scan is ignored.
    """
    start = radiopharmaceutical.get("RadiopharmaceuticalStartDateTime")
    clock = radiopharmaceutical.get("RadiopharmaceuticalStartTime")
    if not start and not clock:
        raise FileFormatError(f"{_keyword_and_tag('RadiopharmaceuticalStartTime')} is missing")
    if start:
        injected = _parsed("RadiopharmaceuticalStartDateTime", DT, start).replace(tzinfo=None)
        if timedelta(0) <= scan - injected < DAY:
            return float((scan - injected).total_seconds())
    at = _parsed("RadiopharmaceuticalStartTime", TM, clock) if clock else injected.time()
    elapsed = scan - datetime.combine(scan.date(), at)
    return float((elapsed % DAY).total_seconds())


def _acquisition_time(header: Any) -> datetime | None:
    return _event_time(header, "Acquisition")


def _event_time(header: Any, event: str) -> datetime | None:
    """Return the date and time of an event; without a date, on an arbitrary day."""
    clock, day = header.get(f"{event}Time"), header.get(f"{event}Date")
    if not clock:
        return None
    at: time = _parsed(f"{event}Time", TM, clock)
    on: date = _parsed(f"{event}Date", DA, day) if day else date(2000, 1, 1)
    return datetime.combine(on, at)


def _parsed(keyword: str, kind: Any, value: Any) -> Any:
    try:
        parsed = kind(value)
    except (TypeError, ValueError):
        parsed = None
    if parsed is None:
        raise FileFormatError(f"{_keyword_and_tag(keyword)} is not a date or time: '{value}'")
    return parsed


def _value(header: Any, keyword: str) -> Any:
    value = header.get(keyword)
    if value is None or value == "" or (isinstance(value, Sequence) and not len(value)):
        raise FileFormatError(f"{_keyword_and_tag(keyword)} is missing")
    return value


def _number(header: Any, keyword: str, limits: tuple[float, float], unit: str) -> float:
    value = _value(header, keyword)
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"{_keyword_and_tag(keyword)} is not a number: '{value}'") from error
    low, high = limits
    if not low <= number <= high:
        raise FileFormatError(
            f"{_keyword_and_tag(keyword)} is {number:g} {unit}, which is impossible "
            f"({low:g} to {high:g} {unit} is possible)"
        )
    return number


def _keyword_and_tag(keyword: str) -> str:
    """Return an attribute's keyword and tag, as DICOM header viewers show them."""
    tag = tag_for_keyword(keyword) or 0
    return f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X})"
