"""Simulated scans as DICOM: a SPECT as one multi-frame NM file, CT, PET and MR as series.

A series has one file per slice. The geometry of an NM image (RECON TOMO) is in its Detector
Information Sequence, and a negative spacing between slices means a stack against the normal
(PS3.3 C.8.4.15). A mu-map is written as the CT, in Hounsfield units, that it would come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    NuclearMedicineImageStorage,
    PositronEmissionTomographyImageStorage,
    generate_uid,
)
from pydicom.valuerep import DSfloat, format_number_as_ds

from regkit.datasets.case import Case
from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.volume import Volume
from regkit_nuclear.phantoms.thorax.anatomy import hounsfield

MAKER = "regkit (simulated, not a patient)"
# DICOM needs a date; this is plainly none of a scan.
DATE, TIME = "20000101", "120000"
LEAST_HU, LARGEST = -1024, 65535
STORAGE = {
    "CT": CTImageStorage,
    "MR": MRImageStorage,
    "NM": NuclearMedicineImageStorage,
    "PT": PositronEmissionTomographyImageStorage,
}
NAMES = {"ct": "CT", "mr": "MR", "spect": "NM", "pet": "PT"}
# What each kind of image must say besides; only what is true of a simulation.
PARTICULARS: dict[str, dict[str, Any]] = {
    "CT": {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "KVP": "120", "RescaleType": "HU"},
    "MR": {
        "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
        "ScanningSequence": "SE",
        "SequenceVariant": "NONE",
        "MRAcquisitionType": "3D",
    },
    "PT": {
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "SeriesType": ["STATIC", "IMAGE"],
        "Units": "GML",
        "SUVType": "BW",
        "CountsSource": "EMISSION",
        "CorrectedImage": ["DECY", "ATTN", "SCAT", "RAN", "NORM"],
        "DecayCorrection": "START",
    },
    "NM": {"ImageType": ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]},
}


@dataclass(frozen=True, eq=False)
class StoredPixels:
    """Whole numbers of 16 bits, and what makes values of them: slope x number + intercept."""

    pixels: NDArray[Any]
    slope: str
    intercept: str

    @classmethod
    def of(cls, volume: Volume) -> StoredPixels:
        """Keep HU as they are; spread other intensities over the whole range."""
        if volume.modality == "ct":
            rounded = np.rint(np.clip(volume.array, LEAST_HU, np.iinfo(np.int16).max))
            return cls(rounded.astype("<i2"), "1", "0")
        lowest = format_number_as_ds(min(float(volume.array.min()), 0.0))
        span = float(volume.array.max()) - float(lowest)
        # Readers see the slope as it is printed, so pixels are made for that one.
        slope = format_number_as_ds(max(span / LARGEST, 1e-30))
        pixels = np.rint((volume.array.astype(np.float64) - float(lowest)) / float(slope))
        return cls(np.clip(pixels, 0, LARGEST).astype("<u2"), slope, lowest)


def write_image(volume: Volume, path: Path, case: Case) -> tuple[str, str]:
    """Write an image of a case; a `regkit.datasets.export.ImageWriter`.

    Parameters
    ----------
    volume
        A ct, mu, mr, pet or spect; on any grid, oblique ones too.
    path
        Folder of the series; for SPECT the file, whose name gets ``.dcm``.
    case
        Whose image it is; patient and series are named after it.

    Returns
    -------
    tuple
        Name of the file or folder, and the modality it is read as.

    Raises
    ------
    FileFormatError
        A modality that DICOM has no volume for which other tools read at the right place.
    """
    if volume.modality == "mu":
        volume = Volume(hounsfield(volume.array), volume.grid, "ct")
    if volume.modality not in NAMES:
        raise FileFormatError(
            f"{case.id}: a volume of modality '{volume.modality or 'unknown'}' cannot be written "
            "as DICOM; use nifti"
        )
    header = _header(volume, path.name, case)
    if volume.modality == "spect":
        file = path.with_name(f"{path.name}.dcm")
        _write_tomogram(header, volume, file)
        return file.name, "spect"
    path.mkdir(parents=True, exist_ok=True)
    _write_slices(header, volume, path)
    return path.name, volume.modality


def _header(volume: Volume, role: str, case: Case) -> Dataset:
    """Return what all files of an image have in common."""
    kind = NAMES[volume.modality]
    who = _who(case)
    header = Dataset()
    header.SOPClassUID = STORAGE[kind]
    header.Modality = kind
    header.Manufacturer = header.ManufacturerModelName = MAKER
    header.PatientName, header.PatientID = f"Simulated^{case.group}", _uid(*who)[-16:]
    header.PatientBirthDate = header.PatientSex = ""
    header.StudyInstanceUID = _uid(*who, "study")
    # Both scans are told in the coordinates of one room; who moved in it is what is asked.
    header.FrameOfReferenceUID = _uid(*who, "room")
    header.SeriesInstanceUID = _uid(*who, case.id, role, _digest(volume))
    header.StudyID, header.SeriesNumber = case.group[:16], 1
    header.SeriesDescription = f"{case.id} {role}"[:64]
    header.AccessionNumber = header.ReferringPhysicianName = header.PositionReferenceIndicator = ""
    header.PatientPosition = "HFS"
    for event in ("Study", "Series", "Acquisition", "Content"):
        setattr(header, f"{event}Date", DATE)
        setattr(header, f"{event}Time", TIME)
    _, rows, columns = volume.grid.shape_zyx
    header.Rows, header.Columns = rows, columns
    x, y, z = volume.grid.spacing
    header.PixelSpacing = _decimals((y, x))
    header.SliceThickness = DSfloat(z, auto_format=True)
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit = 15
    for name, value in PARTICULARS[kind].items():
        setattr(header, name, value)
    return header


def _write_slices(header: Dataset, volume: Volume, folder: Path) -> None:
    stored = StoredPixels.of(volume)
    _describe_pixels(header, stored)
    header.ImageOrientationPatient = _decimals(_cosines(volume.grid))
    header.AcquisitionNumber = 1
    count = len(stored.pixels)
    if header.Modality == "PT":
        header.NumberOfSlices, header.FrameReferenceTime = count, "0"
    for place, pixels in enumerate(stored.pixels):
        position = volume.grid.to_physical((place, 0, 0))
        header.ImagePositionPatient = _decimals(position)
        header.InstanceNumber = place + 1
        if header.Modality == "PT":
            header.ImageIndex = place + 1
        _save(header, pixels, folder / f"{place + 1:04d}.dcm")


def _write_tomogram(header: Dataset, volume: Volume, file: Path) -> None:
    stored = StoredPixels.of(volume)
    _describe_pixels(header, stored)
    count = len(stored.pixels)
    grid = volume.grid
    detector = Dataset()
    detector.CollimatorType = "PARA"
    detector.ImagePositionPatient = _decimals(grid.origin)
    detector.ImageOrientationPatient = _decimals(_cosines(grid))
    header.DetectorInformationSequence = Sequence([detector])
    window = Dataset()
    window.EnergyWindowLowerLimit, window.EnergyWindowUpperLimit = "126", "154"
    energies = Dataset()
    energies.EnergyWindowName = "Tc-99m"
    energies.EnergyWindowRangeSequence = Sequence([window])
    header.EnergyWindowInformationSequence = Sequence([energies])
    header.NumberOfFrames = header.NumberOfSlices = count
    header.NumberOfDetectors = header.NumberOfEnergyWindows = header.NumberOfRotations = 1
    header.FrameIncrementPointer = Tag("SliceVector")
    header.SliceVector = list(range(1, count + 1))
    header.SpacingBetweenSlices = DSfloat(_handedness(grid) * grid.spacing[2], auto_format=True)
    header.InstanceNumber = 1
    _save(header, stored.pixels, file)


def _describe_pixels(header: Dataset, stored: StoredPixels) -> None:
    header.PixelRepresentation = int(stored.pixels.dtype.kind == "i")
    header.RescaleSlope, header.RescaleIntercept = stored.slope, stored.intercept


def _save(header: Dataset, pixels: NDArray[Any], file: Path) -> None:
    header.SOPInstanceUID = _uid(header.SeriesInstanceUID, str(header.InstanceNumber))
    header.PixelData = np.ascontiguousarray(pixels).tobytes()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.save_as(file, enforce_file_format=True)


def _cosines(grid: Grid) -> FloatArray:
    """Return the directions of rows (to the next column) and of columns, six numbers."""
    return np.asarray(np.reshape(grid.direction, (3, 3))[:, :2].T.ravel())


def _handedness(grid: Grid) -> int:
    """Return whether slices follow the normal of their rows and columns, 1, or not, -1."""
    return 1 if np.linalg.det(np.reshape(grid.direction, (3, 3))) > 0 else -1


def _decimals(values: Any) -> list[DSfloat]:
    return [DSfloat(float(v), auto_format=True) for v in values]


def _who(case: Case) -> list[str]:
    """Return what tells a patient from all others.

    Cohorts count their patients alike, and options change their scans: archives must not take
    them for one patient, nor one scan for another.
    """
    named = [str(case.extra.get(key, "")) for key in ("split", "patient")]
    return [*named, case.group, _digest(case.pair.fixed)]


def _digest(volume: Volume) -> str:
    told = f"{volume.modality} {volume.grid}".encode()
    return sha256(told + np.ascontiguousarray(volume.array).tobytes()).hexdigest()


def _uid(*parts: str) -> str:
    """Return a UID that is always the same for the same parts."""
    return str(generate_uid(entropy_srcs=["regkit", *parts]))
