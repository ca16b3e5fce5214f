"""DICOM files made from scratch: series, enhanced objects, nuclear-medicine tomograms."""

from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    CTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRLittleEndian,
    NuclearMedicineImageStorage,
    generate_uid,
)

OBLIQUE = ([0.8, 0.6, 0.0], [-0.48, 0.64, 0.6])
NORMAL = np.cross(*OBLIQUE)
SERIES = generate_uid()


def dicom_dataset(
    pixels: np.ndarray, storage=CTImageStorage, modality="CT", **attributes
) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = storage, generate_uid()
    dataset.SeriesInstanceUID, dataset.Modality = SERIES, modality
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 1
    dataset.PixelData = pixels.astype("<i2").tobytes()
    if pixels.ndim == 3:
        dataset.NumberOfFrames = len(pixels)
    for name, value in attributes.items():
        setattr(dataset, name, value)
    return dataset


def save_dicom(dataset: Dataset, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def write_slices(folder: Path, count=6, step=None, names=None, **attributes) -> np.ndarray:
    """Write a series in an order that is not that of space; return its pixels (z, y, x)."""
    pixels = np.random.default_rng(0).integers(-1000, 2000, (count, 5, 7))
    step = 2.5 * NORMAL if step is None else np.asarray(step)
    for place in range(count):
        dataset = dicom_dataset(
            pixels[place],
            ImagePositionPatient=(np.array([10, -20, 30]) + place * step).round(6).tolist(),
            ImageOrientationPatient=[*OBLIQUE[0], *OBLIQUE[1]],
            PixelSpacing=[1.5, 0.75],
            **attributes,
        )
        name = names[place] if names else f"{(place * 7) % 11:02d}.dcm"
        save_dicom(dataset, folder / name)
    return pixels


def frame_group(position, slope=None) -> Dataset:
    group, plane = Dataset(), Dataset()
    plane.ImagePositionPatient = np.asarray(position).round(6).tolist()
    group.PlanePositionSequence = [plane]
    if slope is not None:
        values = Dataset()
        values.RescaleSlope, values.RescaleIntercept = slope, 0
        group.PixelValueTransformationSequence = [values]
    return group


def enhanced_object(pixels, groups) -> Dataset:
    shared, plane, measures = Dataset(), Dataset(), Dataset()
    plane.ImageOrientationPatient = [*OBLIQUE[0], *OBLIQUE[1]]
    measures.PixelSpacing = [1.5, 0.75]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [plane], [measures]
    return dicom_dataset(
        pixels, EnhancedMRImageStorage, "MR",
        SharedFunctionalGroupsSequence=[shared], PerFrameFunctionalGroupsSequence=groups,
    )  # fmt: skip


def tomogram(pixels, spacing, kind="RECON TOMO", **attributes) -> Dataset:
    detector = Dataset()
    detector.ImagePositionPatient = [10, -20, 30]
    detector.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    return dicom_dataset(
        pixels, NuclearMedicineImageStorage, "NM", ImageType=["ORIGINAL", "PRIMARY", kind],
        PixelSpacing=[4, 4], SpacingBetweenSlices=spacing, DetectorInformationSequence=[detector],
        **attributes,
    )  # fmt: skip


def edit_folder(folder: Path, **attributes) -> None:
    for file in folder.iterdir():
        dataset = pydicom.dcmread(file)
        for name, value in attributes.items():
            setattr(dataset, name, value)
        dataset.save_as(file)
