"""Write a volume as DICOM: CT, PET and MR as one file per slice, NM as one multi-frame file.

The caller gives a header with whatever all files have in common: patient, study, series and the
attributes of the modality. Pixels, geometry and instance numbers are set here. The geometry of an
NM image (RECON TOMO) is in its Detector Information Sequence (PS3.3 C.8.4.15).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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

from regkit.errors import OutputError, RegkitError, one_line
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.volume import Volume
from regkit.io.dicom_required import fill_required
from regkit.io.native_output import suppress_pydicom

# The classes that are written; each holds one volume whose position every reader understands.
STORAGE = {
    "CT": CTImageStorage,
    "MR": MRImageStorage,
    "NM": NuclearMedicineImageStorage,
    "PT": PositronEmissionTomographyImageStorage,
}


@dataclass(frozen=True, eq=False)
class StoredPixels:
    """Pixels of 16 bits; the intensity is slope x pixel + intercept."""

    pixels: NDArray[Any]
    slope: str
    intercept: str

    @classmethod
    def rounded(cls, array: NDArray[Any], slope: float, intercept: float) -> StoredPixels | None:
        """Round to a given scale; None if 16 bits cannot hold the intensities in it."""
        texts = format_number_as_ds(slope), format_number_as_ds(intercept)
        # Readers use the numbers as printed, so pixels are computed with those.
        stored = np.rint((array.astype(np.float64) - float(texts[1])) / float(texts[0]))
        for kind in ("<i2", "<u2"):
            limits = np.iinfo(kind)
            if limits.min <= stored.min() and stored.max() <= limits.max:
                return cls(stored.astype(kind), *texts)
        return None

    @classmethod
    def scaled(cls, array: NDArray[Any]) -> StoredPixels:
        """Scale to the whole range, without an intercept, which PET must not have."""
        lowest, highest = float(array.min()), float(array.max())
        limits = np.iinfo("<u2" if lowest >= 0 else "<i2")
        slope = format_number_as_ds(max(highest / limits.max, -lowest / limits.max, 1e-30))
        pixels = np.rint(array.astype(np.float64) / float(slope))
        return cls(np.clip(pixels, limits.min, limits.max).astype(limits.dtype), slope, "0")


@contextmanager
def writing_dicom() -> Iterator[None]:
    """Make every failure to write DICOM an error of one line, and pydicom silent.

    pydicom remarks on faults that the source's own header has.
    """
    with suppress_pydicom():
        try:
            yield
        except (RegkitError, OSError):
            raise
        except Exception as error:  # pydicom raises many types on headers with faults
            cause = str(error).partition("\n")[0]
            raise OutputError(
                f"the image cannot be written as DICOM: {one_line(cause)}; is its header damaged?"
            ) from error


def write_dicom(
    volume: Volume, header: Dataset, folder: Path, scale: tuple[float, float] | None = None
) -> None:
    """Write a volume as the files ``0001.dcm``, ``0002.dcm``, ... of a folder, which is made.

    Parameters
    ----------
    volume
        Image on any grid, also an oblique one, in the unit that the header names.
    header
        Attributes of all files; the modality is one of `STORAGE`. It is changed: in the end it is
        that of the last file.
    folder
        Folder of the series.
    scale
        Rescale slope and intercept of the stored values, used where 16 bits can hold the
        intensities in it; None for the scale of highest precision.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if header.Modality == "NM":
        write_tomogram(volume, header, folder / file_name(1))
        return
    stored = _describe(header, volume, scale)
    header.ImageOrientationPatient = decimals(row_and_column(volume.grid))
    if header.Modality == "PT":
        header.NumberOfSlices = len(stored.pixels)
    normal = np.cross(*np.reshape(row_and_column(volume.grid), (2, 3)))
    for index, pixels in enumerate(stored.pixels):
        position = volume.grid.to_physical((index, 0, 0))
        header.ImagePositionPatient = decimals(position)
        header.SliceLocation = decimals([position @ normal])[0]
        header.InstanceNumber = index + 1
        if header.Modality == "PT":
            header.ImageIndex = index + 1
        _save(header, pixels, folder / file_name(index + 1))


def write_tomogram(volume: Volume, header: Dataset, file: Path) -> None:
    """Write a volume as one multi-frame NM file; slices are stored along their normal.

    Some readers ignore the sign of the spacing, so a stack against its normal is turned over.

    Parameters
    ----------
    volume
        Image on any grid, also an oblique one.
    header
        Attributes of the file; it is changed.
    file
        File to write.
    """
    volume = _along_normal(volume)
    stored, grid = _describe(header, volume, None), volume.grid
    count = len(stored.pixels)
    detector = (header.get("DetectorInformationSequence") or [Dataset()])[0]
    detector.ImagePositionPatient = decimals(grid.origin)
    detector.ImageOrientationPatient = decimals(row_and_column(grid))
    detector.pop("ViewCodeSequence", None)
    if view := header.pop("ViewCodeSequence", None):
        detector.add(view)  # in NM the view belongs to the detector (C.8.4.11)
    if "CollimatorType" not in detector:
        detector.CollimatorType = None
    header.DetectorInformationSequence = Sequence([detector])
    header.NumberOfFrames = header.NumberOfSlices = count
    header.NumberOfDetectors = header.NumberOfEnergyWindows = header.NumberOfRotations = 1
    header.FrameIncrementPointer = Tag("SliceVector")
    header.SliceVector = list(range(1, count + 1))
    header.SpacingBetweenSlices = DSfloat(grid.spacing[2], auto_format=True)
    header.InstanceNumber = 1
    _save(header, stored.pixels, file)


def file_name(instance: int) -> str:
    """Return the name of a file of a series by its instance number, from 1."""
    return f"{instance:04d}.dcm"


def row_and_column(grid: Grid) -> FloatArray:
    """Return the directions of rows (to the next column) and of columns, six numbers."""
    return np.asarray(np.reshape(grid.direction, (3, 3))[:, :2].T.ravel())


def decimals(values: Iterable[Any]) -> list[DSfloat]:
    """Return numbers as DICOM decimal strings of at most 16 characters."""
    return [DSfloat(float(v) + 0.0, auto_format=True) for v in values]


def volume_digest(volume: Volume) -> str:
    """Return a hash of modality, grid and intensities; UIDs are made from it."""
    grid = volume.grid
    header = (
        f"{volume.modality} Grid(shape_zyx={grid.shape_zyx}, spacing={grid.spacing}, "
        f"origin={grid.origin}, direction={grid.direction})"
    ).encode()
    return sha256(header + np.ascontiguousarray(volume.array).tobytes()).hexdigest()


def uid_of(*parts: str) -> str:
    """Return a UID that is always the same for the same parts."""
    return str(generate_uid(entropy_srcs=["regkit", *parts]))


def _along_normal(volume: Volume) -> Volume:
    """Return a volume with its slices in the order of the normal of rows and columns."""
    if np.linalg.det(np.reshape(volume.grid.direction, (3, 3))) > 0:
        return volume
    affine, last = volume.grid.affine.copy(), volume.grid.shape_zyx[0] - 1
    affine[:3, 3] += last * affine[:3, 0]
    affine[:3, 0] *= -1
    return volume.with_array(volume.array[::-1], Grid.from_affine(volume.grid.shape_zyx, affine))


def _describe(header: Dataset, volume: Volume, scale: tuple[float, float] | None) -> StoredPixels:
    """Set the attributes of pixels and voxels; return the pixels."""
    array = np.nan_to_num(volume.array)  # integers have no NaN
    stored = StoredPixels.rounded(array, *scale) if scale else None
    stored = stored or StoredPixels.scaled(array)
    _, header.Rows, header.Columns = volume.grid.shape_zyx
    x, y, z = volume.grid.spacing
    header.PixelSpacing = decimals((y, x))
    header.SliceThickness = DSfloat(z, auto_format=True)
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit = 15
    header.PixelRepresentation = int(stored.pixels.dtype.kind == "i")
    header.RescaleSlope, header.RescaleIntercept = stored.slope, stored.intercept
    fill_required(header)
    return stored


def _save(header: Dataset, pixels: NDArray[Any], file: Path) -> None:
    header.SOPInstanceUID = uid_of(header.SeriesInstanceUID, str(header.InstanceNumber))
    header.add_new(Tag("PixelData"), "OW", np.ascontiguousarray(pixels).tobytes())
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.save_as(file, enforce_file_format=True)
