"""Find the time over which the injected activity of a PET decayed, and say what was assumed.

The interval runs from the injection to the time to which the values are corrected for decay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from regkit.errors import FileFormatError
from regkit.io.dicom_values import clock_of, day_of, keyword_and_tag, moment_of, zone_of
from regkit.io.scan_times import (
    DAY,
    Moment,
    ScanTimes,
    decay_correction,
    event_time,
    frame_duration_s,
    nearest_to,
    reference_times,
)

# The clocks of injector and scanner differ, and a scan may begin before the injection: intervals
# down to this are believed. Set by the project's requirements, not measured.
EARLIEST_S = -3600.0
# Intervals up to this are believed without a remark (project's requirements).
USUAL_HALF_LIVES = 10.0
# A millionth of the activity is left: too little to image, so that the dates must be wrong.
MOST_HALF_LIVES = 20.0
# Above this half-life an image some days after the injection is usual, and the clock alone cannot
# tell how many days passed (project's requirements).
CLOCK_ONLY_HALF_LIFE_S = 12 * 3600.0
# Clocks that differ by less agree; chosen by hand, below any effect on the SUV of F-18 over 1 %.
SAME_CLOCK_S = 60.0


@dataclass(frozen=True)
class DecayInterval:
    """Interval between the injection and the time that the values of a slice refer to.

    Parameters
    ----------
    seconds
        Length; negative where the injection came later.
    injection, reference
        Its ends, ISO 8601, in the scanner's time zone; without a date if the clock alone counts.
    reference_source
        Attribute that the reference time was taken from.
    remarks
        Sentences for the user about what was assumed.
    """

    seconds: float
    injection: str
    reference: str
    reference_source: str
    remarks: tuple[str, ...] = ()


def decay_interval(
    header: Any, radiopharmaceutical: Any, half_life_s: float, scan: ScanTimes
) -> DecayInterval:
    """Return the interval over which the injected activity decayed.

    Parameters
    ----------
    header
        `pydicom` header of a slice.
    radiopharmaceutical
        Item of its Radiopharmaceutical Information Sequence.
    half_life_s
        Half-life of the nuclide in seconds.
    scan
        Times of the whole series.

    Raises
    ------
    FileFormatError
        A time is missing, or a date that cannot be done without.
    """
    references = reference_times(header, half_life_s, scan)
    injection, clock, remarks = _injection(radiopharmaceutical, scan)
    if injection is None and clock is None:
        raise FileFormatError(
            f"{keyword_and_tag('RadiopharmaceuticalStartTime')} is missing or no time"
        )
    found = _by_dates(injection, references, half_life_s)
    if found is None:
        doubt = _doubt(injection, references[0])
        at = clock or (injection.at.time() if injection else time())
        found = _by_clock(at, references, half_life_s, doubt)
    remarks += (
        *_zone_remarks(header),
        *_reference_remarks(header, found, scan),
        *found.remarks,
        *_length_remarks(found, half_life_s),
    )
    return replace(found, remarks=remarks)


def _by_dates(
    injection: Moment | None, references: Sequence[Moment], half_life_s: float
) -> DecayInterval | None:
    """Return the first interval between complete dates that is believed."""
    if injection is None:
        return None
    for reference in references:
        seconds = (reference.at - injection.at).total_seconds()
        if reference.dated and EARLIEST_S <= seconds <= MOST_HALF_LIVES * half_life_s:
            return _interval(seconds, injection, reference)
    return None


def _by_clock(
    clock: time, references: Sequence[Moment], half_life_s: float, doubt: str
) -> DecayInterval:
    """Return the shortest interval by the time of day alone: from one hour before to 23 after."""
    if half_life_s > CLOCK_ONLY_HALF_LIFE_S:
        raise FileFormatError(
            f"{doubt}, and with a half-life of {half_life_s / 3600:.3g} h the clock alone cannot "
            "tell how many days passed; put the date of the injection into the header"
        )
    earliest = timedelta(seconds=EARLIEST_S)
    intervals = []
    for reference in references:
        since = reference.at - datetime.combine(reference.at.date(), clock)
        seconds = ((since - earliest) % DAY + earliest).total_seconds()
        injected = Moment(reference.at - timedelta(seconds=seconds), False, "")
        intervals.append(_interval(seconds, injected, replace(reference, dated=False)))
    found = min(intervals, key=lambda interval: interval.seconds)
    length = _length(found.seconds, half_life_s)
    if found.seconds > MOST_HALF_LIVES * half_life_s:
        raise FileFormatError(
            f"{doubt}, and by the clock alone {length} lie between the injection and "
            f"{found.reference_source}, so that nothing would be left to image; is the half-life "
            f"of {half_life_s:g} s right?"
        )
    return replace(found, remarks=(f"{doubt}: the clock alone counts, {length}",))


def _interval(seconds: float, injection: Moment, reference: Moment) -> DecayInterval:
    return DecayInterval(seconds, str(injection), str(reference), reference.source)


def _doubt(injection: Moment | None, reference: Moment) -> str:
    """Return the reason why dates do not count."""
    if injection is None:
        return (
            "the injection has no date "
            f"({keyword_and_tag('RadiopharmaceuticalStartDateTime')} is missing or incomplete)"
        )
    if not reference.dated:
        return f"the scan has no date ({keyword_and_tag('SeriesDate')} is missing)"
    return (
        f"the dates are not believed (injection {injection}, {reference.source} {reference}; "
        "de-identified?)"
    )


def _length_remarks(found: DecayInterval, half_life_s: float) -> tuple[str, ...]:
    """Return a remark on an interval that is unusually long, or negative."""
    length = _length(found.seconds, half_life_s)
    told = f"{length} from the injection {found.injection} to {found.reference_source} "
    told += found.reference
    days, rest_s = divmod(found.seconds, DAY.total_seconds())
    if abs(found.seconds) > USUAL_HALF_LIVES * half_life_s:
        clock = f" (by the clock alone {_length(rest_s, half_life_s)})" if days > 0 else ""
        return (f"{told}{clock} are used, but check these times",)
    return (f"{told}: used as it is; do the clocks agree?",) if found.seconds < 0 else ()


def _length(seconds: float, half_life_s: float) -> str:
    time_text = f"{seconds:g} s" if abs(seconds) < 3600 else f"{seconds / 3600:.4g} h"
    return f"{time_text} ({seconds / half_life_s:.3g} half-lives)"


def _zone_remarks(header: Any) -> tuple[str, ...]:
    keyword = "TimezoneOffsetFromUTC"
    text = header.get(keyword)
    if not text or zone_of(text) is not None:
        return ()
    return (f"{keyword_and_tag(keyword)} is no offset such as +0100 and is not used: '{text}'",)


def _reference_remarks(header: Any, found: DecayInterval, scan: ScanTimes) -> tuple[str, ...]:
    """Return a remark where the reference time is not the one that the standard names."""
    standard = ("SeriesTime", "DecayCorrectionDateTime")
    if decay_correction(header) == "NONE" and not frame_duration_s(header):
        missing = keyword_and_tag("ActualFrameDuration")
        return (f"{missing} is missing or impossible: the start of each frame counts",)
    if decay_correction(header) == "NONE" or found.reference_source in standard:
        return ()
    doubt = _series_doubt(event_time(header, "Series", scan), scan.acquired)
    used = f"{found.reference_source}, {found.reference}"
    return (f"{doubt}: the values are taken as decay-corrected to {used}",) if doubt else ()


def _series_doubt(series: Moment | None, acquired: Moment | None) -> str:
    """Return why the time of the series is not the reference; "" where it makes no difference."""
    name = keyword_and_tag("SeriesTime")
    if series is None or acquired is None:
        return f"{name} is missing or no time"
    later_s = (series.at - acquired.at).total_seconds()
    if later_s <= 0:
        return f"{name}, {series}, does not fit the injection"
    if later_s <= SAME_CLOCK_S:
        return ""
    return f"{name}, {series}, is later than the first acquisition"


def _injection(
    radiopharmaceutical: Any, scan: ScanTimes
) -> tuple[Moment | None, time | None, tuple[str, ...]]:
    """Return the injection's date and time, its time of day, and remarks on them."""
    name = "RadiopharmaceuticalStartDateTime"
    text = radiopharmaceutical.get(name)
    given, day = moment_of(text), day_of(text)
    clock = clock_of(radiopharmaceutical.get("RadiopharmaceuticalStartTime"))
    if given is None and (day is None or clock is None):
        return None, clock, ()
    given = given or datetime.combine(day or date.min, clock or time())
    at = given.replace(tzinfo=None)
    if given.tzinfo is not None and scan.zone is not None:
        at = given.astimezone(scan.zone).replace(tzinfo=None)
    elif given.tzinfo is not None and clock is None:
        remark = f"{name} has a time zone and the scan has none: taken to be the same"
        return Moment(at, True, name), clock, (remark,)
    elif given.tzinfo is not None and clock is not None:
        at = nearest_to(clock, at)  # the same moment on the scanner's clock
    remarks: tuple[str, ...] = ()
    if clock is not None and abs((nearest_to(clock, at) - at).total_seconds()) > SAME_CLOCK_S:
        remarks = (f"RadiopharmaceuticalStartTime, {clock}, differs from {name}, {at}",)
    return Moment(at, True, name), clock, remarks
