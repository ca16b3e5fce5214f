"""Small PET series with a known SUV, made with pydicom."""

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
    generate_uid,
)

from regkit import read_volume

HALF_LIFE_S = 6586.2  # of F-18
# 70 kg, 350 MBq, scanned an hour after the injection, image corrected to the start of the scan.
USUAL = {
    "Units": "BQML", "DecayCorrection": "START", "PatientWeight": "70",
    "SeriesDate": "20260302", "SeriesTime": "103000",
    "AcquisitionDate": "20260302", "AcquisitionTime": "103000",
    "RescaleSlope": 0.5, "RescaleIntercept": 0,
}  # fmt: skip
INJECTION = {
    "RadionuclideTotalDose": "350e6",
    "RadionuclideHalfLife": str(HALF_LIFE_S),
    "RadiopharmaceuticalStartTime": "093000.00",
}
DATED = INJECTION | {"RadiopharmaceuticalStartDateTime": "20260302093000.00"}
PIXELS = np.random.default_rng(0).integers(0, 30000, (3, 4, 5))


def pet_series(
    folder: Path,
    slices: tuple[dict, ...] | list[dict] = ({}, {}, {}),
    injection: dict = INJECTION,
    edit: Callable[[Dataset], None] = lambda file: None,
    **attributes,
) -> Path:
    """Write a PET; attributes that are None are left out, and `edit` changes each slice."""
    drug = _with_values(Dataset(), injection)
    uid = generate_uid()
    folder.mkdir(parents=True, exist_ok=True)
    for place, own in enumerate(slices):
        file = _image(place)
        file.SeriesInstanceUID, file.RadiopharmaceuticalInformationSequence = uid, [drug]
        edit(_with_values(file, {**USUAL, **attributes, **own}))
        file.save_as(folder / f"{place}.dcm", enforce_file_format=True)
    return folder


def _with_values(dataset: Dataset, values: dict) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that the standard does not allow
        for name, value in values.items():
            if value is not None:
                setattr(dataset, name, value)
    return dataset


def _image(place: int) -> Dataset:
    file = Dataset()
    file.file_meta = FileMetaDataset()
    file.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file.SOPClassUID, file.SOPInstanceUID = PositronEmissionTomographyImageStorage, generate_uid()
    file.Modality = "PT"
    file.Rows, file.Columns = PIXELS.shape[1:]
    file.SamplesPerPixel, file.PhotometricInterpretation = 1, "MONOCHROME2"
    file.BitsAllocated = file.BitsStored = 16
    file.HighBit, file.PixelRepresentation = 15, 1
    file.ImagePositionPatient = [0, 0, 3 * place]
    file.ImageOrientationPatient, file.PixelSpacing = [1, 0, 0, 0, 1, 0], [4, 4]
    file.PixelData = PIXELS[place].astype("<i2").tobytes()
    return file


def slice_factors(folder: Path, slope: float = 0.5) -> np.ndarray:
    """Return the factor by which each slice was multiplied, besides a rescale slope."""
    return (read_volume(folder).array / (slope * np.maximum(PIXELS, 1))).max(axis=(1, 2))
