"""DICOM images made from scratch with pydicom, conformant to the standard, for tests of output."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from regkit.geometry.grid import Grid

CLASSES = {
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "NM": "1.2.840.10008.5.1.4.1.1.20",
}
IMAGE_TYPES = {
    "CT": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "MR": ["ORIGINAL", "PRIMARY", "OTHER"],
    "PT": ["ORIGINAL", "PRIMARY"],
    "NM": ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"],
}
# Rescale slopes and intercepts, and windows in rescaled units.
SCALES = {"CT": (1.0, -1024.0), "MR": (1.0, 0.0), "PT": (0.5, 0.0), "NM": (1.0, 0.0)}
WINDOWS = {"CT": (40.0, 400.0), "MR": (500.0, 1000.0), "PT": (5000.0, 10000.0), "NM": (50, 100)}
WEIGHT_KG, DOSE_BQ, HALF_LIFE_S, DELAY_S = 70.0, 3.7e8, 6586.2, 3600.0


def suv_factor() -> float:
    """Return SUV per Bq/ml of the PET made here."""
    return 1e3 * WEIGHT_KG / (DOSE_BQ * 2 ** (-DELAY_S / HALF_LIFE_S))


def write_source(
    folder: Path,
    kind: str,
    stored: NDArray[Any],
    grid: Grid,
    **attributes: Any,
) -> Path:
    """Write stored values as a series, or as one multi-frame file of a NM image."""
    folder.mkdir(parents=True)
    header = _header(kind, folder.name)
    _, header.Rows, header.Columns = stored.shape
    header.PixelRepresentation = 0
    header.PixelSpacing = [_decimal(grid.spacing[1]), _decimal(grid.spacing[0])]
    header.SliceThickness = _decimal(grid.spacing[2])
    cosines = [_decimal(v) for v in np.reshape(grid.direction, (3, 3))[:, :2].T.ravel()]
    if kind == "NM":
        _add_tomogram(header, stored, grid, cosines)
        _save(header, attributes, stored, folder / "tomogram.dcm")
        return folder
    header.ImageOrientationPatient = cosines
    for index, pixels in enumerate(stored):
        position = grid.to_physical((index, 0, 0))
        header.ImagePositionPatient = [_decimal(v) for v in position]
        header.InstanceNumber = index + 1
        if kind == "PT":
            header.ImageIndex, header.NumberOfSlices = index + 1, len(stored)
        _save(header, attributes, pixels, folder / f"slice{index:03d}.dcm")
    return folder


def _header(kind: str, name: str) -> Dataset:
    header = Dataset()
    header.SOPClassUID, header.Modality = CLASSES[kind], kind
    header.ImageType = IMAGE_TYPES[kind]
    header.PatientName, header.PatientID = "Doe^Jane", "J1"
    header.PatientBirthDate, header.PatientSex = "19500102", "F"
    header.PatientWeight = "70"
    header.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
    header.SeriesInstanceUID = generate_uid(entropy_srcs=["series", name])
    header.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame", name])
    header.StudyID, header.AccessionNumber = "S1", "A1"
    header.ReferringPhysicianName = "Ref^Erring"
    header.SeriesNumber, header.SeriesDescription = 3, f"{name} scan"
    header.Manufacturer, header.Laterality = "Maker", None
    header.PositionReferenceIndicator = None
    for event in ("Study", "Series", "Acquisition", "Content"):
        setattr(header, f"{event}Date", "20240105")
        setattr(header, f"{event}Time", "101500")
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit, header.AcquisitionNumber = 15, 1
    slope, intercept = SCALES[kind]
    if kind in ("CT", "PT"):
        header.RescaleSlope, header.RescaleIntercept = _decimal(slope), _decimal(intercept)
    header.WindowCenter, header.WindowWidth = WINDOWS[kind]
    header.add_new(0x00091001, "LO", "a private value")
    _MODALITY[kind](header)
    return header


def _ct(header: Dataset) -> None:
    header.KVP, header.RescaleType, header.PatientPosition = "120", "HU", "HFS"
    header.SpacingBetweenSlices, header.GantryDetectorTilt = "9", "0"


def _mr(header: Dataset) -> None:
    header.ScanningSequence, header.SequenceVariant, header.ScanOptions = "GR", "NONE", None
    header.MRAcquisitionType, header.RepetitionTime = "3D", "10"
    header.EchoTime, header.EchoTrainLength, header.PatientPosition = "3", 1, "HFS"


def _pt(header: Dataset) -> None:
    _lying(header)
    header.SeriesType, header.Units = ["STATIC", "IMAGE"], "BQML"
    header.CountsSource, header.CollimatorType = "EMISSION", "NONE"
    header.CorrectedImage, header.DecayCorrection = ["DECY", "ATTN"], "START"
    header.FrameReferenceTime, header.DecayFactor = "0", "1"
    header.ActualFrameDuration = 60000
    header.RadiopharmaceuticalInformationSequence = Sequence([_isotope()])


def _nm(header: Dataset) -> None:
    _lying(header)
    header.CountsAccumulated = None
    header.RadiopharmaceuticalInformationSequence = Sequence()
    header.EnergyWindowInformationSequence = Sequence([Dataset()])
    header.RotationInformationSequence = Sequence()


_MODALITY = {"CT": _ct, "MR": _mr, "PT": _pt, "NM": _nm}


def _isotope() -> Dataset:
    item, nuclide = Dataset(), Dataset()
    nuclide.CodeValue, nuclide.CodingSchemeDesignator = "77004003", "SCT"
    nuclide.CodeMeaning = "^18^Fluorine"
    item.RadionuclideCodeSequence = Sequence([nuclide])
    item.RadiopharmaceuticalStartDateTime = "20240105091500"
    item.RadionuclideTotalDose, item.RadionuclideHalfLife = "3.7E8", "6586.2"
    return item


def _lying(header: Dataset) -> None:
    lying, supine, gantry = Dataset(), Dataset(), Dataset()
    for item, code, meaning in (
        (lying, "102538003", "recumbent"),
        (supine, "40199007", "supine"),
        (gantry, "102540008", "headfirst"),
    ):
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SCT", meaning
    lying.PatientOrientationModifierCodeSequence = Sequence([supine])
    header.PatientOrientationCodeSequence = Sequence([lying])
    header.PatientGantryRelationshipCodeSequence = Sequence([gantry])


def _add_tomogram(header: Dataset, stored: NDArray[Any], grid: Grid, cosines: list[str]) -> None:
    detector = Dataset()
    detector.CollimatorType = "PARA"
    detector.ImagePositionPatient = [_decimal(v) for v in grid.origin]
    detector.ImageOrientationPatient = cosines
    header.DetectorInformationSequence = Sequence([detector])
    header.NumberOfFrames = header.NumberOfSlices = len(stored)
    header.NumberOfDetectors = header.NumberOfEnergyWindows = header.NumberOfRotations = 1
    header.FrameIncrementPointer = Tag("SliceVector")
    header.SliceVector = list(range(1, len(stored) + 1))
    header.SpacingBetweenSlices = _decimal(grid.spacing[2])
    header.InstanceNumber = 1


def _save(header: Dataset, attributes: dict[str, Any], pixels: NDArray[Any], file: Path) -> None:
    for name, value in attributes.items():
        setattr(header, name, value)
    series, number = str(header.SeriesInstanceUID), str(header.InstanceNumber)
    header.SOPInstanceUID = generate_uid(entropy_srcs=[series, number])
    header.PixelData = np.ascontiguousarray(pixels, "<u2").tobytes()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.save_as(file, enforce_file_format=True)


def _decimal(value: float) -> str:
    return f"{value:.10g}"
