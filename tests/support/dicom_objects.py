"""DICOM series and structure sets made from scratch with pydicom."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    RTStructureSetStorage,
    generate_uid,
)

from regkit.geometry.grid import Grid

FRAME = generate_uid(entropy_srcs=["frame of reference"])
STUDY = generate_uid(entropy_srcs=["study"])


def write_ct(folder: Path, grid: Grid, pixels=None, frame: str = FRAME) -> Path:
    """Write a CT series whose voxels are those of a grid."""
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros(grid.shape_zyx, int) if pixels is None else pixels
    axes = np.reshape(grid.direction, (3, 3))
    for index, slice_pixels in enumerate(pixels):
        dataset = _dataset(CTImageStorage, "CT", frame)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.ImagePositionPatient = grid.to_physical([index, 0, 0]).round(8).tolist()
        dataset.ImageOrientationPatient = axes[:, :2].T.ravel().round(8).tolist()
        dataset.PixelSpacing = [grid.spacing[1], grid.spacing[0]]
        dataset.SliceThickness, dataset.InstanceNumber = grid.spacing[2], index + 1
        dataset.Rows, dataset.Columns = slice_pixels.shape
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
        dataset.PixelRepresentation = 1
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, 0
        dataset.PixelData = slice_pixels.astype("<i2").tobytes()
        dataset.save_as(folder / f"{index:03d}.dcm", enforce_file_format=True)
    return folder


def write_structures(path: Path, structures, frame: str = FRAME) -> Path:
    """Write an RT Structure Set.

    `structures` lists ROIs: number, name, and contours as points (N, 3) or (type, points).
    """
    dataset = _dataset(RTStructureSetStorage, "RTSTRUCT", frame)
    dataset.StructureSetLabel = "test"
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [], []
    for number, name, contours in structures:
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, name
        roi.ReferencedFrameOfReferenceUID, roi.ROIGenerationAlgorithm = frame, "MANUAL"
        drawn.ReferencedROINumber = number
        drawn.ContourSequence = [_contour(contour) for contour in contours]
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(drawn)
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def _contour(contour) -> Dataset:
    kind, points = contour if isinstance(contour, tuple) else ("CLOSED_PLANAR", contour)
    item = Dataset()
    item.ContourGeometricType, item.NumberOfContourPoints = kind, len(points)
    item.ContourData = np.round(points, 4).ravel().tolist()
    return item


def _dataset(storage: str, modality: str, frame: str) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = storage, generate_uid()
    dataset.Modality, dataset.FrameOfReferenceUID = modality, frame
    dataset.StudyInstanceUID, dataset.StudyID = STUDY, "1"
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[modality, frame])
    dataset.PatientName, dataset.PatientID, dataset.PatientSex = "Doe^Jane", "7", "F"
    dataset.PatientBirthDate = dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.StudyDate, dataset.StudyTime = "20260101", "120000"
    dataset.SeriesNumber, dataset.Manufacturer = 1, "regkit tests"
    dataset.PositionReferenceIndicator = ""
    return dataset
