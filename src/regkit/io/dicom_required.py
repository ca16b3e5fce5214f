"""Attributes that the standard requires of an image: added empty, or coded, where missing."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

# Attributes of type 2 (PS3.3, the modules of each class): present, and empty where unknown.
REQUIRED = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime",
    "StudyID", "AccessionNumber", "ReferringPhysicianName", "SeriesNumber", "Laterality",
    "Manufacturer", "PositionReferenceIndicator",
)  # fmt: skip
REQUIRED_OF_MODALITY = {
    "CT": ("KVP", "AcquisitionNumber"),
    "MR": ("ScanOptions", "RepetitionTime", "EchoTime", "EchoTrainLength", "MRAcquisitionType"),
    "NM": (
        "PatientOrientationCodeSequence", "PatientGantryRelationshipCodeSequence",
        "CountsAccumulated", "RadiopharmaceuticalInformationSequence",
        "EnergyWindowInformationSequence", "RotationInformationSequence",
    ),
    "PT": (
        "PatientOrientationCodeSequence", "PatientGantryRelationshipCodeSequence",
        "CollimatorType", "RadiopharmaceuticalInformationSequence", "ActualFrameDuration",
        "CorrectedImage",
    ),
}  # fmt: skip
# SNOMED CT codes of Patient Position, which NM and PET give as codes (PS3.16, CID 19, 20, 21).
RECUMBENT = ("102538003", "recumbent")
LYING = {
    "S": ("40199007", "supine"),
    "P": ("1240000", "prone"),
    "DL": ("102536004", "left lateral decubitus"),
    "DR": ("102535000", "right lateral decubitus"),
}
GANTRY = {"HF": ("102540008", "headfirst"), "FF": ("102541007", "feet-first")}


def fill_required(header: Dataset) -> None:
    """Add the required attributes that an image's header lacks; what is unknown stays empty."""
    kind = header.Modality
    if kind in ("NM", "PT"):
        _code_position(header)
    for name in (*REQUIRED, *REQUIRED_OF_MODALITY[kind]):
        if name not in header:
            setattr(header, name, None)


def code_item(value: str, meaning: str, scheme: str = "SCT") -> Dataset:
    """Return an item of a code sequence; the scheme is SNOMED CT unless another is given."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _code_position(header: Dataset) -> None:
    """Replace Patient Position by its codes, beside which it is forbidden (C.8.4.6)."""
    position = str(header.get("PatientPosition") or "")
    if position[2:] in LYING and not header.get("PatientOrientationCodeSequence"):
        orientation = code_item(*RECUMBENT)
        modifier = code_item(*LYING[position[2:]])
        orientation.PatientOrientationModifierCodeSequence = Sequence([modifier])
        header.PatientOrientationCodeSequence = Sequence([orientation])
    if position[:2] in GANTRY and not header.get("PatientGantryRelationshipCodeSequence"):
        gantry = code_item(*GANTRY[position[:2]])
        header.PatientGantryRelationshipCodeSequence = Sequence([gantry])
    if "PatientPosition" in header:
        del header.PatientPosition
