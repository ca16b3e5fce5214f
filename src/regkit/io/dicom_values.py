"""Take single values from a DICOM header: numbers, dates and times, private attributes.

Dates and times are read as DICOM PS3.5, 6.2, defines DA, TM and DT, with the colons and dots of
ACR-NEMA, which old files have; what is incomplete or impossible is taken for missing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta, timezone
from typing import Any

from pydicom.datadict import tag_for_keyword

from regkit.errors import FileFormatError

_DATE = r"(\d{4})\.?(\d{2})\.?(\d{2})"
_CLOCK = r"(\d{2}):?(?:(\d{2}):?(?:(\d{2})(?:\.(\d+))?)?)?"
_ZONE = r"([+-])(\d{2}):?(\d{2})"


def keyword_and_tag(keyword: str) -> str:
    """Return an attribute's keyword and tag, as DICOM header viewers show them."""
    tag = tag_for_keyword(keyword) or 0
    return f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X})"


def required_value(header: Any, keyword: str) -> Any:
    """Return the value of an attribute, or raise a FileFormatError that names it."""
    value = header.get(keyword)
    if value is None or value == "" or (isinstance(value, Sequence) and not len(value)):
        raise FileFormatError(f"{keyword_and_tag(keyword)} is missing")
    return value


def bounded_number(
    header: Any, keyword: str, limits: tuple[float, float], unit: str, other: tuple[str, float]
) -> float:
    """Return a number within limits.

    Parameters
    ----------
    header
        Header, or item of a sequence, that has the attribute.
    keyword
        Name of the attribute.
    limits
        Smallest and largest possible value, in `unit`.
    unit
        Unit of the attribute.
    other
        Unit that is written by mistake, and its size in `unit`.

    Raises
    ------
    FileFormatError
        The attribute is missing, no number or outside the limits.
    """
    value = required_value(header, keyword)
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise FileFormatError(f"{keyword_and_tag(keyword)} is not a number: '{value}'") from error
    low, high = limits
    if low <= number <= high:
        return number
    other_unit, size = other
    hint = f"; is it in {other_unit}?" if low <= number * size <= high else ""
    raise FileFormatError(
        f"{keyword_and_tag(keyword)} is {number:g} {unit}, which is impossible "
        f"({low:g} to {high:g} {unit} is possible){hint}"
    )


def optional_number(value: Any) -> float:
    """Return a value as a number; 0 where it is missing or no finite number."""
    try:
        number = float(_text(value))
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0


def private_value(header: Any, creator: str, group: int, element: int) -> Any:
    """Return a private attribute of a vendor, or None.

    Without the vendor's reservation, which de-identification may have removed, the first block
    of the group is taken, unless another vendor reserved it.
    """
    try:
        return header.private_block(group, creator)[element].value
    except KeyError:
        reserved = (group, 0x0010) in header
        found = None if reserved else header.get((group, 0x1000 + element))
        return None if found is None else found.value


def clock_of(text: Any) -> time | None:
    """Return a time of day (TM), or None where it is missing or impossible."""
    match = re.fullmatch(_CLOCK, _text(text))
    return None if match is None else _time(match.groups())


def day_of(text: Any) -> date | None:
    """Return a date (DA), or None where it is missing or impossible."""
    match = re.fullmatch(_DATE, _text(text))
    return None if match is None else _date(match.groups())


def moment_of(text: Any) -> datetime | None:
    """Return a date with time (DT) and, where it has one, its time zone.

    None stands for what is missing, impossible, or without the hour.
    """
    match = re.fullmatch(f"{_DATE}{_CLOCK}(?:{_ZONE})?", _text(text))
    if match is None:
        return None
    parts = match.groups()
    day, clock = _date(parts[:3]), _time(parts[3:7])
    if day is None or clock is None:
        return None
    return datetime.combine(day, clock, _zone(parts[7:]))


def zone_of(text: Any) -> timezone | None:
    """Return an offset from UTC such as +0100, or None where it is missing or impossible."""
    match = re.fullmatch(_ZONE, _text(text))
    return None if match is None else _zone(match.groups())


def _text(value: Any) -> str:
    if isinstance(value, bytes):  # a private attribute of unknown type
        value = value.decode("ascii", "replace")
    return "" if value is None else str(value).strip(" \0")


def _date(parts: Sequence[str]) -> date | None:
    try:
        found = date(*map(int, parts))
    except ValueError:
        return None
    return found if date.min.year < found.year < date.max.year else None  # days can be added


def _time(parts: Sequence[str | None]) -> time | None:
    hour, minute, second, fraction = parts
    microsecond = int((fraction or "0")[:6].ljust(6, "0"))
    whole = min(int(second or 0), 59)  # DICOM allows a leap second
    try:
        return time(int(hour or 0), int(minute or 0), whole, microsecond)
    except ValueError:
        return None


def _zone(parts: Sequence[str | None]) -> timezone | None:
    sign, hours, minutes = parts
    if sign is None:
        return None
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    if offset >= timedelta(days=1):
        return None
    return timezone(-offset if sign == "-" else offset)
