"""Find the scale of stored pixel values: the rescale attributes, else a real-world value mapping.

DICOM PS3.3: C.11.1 (Modality LUT), C.7.6.16.2.11 (Real World Value Mapping).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

MAPPING = "RealWorldValueMappingSequence"
RESCALE = ("RescaleSlope", "RescaleIntercept", "RescaleType")
# Units of UCUM, as mappings give them, in the words of the attribute Units of PET.
_PET_UNITS = {"Bq/ml": "BQML", "Bq/mL": "BQML", "{counts}": "CNTS"}


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
    """

    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""
    remark: str = ""


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


def pet_units(scale: ValueScale) -> str:
    """Return the unit of a mapping in the words of PET's attribute Units; "" if unknown."""
    if suv_type(scale):
        return "GML"
    return _PET_UNITS.get(scale.unit, "")


def suv_type(scale: ValueScale) -> str:
    """Return the type of SUV of a mapping: ``BW`` from ``{SUVbw}g/ml``; "" if it has none."""
    _, found, rest = scale.unit.partition("{SUV")
    return rest.partition("}")[0].upper() if found else ""


def _mapped(items: list[Any]) -> ValueScale | None:
    linear = [item for item in items if item.get("RealWorldValueSlope") is not None]
    scales = [_linear(item) for item in linear]
    if not items or len(set(scales)) == 1:
        return scales[0] if scales else None
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
    return {"GML": 0, "BQML": 1}.get(pet_units(scale), 2)


def _linear(item: Any) -> ValueScale:
    units = list(item.get("MeasurementUnitsCodeSequence") or [])
    return ValueScale(
        float(item.RealWorldValueSlope),
        float(item.get("RealWorldValueIntercept") or 0),
        str(units[0].get("CodeValue") or "") if units else "",
    )
