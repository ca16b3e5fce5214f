"""Standardised uptake values by body weight (SUV) from the headers of a PET series.

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

# Of the header of a slice, besides what all images have.
ATTRIBUTES = (
    "Units", "SUVType", "DecayCorrection", "PatientWeight", "ActualFrameDuration",
    "SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime",
    "RadiopharmaceuticalInformationSequence",
)  # fmt: skip
SUV, ACTIVITY = "GML", "BQML"
DAY = timedelta(days=1)
# What a patient can have been given, Bq: doses in MBq, against the standard, are below.
DOSES_BQ = (1e5, 1e11)
WEIGHTS_KG = (0.2, 700.0)


@dataclass(frozen=True)
class SuvConversion:
    """How one slice becomes SUV, and from what that is known.

    Parameters
    ----------
    factor
        SUV per unit of the file.
    units
        Of the file: ``BQML`` (Bq/ml) or ``GML`` (SUV already).
    suv_type
        ``BW``, by body weight; of a file in SUV whatever it says.
    decay_correction
        ``START`` of the scan, ``ADMIN`` (injection) or ``NONE``; empty for a file in SUV.
    weight_kg, dose_bq, half_life_s
        Of the patient, of the injection and of the nuclide; 0 for a file in SUV.
    decay_s
        Time from the injection to the moment that the values are of.
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
        """Return plain data for a record; without what did not matter."""
        return {key: value for key, value in asdict(self).items() if value}


def suv_conversions(headers: Sequence[Any]) -> list[SuvConversion]:
    """Return how each slice of a PET series becomes SUV.

    Parameters
    ----------
    headers
        `pydicom` headers of the slices, with `ATTRIBUTES`.

    Raises
    ------
    FileFormatError
        The series cannot be turned into SUV; the attribute that is missing, or whose value cannot
        be, is named with its tag.
    """
    earliest = min((t for t in map(_acquired, headers) if t is not None), default=None)
    return [_uptake(header, earliest) for header in headers]


def _uptake(header: Any, earliest: datetime | None) -> SuvConversion:
    units = str(_value(header, "Units"))
    if units == SUV:
        return SuvConversion(1.0, units, str(header.get("SUVType") or "BW"))
    if units != ACTIVITY:
        raise FileFormatError(
            f"{_named('Units')} is {units}; only BQML (Bq/ml) and GML (SUV) are known"
        )
    weight = _number(header, "PatientWeight", WEIGHTS_KG, "kg")
    drug = _value(header, "RadiopharmaceuticalInformationSequence")[0]
    dose = _number(drug, "RadionuclideTotalDose", DOSES_BQ, "Bq")
    correction = str(_value(header, "DecayCorrection"))
    if correction == "ADMIN":
        return SuvConversion(1e3 * weight / dose, units, "BW", correction, weight, dose)
    half_life = _number(drug, "RadionuclideHalfLife", (1.0, 1e8), "s")
    decay_s = _decay_s(header, drug, correction, earliest, half_life)
    left = dose * 2 ** (-decay_s / half_life)
    factor = 1e3 * weight / left
    return SuvConversion(factor, units, "BW", correction, weight, dose, half_life, decay_s)


def _decay_s(
    header: Any, drug: Any, correction: str, earliest: datetime | None, half_life: float
) -> float:
    """Return the seconds from the injection to the moment that the values of a slice are of."""
    if correction == "START":
        scan = _moment(header, "Series")
        # A series made later has a later time; the scan began when its first slice did.
        if scan is None or (earliest is not None and earliest < scan):
            scan = earliest
        if scan is None:
            raise FileFormatError(f"{_named('SeriesTime')} is missing")
        return _since(drug, scan)
    if correction != "NONE":
        raise FileFormatError(
            f"{_named('DecayCorrection')} is {correction}; only START, ADMIN and NONE are known"
        )
    scan = _acquired(header)
    if scan is None:
        raise FileFormatError(f"{_named('AcquisitionTime')} is missing")
    frame_s = float(header.get("ActualFrameDuration") or 0) / 1e3
    return _since(drug, scan) + _mean_count_s(frame_s, half_life)


def _mean_count_s(frame_s: float, half_life_s: float) -> float:
    """Return when, within a frame, the activity is what the frame shows on average."""
    decays = math.log(2) * frame_s / half_life_s
    if decays < 1e-9:
        return frame_s / 2
    return math.log(decays / -math.expm1(-decays)) * half_life_s / math.log(2)


def _since(drug: Any, scan: datetime) -> float:
    """Return the seconds from the injection to a moment within the day after it.

    Removing a patient's identity may shift the date of the injection unlike those of the scan: a
    date that puts the injection elsewhere than the day before the scan is not believed.
    """
    told = drug.get("RadiopharmaceuticalStartDateTime")
    clock = drug.get("RadiopharmaceuticalStartTime")
    if not told and not clock:
        raise FileFormatError(f"{_named('RadiopharmaceuticalStartTime')} is missing")
    if told:
        injected = _parsed("RadiopharmaceuticalStartDateTime", DT, told).replace(tzinfo=None)
        if timedelta(0) <= scan - injected < DAY:
            return float((scan - injected).total_seconds())
    at = _parsed("RadiopharmaceuticalStartTime", TM, clock) if clock else injected.time()
    elapsed = scan - datetime.combine(scan.date(), at)
    return float((elapsed % DAY).total_seconds())


def _acquired(header: Any) -> datetime | None:
    return _moment(header, "Acquisition")


def _moment(header: Any, event: str) -> datetime | None:
    """Return the date and time of an event; without a date, of any day."""
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
        raise FileFormatError(f"{_named(keyword)} is no date or time: '{value}'")
    return parsed


def _value(header: Any, keyword: str) -> Any:
    value = header.get(keyword)
    if value is None or value == "" or (isinstance(value, Sequence) and not len(value)):
        raise FileFormatError(f"{_named(keyword)} is missing")
    return value


def _number(header: Any, keyword: str, limits: tuple[float, float], unit: str) -> float:
    value = _value(header, keyword)
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"{_named(keyword)} is no number: '{value}'") from error
    low, high = limits
    if not low <= number <= high:
        raise FileFormatError(
            f"{_named(keyword)} is {number:g} {unit}, which cannot be "
            f"({low:g} to {high:g} {unit} can)"
        )
    return number


def _named(keyword: str) -> str:
    """Return an attribute's keyword and tag, as users find them in a viewer of headers."""
    tag = tag_for_keyword(keyword) or 0
    return f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X})"
