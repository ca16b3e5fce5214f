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
# DICOM needs a date; this one is obviously not that of a scan.
DATE, TIME = "20000101", "120000"
LEAST_HU, LARGEST = -1024, 65535
STORAGE = {
    "CT": CTImageStorage,
    "MR": MRImageStorage,
    "NM": NuclearMedicineImageStorage,
    "PT": PositronEmissionTomographyImageStorage,
}
NAMES = {"ct": "CT", "mr": "MR", "spect": "NM", "pet": "PT"}
# Required attributes of each modality, with values that are true of a simulation.
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
    """Pixels of 16 bits; the intensity is slope x pixel + intercept."""

    pixels: NDArray[Any]
    slope: str
    intercept: str

    @classmethod
    def of(cls, volume: Volume) -> StoredPixels:
        """Round HU; scale other intensities to the whole range."""
        if volume.modality == "ct":
            rounded = np.rint(np.clip(volume.array, LEAST_HU, np.iinfo(np.int16).max))
            return cls(rounded.astype("<i2"), "1", "0")
        lowest = format_number_as_ds(min(float(volume.array.min()), 0.0))
        span = float(volume.array.max()) - float(lowest)
        # Readers use the slope as printed, so pixels are computed with that.
        slope = format_number_as_ds(max(span / LARGEST, 1e-30))
        pixels = np.rint((volume.array.astype(np.float64) - float(lowest)) / float(slope))
        return cls(np.clip(pixels, 0, LARGEST).astype("<u2"), slope, lowest)


def write_image(volume: Volume, path: Path, case: Case) -> tuple[str, str]:
    """Write an image of a case as DICOM; a `regkit.datasets.export.ImageWriter`.

    Parameters
    ----------
    volume
        Image of modality ct, mu, mr, pet or spect on any grid, also an oblique one.
    path
        Folder of the series; for SPECT the file without its suffix ``.dcm``.
    case
        Case of the image; names of patient and series are taken from it.

    Returns
    -------
    tuple
        Name of the file or folder, and the modality under which it is read.

    Raises
    ------
    FileFormatError
        DICOM has no volume of this modality whose position other tools read correctly.
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
    patient = _patient_key(case)
    header = Dataset()
    header.SOPClassUID = STORAGE[kind]
    header.Modality = kind
    header.Manufacturer = header.ManufacturerModelName = MAKER
    header.PatientName, header.PatientID = f"Simulated^{case.group}", _uid(*patient)[-16:]
    header.PatientBirthDate = header.PatientSex = ""
    header.StudyInstanceUID = _uid(*patient, "study")
    # Both scans are in the coordinates of one room, in which the patient moved between them.
    header.FrameOfReferenceUID = _uid(*patient, "room")
    header.SeriesInstanceUID = _uid(*patient, case.id, role, _digest(volume))
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
    for index, pixels in enumerate(stored.pixels):
        position = volume.grid.to_physical((index, 0, 0))
        header.ImagePositionPatient = _decimals(position)
        header.InstanceNumber = index + 1
        if header.Modality == "PT":
            header.ImageIndex = index + 1
        _save(header, pixels, folder / f"{index + 1:04d}.dcm")


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


def _patient_key(case: Case) -> list[str]:
    """Return strings that identify a patient among all simulated ones.

    Cohorts number their patients alike, and options change the scans: archives must not mix up
    patients or scans.
    """
    names = [str(case.extra.get(key, "")) for key in ("split", "patient")]
    return [*names, case.group, _digest(case.pair.fixed)]


def _digest(volume: Volume) -> str:
    """Return a hash of modality, grid and intensities; UIDs are made from it."""
    grid = volume.grid
    header = (
        f"{volume.modality} Grid(shape_zyx={grid.shape_zyx}, spacing={grid.spacing}, "
        f"origin={grid.origin}, direction={grid.direction})"
    ).encode()
    return sha256(header + np.ascontiguousarray(volume.array).tobytes()).hexdigest()


def _uid(*parts: str) -> str:
    """Return a UID that is always the same for the same parts."""
    return str(generate_uid(entropy_srcs=["regkit", *parts]))
