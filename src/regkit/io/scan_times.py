"""Find when a PET was acquired, and the time to which its values are corrected for decay.

Times are complete dates with times where the headers have them, in the time zone of the scanner
(DICOM PS3.3, C.8.9.1; where SeriesTime is not the time of the decay correction, in the order of
QIBA's vendor-neutral pseudo-code for SUV).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from regkit.errors import FileFormatError
from regkit.io.dicom_values import (
    clock_of,
    day_of,
    keyword_and_tag,
    moment_of,
    optional_number,
    private_value,
    zone_of,
)

# Attributes that tell when a PET was injected, acquired and corrected for decay.
TIME_ATTRIBUTES = (
    "DecayCorrection", "DecayCorrected", "DecayCorrectionDateTime", "TimezoneOffsetFromUTC",
    "StudyDate", "StudyTime", "SeriesDate", "SeriesTime", "AcquisitionDate", "AcquisitionTime",
    "AcquisitionDateTime", "ActualFrameDuration", "FrameReferenceTime",
    "RadiopharmaceuticalInformationSequence",
)  # fmt: skip
GE_GROUP, GE_CREATOR, GE_SCAN_START = 0x0009, "GEMS_PETD_01", 0x0D
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Moment:
    """Point in time on the scanner's clock.

    Parameters
    ----------
    at
        Date and time in the scanner's time zone.
    dated
        Whether the date is known; otherwise only differences below half a day have a meaning.
    source
        Attribute that it was taken from.
    """

    at: datetime
    dated: bool
    source: str

    def __str__(self) -> str:
        """Return the date and time, or the time alone."""
        return self.at.isoformat() if self.dated else self.at.time().isoformat()


@dataclass(frozen=True)
class ScanTimes:
    """Times that hold for a whole series.

    Parameters
    ----------
    zone
        Time zone of the scanner, if the headers tell it.
    anchor
        Time of the scan that gives the day to times without a date.
    acquired
        Start of the first acquisition.
    """

    zone: timezone | None
    anchor: Moment | None
    acquired: Moment | None


def scan_times(headers: Sequence[Any]) -> ScanTimes:
    """Return the times that hold for all slices of a series.

    Parameters
    ----------
    headers
        `pydicom` headers of the slices, with `TIME_ATTRIBUTES`.
    """
    zones = (_scanner_zone(header) for header in headers)
    zone = next((zone for zone in zones if zone is not None), None)
    known = ScanTimes(zone, None, None)
    events = [
        event_time(header, event, known)
        for event in ("Series", "Acquisition", "Study")
        for header in headers
    ]
    moments = [moment for moment in events if moment is not None]
    anchor = next((m for m in moments if m.dated), moments[0] if moments else None)
    known = replace(known, anchor=anchor)
    acquired = [event_time(header, "Acquisition", known) for header in headers]
    first = min((m for m in acquired if m is not None), key=lambda m: m.at, default=None)
    return replace(known, acquired=first)


def decay_correction(header: Any) -> str:
    """Return ``START``, ``ADMIN`` or ``NONE``: the time to which values are decay-corrected.

    An enhanced PET gives that time itself (DecayCorrectionDateTime) or tells that there is none.
    """
    given = str(header.get("DecayCorrection") or "")
    if given in ("START", "ADMIN", "NONE"):
        return given
    if given:
        raise FileFormatError(
            f"{keyword_and_tag('DecayCorrection')} is {given}; "
            "only START, ADMIN and NONE are known"
        )
    if str(header.get("DecayCorrected") or "") == "NO":
        return "NONE"
    if header.get("DecayCorrectionDateTime"):
        return "START"
    raise FileFormatError(f"{keyword_and_tag('DecayCorrection')} is missing")


def reference_times(header: Any, half_life_s: float, scan: ScanTimes) -> list[Moment]:
    """Return the times to which the values of a slice may be corrected, the likeliest first.

    Parameters
    ----------
    header
        `pydicom` header of the slice, with `TIME_ATTRIBUTES`.
    half_life_s
        Half-life of the nuclide in seconds.
    scan
        Times of the whole series.

    Raises
    ------
    FileFormatError
        The header has neither the time of the series nor one of an acquisition.
    """
    if decay_correction(header) == "NONE":
        return [_mean_activity(header, half_life_s, scan)]
    corrected = local_time(header.get("DecayCorrectionDateTime"), scan.zone)
    if corrected is not None:
        return [Moment(corrected, True, "DecayCorrectionDateTime")]
    series, acquired = event_time(header, "Series", scan), scan.acquired
    if series is not None and acquired is None:
        return [series]
    if series is not None and acquired is not None and series.at <= acquired.at:
        return [series, acquired]
    if acquired is None:
        raise FileFormatError(f"{keyword_and_tag('SeriesTime')} is missing or no time")
    starts = (_ge_scan_start(header, scan), _start_by_frame_reference(header, half_life_s, scan))
    # A start that lies after the first acquisition, or a day before it, is none.
    return [
        *(m for m in starts if m is not None and timedelta(0) <= acquired.at - m.at < DAY),
        acquired,
    ]


def _mean_activity(header: Any, half_life_s: float, scan: ScanTimes) -> Moment:
    """Return the time in a slice's own frame at which the activity equals the average."""
    acquired = event_time(header, "Acquisition", scan)
    if acquired is None:
        raise FileFormatError(f"{keyword_and_tag('AcquisitionTime')} is missing or no time")
    within = mean_activity_time_s(frame_duration_s(header), half_life_s)
    return replace(acquired, at=acquired.at + timedelta(seconds=within))


def _ge_scan_start(header: Any, scan: ScanTimes) -> Moment | None:
    at = local_time(private_value(header, GE_CREATOR, GE_GROUP, GE_SCAN_START), scan.zone)
    return None if at is None else Moment(at, True, "GE's scan start (0009,100D)")


def _start_by_frame_reference(header: Any, half_life_s: float, scan: ScanTimes) -> Moment | None:
    """Return the start of the scan, which FrameReferenceTime counts from.

    It is the offset of the frame's mean activity, in ms, from the start of the scan.
    """
    offset_s = _span_s(header, "FrameReferenceTime")
    if not offset_s or not frame_duration_s(header) or not header.get("AcquisitionTime"):
        return None
    mean = _mean_activity(header, half_life_s, scan)
    return replace(mean, at=mean.at - timedelta(seconds=offset_s), source="FrameReferenceTime")


def frame_duration_s(header: Any) -> float:
    """Return the duration of a slice's frame in seconds; 0 where it is missing or impossible."""
    return _span_s(header, "ActualFrameDuration")


def _span_s(header: Any, keyword: str) -> float:
    """Return a span of milliseconds in seconds; 0 where it is missing, negative or over a day."""
    seconds = optional_number(header.get(keyword)) / 1e3
    return seconds if 0 < seconds < DAY.total_seconds() else 0.0


def mean_activity_time_s(frame_s: float, half_life_s: float) -> float:
    """Return the time within a frame at which the activity equals the frame's average."""
    decays = math.log(2) * frame_s / half_life_s
    if decays < 1e-9:
        return frame_s / 2
    return math.log(decays / -math.expm1(-decays)) * half_life_s / math.log(2)


def _scanner_zone(header: Any) -> timezone | None:
    given = zone_of(header.get("TimezoneOffsetFromUTC"))
    if given is not None:
        return given
    acquired = moment_of(header.get("AcquisitionDateTime"))
    offset = None if acquired is None else acquired.utcoffset()
    return None if offset is None else timezone(offset)


def local_time(text: Any, zone: timezone | None) -> datetime | None:
    """Return a date with time on the scanner's clock."""
    given = moment_of(text)
    if given is None or given.tzinfo is None or zone is None:
        return None if given is None else given.replace(tzinfo=None)
    return given.astimezone(zone).replace(tzinfo=None)


def event_time(header: Any, event: str, scan: ScanTimes) -> Moment | None:
    """Return the time of an event; without a date, on the day that is nearest to the anchor.

    Parameters
    ----------
    header
        `pydicom` header of a slice.
    event
        ``Series``, ``Acquisition`` or ``Study``, as in the names of the attributes.
    scan
        Times of the whole series: time zone and anchor.
    """
    clock, day = clock_of(header.get(f"{event}Time")), day_of(header.get(f"{event}Date"))
    if clock is not None and day is not None:
        return Moment(datetime.combine(day, clock), True, f"{event}Time")
    whole = (
        local_time(header.get("AcquisitionDateTime"), scan.zone)
        if event == "Acquisition"
        else None
    )
    if whole is not None:
        return Moment(whole, True, "AcquisitionDateTime")
    if clock is None:
        return None
    if scan.anchor is None:
        return Moment(datetime.combine(date(2000, 1, 1), clock), False, f"{event}Time")
    return Moment(nearest_to(clock, scan.anchor.at), scan.anchor.dated, f"{event}Time")


def nearest_to(clock: time, anchor: datetime) -> datetime:
    """Return the date with a time of day that is nearest to an anchor."""
    on_the_day = datetime.combine(anchor.date(), clock)
    return min((on_the_day - DAY, on_the_day, on_the_day + DAY), key=lambda at: abs(at - anchor))
