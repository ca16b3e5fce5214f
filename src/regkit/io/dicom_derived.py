"""Write an image that was computed from a DICOM image as a derived series of the same study.

Everything that the source says about patient, study, acquisition and display is kept; what says
where its pixels are and how they are stored is left out and written anew.
"""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.sequence import Sequence

from regkit.errors import FileFormatError
from regkit.geometry.volume import Volume
from regkit.io.dicom_image import STORAGE, uid_of, volume_digest, write_dicom, writing_dicom
from regkit.io.dicom_required import code_item
from regkit.io.dicom_source import DicomSource
from regkit.io.suv import suv_conversions
from regkit.version import installed_version

# Attributes that are true of the source's pixels only.
PIXEL_ATTRIBUTES = (
    "PixelData", "FloatPixelData", "DoubleFloatPixelData", "PixelPaddingValue",
    "PixelPaddingRangeLimit", "SmallestImagePixelValue", "LargestImagePixelValue",
    "SmallestPixelValueInSeries", "LargestPixelValueInSeries", "ModalityLUTSequence",
    "VOILUTSequence", "RealWorldValueMappingSequence", "IconImageSequence", "PlanarConfiguration",
    "ExtendedOffsetTable", "ExtendedOffsetTableLengths", "PixelAspectRatio",
    "PresentationLUTShape",
)  # fmt: skip
# ... of its place, its frames and its own file.
PLACE_ATTRIBUTES = (
    "SliceLocation", "SpacingBetweenSlices", "GantryDetectorTilt", "PatientOrientation",
    "ImagePositionPatient", "ImageOrientationPatient", "SliceProgressionDirection",
    "ViewCodeSequence",
    "InstanceCreationDate", "InstanceCreationTime", "InstanceCreatorUID", "ContentDate",
    "ContentTime", "SourceImageSequence", "ReferencedImageSequence",
)  # fmt: skip
FRAME_ATTRIBUTES = (
    "NumberOfFrames", "FrameIncrementPointer", "EnergyWindowVector", "DetectorVector",
    "PhaseVector", "RotationVector", "RRIntervalVector", "TimeSlotVector", "AngularViewVector",
    "TimeSliceVector", "GatedInformationSequence", "PhaseInformationSequence",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "DimensionOrganizationSequence", "DimensionIndexSequence", "DimensionOrganizationType",
    "ConcatenationUID", "InConcatenationNumber", "InConcatenationTotalNumber",
    "ConcatenationFrameOffsetNumber", "SOPInstanceUIDOfConcatenationSource",
    "NumberOfTimeSlices", "NumberOfTimeSlots", "NumberOfRRIntervals", "NumberOfPhases",
    "TriggerTime", "FrameTime", "LowRRValue", "HighRRValue", "IntervalsAcquired",
    "IntervalsRejected", "HeartRate", "BeatRejectionFlag", "SkipBeats",
)  # fmt: skip
# Private groups that are kept: Philips' factors from pixels to SUV and Bq/ml.
KEPT_PRIVATE_GROUPS = (0x7053,)
OVERLAYS_AND_CURVES = (0x6000, 0x5000)
# Values 3 and on of Image Type, where the source has none (PS3.3 C.8.2.1, C.8.3.1, C.8.4.9).
IMAGE_TYPE = {"CT": ["AXIAL"], "MR": ["OTHER"], "NM": ["RECON TOMO", "EMISSION"], "PT": []}
# Value 2 of Image Type can only be PRIMARY in NM and PET (C.8.4.9.1.1, C.8.9.4.1.1).
PRIMARY_ONLY = ("NM", "PT")
# Required of a MR image that is no enhanced one; "research mode" stands for an unknown sequence.
UNKNOWN_SEQUENCE = {"ScanningSequence": "RM", "SequenceVariant": "NONE"}
# Series that a workstation lists after those of the scanner; chosen by hand.
SERIES_NUMBER_OFFSET = 1000
PROGRAM = "regkit"
RESAMPLING = ("113085", "Spatial resampling", "DCM")
REFORMATTING = ("113072", "Multiplanar reformatting", "DCM")


@dataclass(frozen=True, eq=False)
class Derivation:
    """Words, code and attributes that describe how an image was derived.

    Parameters
    ----------
    label
        Words added to the description of the series.
    description
        Sentence for Derivation Description.
    code
        Code value, meaning and scheme of the derivation (PS3.16, CID 7203).
    attributes
        Further attributes of the derived series by keyword.
    """

    label: str
    description: str
    code: tuple[str, str, str] = RESAMPLING
    attributes: dict[str, Any] = field(default_factory=dict)


@writing_dicom()
def write_derived(
    volume: Volume, folder: Path, source: DicomSource, place: DicomSource, derivation: Derivation
) -> None:
    """Write an image as a derived DICOM series.

    Parameters
    ----------
    volume
        Image in the unit in which regkit reads the source: PET in SUV.
    folder
        Folder of the files.
    source
        Image that it is derived from: patient, study, acquisition, unit and window are its own.
    place
        Image in whose frame of reference the volume is.
    derivation
        Words and codes that say how it was derived.
    """
    header = derived_header(source, place, derivation)
    stored = _in_unit_of_file(volume, header, source.headers)
    header.SeriesInstanceUID = uid_of(
        str(source.first.SeriesInstanceUID),
        place.frame_of_reference,
        derivation.description,
        volume_digest(stored),
    )
    write_dicom(stored, header, folder, _scale(source))


def derived_header(source: DicomSource, place: DicomSource, derivation: Derivation) -> Dataset:
    """Return the attributes of all files of a derived series; the series has no UID yet."""
    header = classic_header(source.first)
    for name in (*PIXEL_ATTRIBUTES, *PLACE_ATTRIBUTES, *FRAME_ATTRIBUTES):
        if name in header:
            delattr(header, name)
    _remove_private(header)
    kind = source.modality
    header.SOPClassUID = STORAGE[kind]
    header.ImageType = _image_type(header, kind)
    windows = header.get("EnergyWindowInformationSequence")
    if kind == "NM" and windows:
        chosen = windows[min(max(source.window, 1), len(windows)) - 1]
        header.EnergyWindowInformationSequence = Sequence([chosen])
    if kind == "PT":
        whole_body = "WHOLE BODY" in (header.get("SeriesType") or [])
        header.SeriesType = ["WHOLE BODY" if whole_body else "STATIC", "IMAGE"]
    header.FrameOfReferenceUID = place.frame_of_reference
    header.PositionReferenceIndicator = place.first.get("PositionReferenceIndicator")
    describe_series(header, source.first, derivation.label)
    header.DerivationDescription = derivation.description[:1024]
    header.DerivationCodeSequence = Sequence([code_item(*derivation.code)])
    header.RelatedSeriesSequence = Sequence(
        [_related(other.first) for other in dict.fromkeys((source, place))]
    )
    for name, value in derivation.attributes.items():
        setattr(header, name, value)
    return header


def describe_series(header: Dataset, source: Any, label: str) -> None:
    """Number and describe a new series after the one that it comes from, and say who made it."""
    header.ContributingEquipmentSequence = Sequence(
        [*(header.get("ContributingEquipmentSequence") or []), _equipment()]
    )
    header.SeriesNumber = SERIES_NUMBER_OFFSET + int(source.get("SeriesNumber") or 0)
    description = source.get("SeriesDescription") or source.get("Modality")
    header.SeriesDescription = f"{str(description)[: 63 - len(label)]} {label}"


def classic_header(header: Any) -> Dataset:
    """Copy a header; attributes in the functional groups of its first frame move to the top."""
    copied: Dataset = deepcopy(header)
    groups = [
        (copied.get(name) or [Dataset()])[0]
        for name in ("PerFrameFunctionalGroupsSequence", "SharedFunctionalGroupsSequence")
    ]
    for macro in (element.value for group in groups for element in group if element.VR == "SQ"):
        for element in macro[0] if macro else ():
            if element.tag not in copied:
                copied.add(element)
    if copied.get("Modality") == "MR":
        for name, value in UNKNOWN_SEQUENCE.items():
            if not copied.get(name):
                setattr(copied, name, value)
    return copied


def _image_type(header: Dataset, kind: str) -> list[str]:
    values = [str(value) for value in header.get("ImageType") or []][2:] or IMAGE_TYPE[kind]
    if kind == "NM":
        values = ["RECON TOMO", *values[1:]]
    return ["DERIVED", "PRIMARY" if kind in PRIMARY_ONLY else "SECONDARY", *values]


def _remove_private(header: Dataset) -> None:
    for tag in list(header.keys()):
        private = tag.is_private and tag.group not in KEPT_PRIVATE_GROUPS
        if private or tag.group & 0xFF00 in OVERLAYS_AND_CURVES:
            del header[tag]


def _scale(source: DicomSource) -> tuple[float, float] | None:
    """Return slope and intercept of a CT or MR whose files share them.

    Their values are whole numbers in that scale; viewers of MR often ignore any other.
    """
    if source.modality not in ("CT", "MR"):
        return None
    several = len(source.headers) > 1
    headers = source.headers if several else [classic_header(source.first)]
    scales = {_slope_and_intercept(header) for header in headers}
    return scales.pop() if len(scales) == 1 else None


def _slope_and_intercept(header: Dataset) -> tuple[float, float] | None:
    """Return the rescaling; None where stored values are no whole numbers in the image's unit."""
    slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
    is_float = int(header.get("BitsAllocated") or 16) > 16
    if is_float or (not slope and header.get("RealWorldValueMappingSequence")):
        return None
    return float(slope or 1), float(intercept or 0)


def _in_unit_of_file(volume: Volume, header: Dataset, headers: SequenceOf[Any]) -> Volume:
    """Return PET in the unit of its file; in SUV where its slices differ in their factors."""
    if header.Modality != "PT":
        return volume
    try:
        conversions = suv_conversions(headers)
    except FileFormatError:  # the reader left it in the unit of its file
        return volume
    known, factors = conversions[0], [conversion.factor for conversion in conversions]
    if np.allclose(factors, factors[0], rtol=1e-6, atol=0):
        size = (known.activity_factor or 1.0) if known.units == "BQML" else 1.0
        header.Units = known.units  # a real-world value mapping, which is left out, may differ
        if known.units in ("GML", "CM2ML"):
            header.SUVType = known.suv_type
        return volume.with_array(volume.array * np.float32(size / known.factor))
    header.Units, header.SUVType = "GML", "BW"
    for name in ("WindowCenter", "WindowWidth"):
        if name in header:
            delattr(header, name)
    return volume


def _related(header: Any) -> Dataset:
    item = Dataset()
    item.StudyInstanceUID = header.StudyInstanceUID
    item.SeriesInstanceUID = header.SeriesInstanceUID
    item.PurposeOfReferenceCodeSequence = Sequence()
    return item


def is_own_file(file: Path) -> bool:
    """Return whether a file is a DICOM image that regkit derived."""
    try:
        header = pydicom.dcmread(file, specific_tags=["ContributingEquipmentSequence"])
    except (InvalidDicomError, OSError):
        return False
    made_by = header.get("ContributingEquipmentSequence") or []
    return any(item.get("ManufacturerModelName") == PROGRAM for item in made_by)


def _equipment() -> Dataset:
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = Sequence(
        [code_item("109102", "Processing Equipment", "DCM")]
    )
    item.Manufacturer = item.ManufacturerModelName = PROGRAM
    item.SoftwareVersions = installed_version()
    return item
