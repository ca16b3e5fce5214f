"""Read the header of a DICOM file, and the frames that it describes."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import IO, Any

from pydicom.datadict import tag_for_keyword
from pydicom.filereader import read_partial
from pydicom.tag import BaseTag
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, MediaStorageDirectoryStorage

from regkit.errors import FileFormatError
from regkit.io.dicom_frames import DicomFrame, build_frame, frame_count, header_labels
from regkit.io.dicom_multiframe import (
    MULTIFRAME_ATTRIBUTES,
    dose_frames,
    enhanced_frames,
    nuclear_frames,
)
from regkit.io.limits import max_voxels
from regkit.io.raw_bytes import is_gzipped, read_bytes
from regkit.io.real_world_values import MAPPING, RESCALE
from regkit.io.suv import SUV_ATTRIBUTES, SUV_PRIVATE_TAGS

# Attributes by which the volumes of a series of single slices differ, and their names.
_LABELS = {
    "AcquisitionNumber": "acquisition",
    "TemporalPositionIdentifier": "temporal position",
    "EchoTime": "echo time",
    "InversionTime": "inversion time",
    "FlipAngle": "flip angle",
    "DiffusionBValue": "b-value",
    "DiffusionGradientOrientation": "gradient direction",
    "NominalPercentageOfCardiacPhase": "cardiac phase",
    "TriggerTime": "trigger time",
    "FrameReferenceTime": "frame reference time",
    "ImageType": "image type",
    "ContrastBolusAgent": "contrast agent",
    "ConvolutionKernel": "convolution kernel",
    "AcquisitionTime": "acquisition time",
}
# The attributes that are read; the rest of a header is not parsed, which saves time.
_ATTRIBUTES = (
    "SOPClassUID", "SOPInstanceUID", "Modality", "SeriesInstanceUID", "SeriesNumber",
    "SeriesDescription", "FrameOfReferenceUID", "ImageType", "Rows", "Columns", "NumberOfFrames",
    "SamplesPerPixel",
    "PixelRepresentation",
    "PhotometricInterpretation", "ImagePositionPatient", "ImageOrientationPatient",
    "PixelSpacing", "SpacingBetweenSlices", *RESCALE, MAPPING,
    *_LABELS, *MULTIFRAME_ATTRIBUTES, *SUV_ATTRIBUTES,
)  # fmt: skip
_TAGS: list[BaseTag | int] = [
    *(tag_for_keyword(keyword) or 0 for keyword in _ATTRIBUTES),
    *SUV_PRIVATE_TAGS,
]
_PIXEL_DATA = {0x7FE00008, 0x7FE00009, 0x7FE00010}
# Names of the SOP classes that hold pixels end so; PS3.6 names the others with "Image Storage".
_IMAGE_CLASSES = (
    "RT Dose Storage",
    "Parametric Map Storage",
    "Segmentation Storage",
    "Enhanced US Volume Storage",
)
_UNDEFINED_LENGTH = 0xFFFFFFFF


def read_dicom_header(path: Path) -> Any:
    """Return the attributes of a DICOM file that regkit reads, as a `pydicom` dataset.

    Raises
    ------
    FileFormatError
        The file is cut short: its header or its pixel data end early.
    """
    with open_dicom(path) as stream:
        pixels = _PixelData()
        try:
            header = read_partial(
                stream, stop_when=pixels.reached, force=True, specific_tags=_TAGS
            )
        except Exception as error:
            # pydicom raises many types of errors when a header ends early or is no header.
            raise FileFormatError("its header is cut short or damaged") from error
        frame_count(header)
        if not pixels.found and _holds_pixels(header):
            raise FileFormatError("it is cut short: it ends before its pixel data")
        if pixels.found and not _is_deflated(header):
            missing = pixels.end(stream.tell()) - stream.seek(0, 2)
            if missing > 0:
                raise FileFormatError(f"it is cut short: {missing} bytes of pixels are missing")
    return header


def open_dicom(path: Path) -> IO[bytes]:
    """Open a DICOM file, unpacking it if it is gzipped."""
    # Voxels of DICOM have 16 bits.
    return BytesIO(read_bytes(path, 2 * max_voxels())) if is_gzipped(path) else path.open("rb")


def frames_of(header: Any, path: Path) -> list[DicomFrame]:
    """Return the slices a DICOM header describes.

    Raises
    ------
    FileFormatError
        The file is no image, is in color, lacks the positions of its slices, or contradicts
        itself.
    """
    _check_is_volume_data(header)
    if header.get("PerFrameFunctionalGroupsSequence"):
        return enhanced_frames(header, path)
    if header.get("Modality") == "NM" or header.get("DetectorInformationSequence"):
        return nuclear_frames(header, path)
    if header.get("Modality") == "RTDOSE":
        return dose_frames(header, path)
    if frame_count(header) > 1:
        raise FileFormatError(f"has {frame_count(header)} frames and lacks the position of each")
    return [build_frame(header, path, 0, [header], header_labels(header, _LABELS))]


class _PixelData:
    """The place of the pixel data, noted while `pydicom` reads the header before them."""

    def __init__(self) -> None:
        self.found = False
        self.length = 0
        self.header_bytes = 8

    def reached(self, tag: int, vr: str | None, length: int) -> bool:
        """Note the pixel data if a tag is theirs; reading stops there."""
        if int(tag) not in _PIXEL_DATA:
            return False
        self.found, self.length = True, length
        self.header_bytes = 8 if vr is None or vr in {"US", "SS"} else 12
        return True

    def end(self, start: int) -> int:
        """Return the smallest size of a file whose pixel data begin at a byte."""
        length = 0 if self.length == _UNDEFINED_LENGTH else self.length
        return start + self.header_bytes + length


def _is_deflated(header: Any) -> bool:
    syntax = header.file_meta.get("TransferSyntaxUID")
    return bool(syntax == DeflatedExplicitVRLittleEndian)


def _holds_pixels(header: Any) -> bool:
    """Return whether a whole file of this kind has pixel data.

    A header that ends before the modality, which every object but a DICOMDIR has, is cut short
    and may be that of an image.
    """
    if not header.get("Modality"):
        return not _is_directory(header)
    kind = UID(str(header.get("SOPClassUID") or ""))
    return "Image Storage" in kind.name or kind.name in _IMAGE_CLASSES


def _is_directory(header: Any) -> bool:
    return bool(header.file_meta.get("MediaStorageSOPClassUID") == MediaStorageDirectoryStorage)


def _check_is_volume_data(header: Any) -> None:
    if header.get("Modality") == "REG":
        raise FileFormatError(
            "is a DICOM registration object, a transform and no image: give it where a transform "
            "is asked for"
        )
    if not header.get("Rows") or not header.get("Columns"):
        raise FileFormatError(f"is a DICOM {object_kind(header)} without an image")
    if header.get("Modality") == "SEG":
        raise FileFormatError(
            "is a DICOM segmentation object, no image; give it where labels or a mask are wanted"
        )
    if header.get("SamplesPerPixel", 1) != 1 or "PALETTE" in str(
        header.get("PhotometricInterpretation", "")
    ):
        raise FileFormatError("is a color picture; one number per voxel is needed")
    if "MOSAIC" in (header.get("ImageType") or []):
        raise FileFormatError(
            "is a Siemens mosaic (the slices side by side in one picture); convert it with "
            "dcm2niix first"
        )


def object_kind(header: Any) -> str:
    """Return the modality of a DICOM object, or DICOMDIR."""
    if _is_directory(header):
        return "directory (DICOMDIR)"
    return str(header.get("Modality") or "object")
