"""Headers of a DICOM image that something is derived from: patient, study, frame of reference."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pydicom
from pydicom.dataset import Dataset

from regkit.errors import FileFormatError
from regkit.io.dicom import image_files
from regkit.io.dicom_headers import open_dicom
from regkit.io.dicom_image import STORAGE, uid_of
from regkit.io.formats import is_dicom
from regkit.io.images import reported_errors
from regkit.io.native_output import suppress_pydicom
from regkit.io.selection import ONLY_IMAGE, ImageSelection

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class DicomSource:
    """The files of one DICOM image and their headers, without pixels.

    Parameters
    ----------
    path
        Folder or file that the user gave.
    files
        Files of the image, in the order of their names.
    headers
        Header of each file.
    window
        Number of the energy window of a nuclear-medicine image, from 1; 0 for the only one.
    """

    path: Path
    files: tuple[Path, ...]
    headers: tuple[Any, ...]
    window: int = 0

    @property
    def first(self) -> Any:
        """Header of the slice that was acquired first."""
        return min(self.headers, key=_acquired)

    @property
    def modality(self) -> str:
        """Modality as DICOM writes it, such as ``PT``."""
        return str(self.first.get("Modality", ""))

    @cached_property
    def frame_of_reference(self) -> str:
        """UID of the frame of reference; made from the series where the header has none."""
        named = self.first.get("FrameOfReferenceUID")
        if not named:
            logger.warning("%s names no frame of reference: a new one stands for it", self.path)
        return str(named or uid_of(str(self.first.SeriesInstanceUID), "frame of reference"))

    @property
    def patient(self) -> tuple[str, str]:
        """Identity of the patient: ID and name."""
        return str(self.first.get("PatientID", "")), str(self.first.get("PatientName", ""))

    def references(self) -> list[Dataset]:
        """Return an item of a Referenced Image Sequence for each file."""
        return [reference_to(header) for header in self.headers]


@suppress_pydicom()
def read_dicom_source(path: Path, selection: ImageSelection = ONLY_IMAGE) -> DicomSource:
    """Read the headers of a DICOM image, so that images can be derived from it.

    Raises
    ------
    FileFormatError
        The path is not DICOM, or an image of a class that regkit does not write.
    """
    if not is_dicom_image(path):
        raise FileFormatError(
            f"{path}: is not DICOM, so patient, study and frame of reference are unknown; DICOM "
            "output needs DICOM images"
        )
    with reported_errors(path):
        files = tuple(image_files(path, selection))
    headers = tuple(map(_whole_header, files))
    source = DicomSource(path, files, headers, selection.window)
    if source.modality not in STORAGE:
        raise FileFormatError(
            f"{path}: is a DICOM image of modality {source.modality or 'unknown'}; DICOM output "
            f"is written for {', '.join(STORAGE)}"
        )
    return source


def is_dicom_image(path: Path) -> bool:
    """Return whether a path exists and is read as DICOM."""
    return path.exists() and is_dicom(path)


@suppress_pydicom()
def _whole_header(file: Path) -> Any:
    with open_dicom(file) as stream:
        return pydicom.dcmread(stream, stop_before_pixels=True, force=True)


def warn_of_other_patient(fixed: DicomSource, moving: DicomSource) -> None:
    """Warn when two images name different patients: their derived images would be mixed up."""
    if fixed.patient != moving.patient:
        logger.warning(
            "%s and %s name different patients (%s and %s): derived images are filed under the "
            "second",
            fixed.path,
            moving.path,
            fixed.patient[0] or "no ID",
            moving.patient[0] or "no ID",
        )


def reference_to(header: Any) -> Dataset:
    """Return an item that refers to the file of a header."""
    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return item


def _acquired(header: Any) -> tuple[str, str, int]:
    day, clock = header.get("AcquisitionDate"), header.get("AcquisitionTime")
    return str(day or ""), str(clock or ""), int(header.get("InstanceNumber") or 0)
