"""Find the scale of stored pixel values: the rescale attributes, else a real-world value mapping.

DICOM PS3.3: C.11.1 (Modality LUT), C.7.6.16.2.11 (Real World Value Mapping).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAPPING = "RealWorldValueMappingSequence"
RESCALE = ("RescaleSlope", "RescaleIntercept", "RescaleType")
# Units of UCUM, as mappings give them, in the words of the attribute Units of PET; those of
# activity besides.
_PET_UNITS = {"g/ml": "GML", "g/mL": "GML", "{counts}": "CNTS"}
_ACTIVITY = re.compile(r"([kMG]?)Bq/(?:ml|mL|cm3)")
_PREFIXES = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}
# Attributes of the first and last stored value of a mapping: of floats, of integers.
_RANGES = tuple(
    tuple(f"{kind}RealWorldValue{end}ValueMapped" for end in ("First", "Last"))
    for kind in ("DoubleFloat", "")
)


@dataclass(frozen=True)
class ValueScale:
    """Scale of the stored values of a frame: value = slope * stored + intercept.

    Parameters
    ----------
    slope, intercept
        Factor and offset.
    unit
        Unit of the values in UCUM, where a real-world value mapping is used and gives it.
    remark
        Sentence for the user where a choice was made or a mapping cannot be used; else empty.
    mapped
        First and last stored value that the mapping holds for, where it says so.
    """

    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""
    remark: str = ""
    mapped: tuple[float, float] | None = field(default=None, compare=False)


def value_scale(attributes: Any) -> ValueScale:
    """Return the scale of stored values.

    Parameters
    ----------
    attributes
        Attributes of a frame by keyword, those of `RESCALE` and `MAPPING` among them. Rescale
        attributes win; an identity of unspecified type (US) does not count as one.
    """
    slope, intercept = attributes.get("RescaleSlope"), attributes.get("RescaleIntercept")
    given = slope is not None and slope != ""
    rescaled = ValueScale(float(slope) if given else 1.0, float(intercept or 0))
    unspecified = str(attributes.get("RescaleType") or "") == "US"
    mapped = _mapped(list(attributes.get(MAPPING) or []))
    identity = rescaled == ValueScale()
    if given and not (identity and unspecified):
        return _with_remark(rescaled, mapped) if identity and mapped else rescaled
    return mapped or rescaled


def header_scale(header: Any) -> ValueScale:
    """Return the scale that a header gives to its values, that of the first of many frames."""
    return value_scale(merged_scale(scale_parts(header)))


def scale_parts(header: Any) -> Iterable[Any]:
    """Return the parts of a header that may hold the scale of its first frame, nearest first."""
    for groups in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence"):
        for group in list(header.get(groups) or [])[:1]:
            yield from list(group.get("PixelValueTransformationSequence") or [])[:1]
            yield group
    yield header


def merged_scale(parts: Iterable[Any]) -> dict[str, Any]:
    """Return the attributes of a scale, each from the first part that has it."""
    found: dict[str, Any] = {}
    for part in parts:
        for keyword in (*RESCALE, MAPPING):
            if part.get(keyword) is not None:
                found.setdefault(keyword, part.get(keyword))
    return found


def pet_units(scale: ValueScale) -> tuple[str, float]:
    """Return the unit of a mapping in the words of PET's attribute Units, and its size in that.

    A unit that PET does not have is returned as it is, and "" where the mapping gives none.
    """
    activity = _ACTIVITY.fullmatch(scale.unit)
    if activity:
        return "BQML", _PREFIXES[activity[1]]
    if suv_type(scale):
        return "CM2ML" if "cm2" in scale.unit else "GML", 1.0
    return _PET_UNITS.get(scale.unit, scale.unit), 1.0


def suv_type(scale: ValueScale) -> str:
    """Return the type of SUV of a mapping; "" if it has none.

    It is ``BW`` for ``{SUVbw}g/ml``, ``LBMJANMA`` for ``g/ml{SUVlbm(Janma)}`` (PS3.16, CID 85).
    """
    _, found, rest = scale.unit.partition("{SUV")
    return re.sub(r"\W", "", rest.partition("}")[0]).upper() if found else ""


def unmapped_count(stored: NDArray[Any], mapped: tuple[float, float] | None) -> int:
    """Return how many stored values a mapping does not hold for."""
    if mapped is None:
        return 0
    return int(np.count_nonzero((stored < mapped[0]) | (stored > mapped[1])))


def _mapped(items: list[Any]) -> ValueScale | None:
    linear = [item for item in items if item.get("RealWorldValueSlope") is not None]
    scales = [_linear(item) for item in linear]
    if not items or len(set(scales)) == 1:
        return replace(scales[0], mapped=_union(scales)) if scales else None
    if not scales:
        return ValueScale(
            remark="the Real World Value Mapping is a lookup table, which is not used: the "
            "values stay as stored"
        )
    best = min(scales, key=_preference)
    if any(scale != best and scale.unit == best.unit for scale in scales):
        return ValueScale(
            remark="the Real World Value Mapping differs between ranges of stored values and is "
            "not used: the values stay as stored"
        )
    units = ", ".join(scale.unit or "no unit" for scale in scales)
    remark = f"of {len(scales)} Real World Value Mappings ({units}), that in {best.unit} is used"
    return replace(best, remark=remark)


def _with_remark(rescaled: ValueScale, mapped: ValueScale) -> ValueScale:
    """Return the rescaling, with a remark where a mapping says otherwise."""
    if (mapped.slope, mapped.intercept) == (rescaled.slope, rescaled.intercept):
        return rescaled
    unit = f" {mapped.unit}" if mapped.unit else ""
    return replace(
        rescaled,
        remark=f"RescaleSlope 1 is used, not the Real World Value Mapping (slope {mapped.slope:g}"
        f"{unit})",
    )


def _preference(scale: ValueScale) -> int:
    return {"GML": 0, "CM2ML": 1, "BQML": 2}.get(pet_units(scale)[0], 3)


def _union(scales: list[ValueScale]) -> tuple[float, float] | None:
    """Return the range of stored values that equal mappings hold for together."""
    ranges = [scale.mapped for scale in scales if scale.mapped]
    if len(ranges) < len(scales):
        return None
    return min(first for first, _ in ranges), max(last for _, last in ranges)


def _linear(item: Any) -> ValueScale:
    units = list(item.get("MeasurementUnitsCodeSequence") or [])
    return ValueScale(
        float(item.RealWorldValueSlope),
        float(item.get("RealWorldValueIntercept") or 0),
        _code(units[0]) if units else "",
        mapped=_mapped_range(item),
    )


def _code(item: Any) -> str:
    return str(item.get("CodeValue") or item.get("LongCodeValue") or "").strip()


def _mapped_range(item: Any) -> tuple[float, float] | None:
    for keywords in _RANGES:
        first, last = (item.get(keyword) for keyword in keywords)
        if isinstance(first, int | float) and isinstance(last, int | float):
            return float(first), float(last)
    return None
