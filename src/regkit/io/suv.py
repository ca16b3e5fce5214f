"""Compute standardized uptake values by body weight (SUV) from the headers of a PET series.

SUV is activity per ml times body weight per injected activity, where the injected activity has
decayed to the moment to which the image was corrected (DICOM PS3.3, C.8.9.1 PET Series).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.io.decay import decay_interval
from regkit.io.dicom_values import (
    bounded_number,
    keyword_and_tag,
    optional_number,
    private_value,
    required_value,
)
from regkit.io.nuclides import HALF_LIVES_S, named_nuclide
from regkit.io.real_world_values import header_scale, pet_units, suv_type
from regkit.io.scan_times import (
    GE_GROUP,
    GE_SCAN_START,
    TIME_ATTRIBUTES,
    ScanTimes,
    decay_correction,
    scan_times,
)

PHILIPS_CREATOR, PHILIPS_GROUP = "Philips PET Private Group", 0x7053
PHILIPS_SUV, PHILIPS_ACTIVITY = 0x00, 0x09
# Attributes needed of a slice's header, besides those of all images.
SUV_ATTRIBUTES = ("Units", "SUVType", "PatientWeight", *TIME_ATTRIBUTES)
# Blocks of private elements that are searched. Writers reserve them from 0x10 up; all 240 of
# PS3.5, 7.8.1, would slow the reading of a header by a quarter (measured).
_PRIVATE_BLOCKS = range(0x10, 0x20)
# Tags of vendors' attributes, and of the elements that reserve their blocks.
SUV_PRIVATE_TAGS = tuple(
    group << 16 | element
    for group, offsets in ((PHILIPS_GROUP, (PHILIPS_SUV, PHILIPS_ACTIVITY)),
                           (GE_GROUP, (GE_SCAN_START,)))
    for block in _PRIVATE_BLOCKS
    for element in (block, *(block << 8 | offset for offset in offsets))
)  # fmt: skip
SUV, ACTIVITY, COUNTS = "GML", "BQML", "CNTS"
# SUV by body surface area has another unit than SUV by weight (PS3.3, C.8.9.1.1.3).
SUV_BY_SURFACE = "CM2ML"
# What SUV is normalized by, for the types of it (PS3.3, C.8.9.1; PS3.16, CID 85).
_SUV_NORMS = {
    "BSA": "body surface area", "IBW": "ideal body weight", "LBM": "lean body mass",
    "LBMJAMES128": "lean body mass", "LBMJANMA": "lean body mass",
}  # fmt: skip
# Largest difference at which a half-life is taken for that of the named nuclide in minutes;
# chosen by hand, above the rounding of 2.04 min (O-15) and the difference of published values.
HALF_LIFE_MINUTES_TOLERANCE = 0.02
# Plausible injected activities, Bq; some headers give MBq against the standard and are below.
# These ranges are chosen by hand, wide enough for every patient and nuclide.
DOSE_LIMITS_BQ = (1e5, 1e11)
WEIGHT_LIMITS_KG = (0.2, 700.0)
HALF_LIFE_LIMITS_S = (1.0, 1e8)
# Difference between the header's half-life and that of the nuclide it names that is remarked on;
# chosen by hand, above what published values differ by.
HALF_LIFE_TOLERANCE = 0.05
# SUV beyond belief: no image is mostly hotter, none lacks a voxel above, and none holds more
# activity than was injected; chosen by hand, far from every patient.
MEDIAN_SUV_LIMIT, PEAK_SUV_LIMIT, INJECTED_FRACTION_LIMIT = 50.0, 0.01, 2.0
# Voxels that the median is taken of, at most; chosen by hand, for speed.
_MEDIAN_VOXELS = 1_000_000


@dataclass(frozen=True)
class SuvConversion:
    """Conversion of one slice to SUV, and the header values that it rests on.

    Parameters
    ----------
    factor
        SUV per unit of the file.
    units
        Units of the file: ``BQML`` (activity per ml), ``GML`` or ``CM2ML`` (SUV already) or
        ``CNTS`` (Philips' counts).
    suv_type
        ``BW``, by body weight; for a file in SUV, the header's SUVType.
    decay_correction
        ``START`` of the scan, ``ADMIN`` (injection) or ``NONE``; empty where no decay is computed.
    weight_kg, dose_bq, half_life_s
        Weight of the patient, injected activity, half-life of the nuclide; None where not used.
    activity_factor
        Factor from the file's unit to Bq/ml, where it is used: Philips' from counts, or the size
        of a real-world value mapping's kBq/ml or MBq/ml.
    decay_s
        Time from the injection to the time to which the values are decay-corrected; negative
        where the injection came later.
    injection, reference
        These two times, ISO 8601 in the scanner's time zone; without a date where the clock alone
        counts.
    reference_source
        Attribute that the reference time was taken from.
    remarks
        Sentences for the user about what was assumed or is unusual.
    """

    factor: float
    units: str
    suv_type: str = "BW"
    decay_correction: str = ""
    weight_kg: float | None = None
    dose_bq: float | None = None
    activity_factor: float | None = None
    half_life_s: float | None = None
    decay_s: float | None = None
    injection: str = ""
    reference: str = ""
    reference_source: str = ""
    remarks: tuple[str, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return plain data for a record, without what is not used."""
        known = asdict(self) | {"remarks": list(self.remarks)}
        return {key: value for key, value in known.items() if value not in (None, "", [])}


def suv_conversions(headers: Sequence[Any]) -> list[SuvConversion]:
    """Return the conversion to SUV of each slice of a PET series.

    Parameters
    ----------
    headers
        `pydicom` headers of the slices, with `SUV_ATTRIBUTES` and `SUV_PRIVATE_TAGS`.

    Raises
    ------
    FileFormatError
        The series cannot be converted to SUV; the message names the missing or impossible
        attribute with its tag.
    """
    scan = scan_times(headers)
    return [_conversion(header, scan) for header in headers]


def implausible_suv(
    values: NDArray[Any], conversion: SuvConversion, voxel_ml: float
) -> tuple[str, ...]:
    """Return remarks on SUV that no patient or phantom has.

    Parameters
    ----------
    values
        SUV, shape (z, y, x).
    conversion
        Conversion of the first slice; its weight tells how much activity was injected, in SUV.
    voxel_ml
        Volume of a voxel in ml.
    """
    step = int(np.ceil((values.size / _MEDIAN_VOXELS) ** (1 / 3))) or 1
    some = values[::step, ::step, ::step]
    positive = some[some > 0]
    if not positive.size:
        return ()
    peak, median = float(values.max()), float(np.median(positive))
    grams = 1e3 * (conversion.weight_kg or np.inf)
    fraction = float(values.sum(dtype=np.float64)) * voxel_ml / grams
    check = "check dose, weight, times and units in the header"
    if median > MEDIAN_SUV_LIMIT:
        return (f"an SUV of {median:.4g} (median) is beyond belief; {check}",)
    if fraction > INJECTED_FRACTION_LIMIT:
        return (f"the image holds {fraction:.3g} times the injected activity; {check}",)
    if peak < PEAK_SUV_LIMIT:
        return (f"an SUV of {peak:.2g} (maximum) is beyond belief; {check}",)
    return ()


def _conversion(header: Any, scan: ScanTimes) -> SuvConversion:
    scale = header_scale(header)
    mapped_units, size = pet_units(scale)
    units = mapped_units or str(required_value(header, "Units"))
    if units in (SUV, SUV_BY_SURFACE):
        return _already_suv(header, units, suv_type(scale))
    suv_factor, activity_factor = map(
        optional_number,
        (
            private_value(header, PHILIPS_CREATOR, PHILIPS_GROUP, element)
            for element in (PHILIPS_SUV, PHILIPS_ACTIVITY)
        ),
    )
    if units == COUNTS and suv_factor > 0:
        return SuvConversion(suv_factor, units)
    if units == COUNTS and activity_factor > 0:
        return _from_activity(header, scan, units, activity_factor)
    if units == ACTIVITY:
        try:
            return _from_activity(header, scan, units, None if size == 1 else size)
        except FileFormatError as error:
            if suv_factor <= 0 or size != 1:
                raise
            remark = f"{error}; Philips' SUV factor (7053,1000) is used"
            return SuvConversion(suv_factor, units, remarks=(remark,))
    if mapped_units:
        raise FileFormatError(
            f"the unit of the Real World Value Mapping is {scale.unit}; only Bq/ml, kBq/ml, "
            "MBq/ml and g/ml (SUV) are known"
        )
    raise FileFormatError(
        f"{keyword_and_tag('Units')} is {units}; only BQML (Bq/ml), GML (SUV) and CNTS with "
        "Philips' factors (7053,1000) or (7053,1009) are known"
    )


def _already_suv(header: Any, units: str, mapped_type: str) -> SuvConversion:
    """Return the conversion of values that are SUV, with a remark where not by body weight."""
    usual = "BSA" if units == SUV_BY_SURFACE else "BW"
    kind = mapped_type or str(header.get("SUVType") or usual)
    norm = _SUV_NORMS.get(kind)
    remarks = (f"it is SUV by {norm} ({kind}), not by body weight",) if norm else ()
    return SuvConversion(1.0, units, kind, remarks=remarks)


def _from_activity(
    header: Any, scan: ScanTimes, units: str, activity_factor: float | None
) -> SuvConversion:
    """Return the conversion of activity per ml, or of counts that a factor turns into it."""
    weight = bounded_number(header, "PatientWeight", WEIGHT_LIMITS_KG, "kg", ("g", 1e-3))
    drugs = required_value(header, "RadiopharmaceuticalInformationSequence")
    dose = bounded_number(drugs[0], "RadionuclideTotalDose", DOSE_LIMITS_BQ, "Bq", ("MBq", 1e6))
    remarks = (
        () if len(drugs) == 1 else (f"of {len(drugs)} radiopharmaceuticals, the first is used",)
    )
    correction = decay_correction(header)
    factor = 1e3 * weight / dose * (activity_factor or 1.0)
    if correction == "ADMIN":
        return SuvConversion(
            factor, units, "BW", correction, weight, dose, activity_factor, remarks=remarks
        )
    half_life, half_life_remarks = _half_life(drugs[0])
    found = decay_interval(header, drugs[0], half_life, scan)
    return SuvConversion(
        factor * 2 ** (found.seconds / half_life),
        units,
        "BW",
        correction,
        weight,
        dose,
        activity_factor,
        half_life,
        found.seconds,
        found.injection,
        found.reference,
        found.reference_source,
        (*half_life_remarks, *remarks, *found.remarks),
    )


def _half_life(radiopharmaceutical: Any) -> tuple[float, tuple[str, ...]]:
    """Return the half-life in seconds, that of the header or else of the nuclide it names."""
    keyword = "RadionuclideHalfLife"
    nuclide = named_nuclide(radiopharmaceutical)
    if nuclide and optional_number(radiopharmaceutical.get(keyword)) <= 0:
        half_life = HALF_LIVES_S[nuclide]
        remark = (
            f"{keyword_and_tag(keyword)} is missing: that of {nuclide}, {half_life:g} s, is used"
        )
        return half_life, (remark,)
    half_life = bounded_number(
        radiopharmaceutical, keyword, HALF_LIFE_LIMITS_S, "s", ("days", 86400.0)
    )
    usual = HALF_LIVES_S.get(nuclide, half_life)
    if abs(half_life / usual - 1) <= HALF_LIFE_TOLERANCE:
        return half_life, ()
    if abs(60 * half_life / usual - 1) <= HALF_LIFE_MINUTES_TOLERANCE:
        told = f"{keyword_and_tag(keyword)} is {half_life:g}, which looks like minutes"
        return usual, (f"{told}: that of {nuclide}, {usual:g} s, is used",)
    told = f"{keyword_and_tag(keyword)} is {half_life:g} s, but the header names {nuclide}"
    return half_life, (f"{told} with {usual:g} s; the former is used",)
