"""Decode the stored pixel values of a DICOM file, compressed or not."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.pixels import apply_modality_lut
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    RLELossless,
)

from regkit.errors import FileFormatError
from regkit.io.dicom_headers import open_dicom

# Attributes that GDCM needs to decode pixels; without those of the rescaling, so that it
# returns stored values.
_PIXEL_ATTRIBUTES = (
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
)  # fmt: skip
# Elements that hold pixels: integers, 32-bit and 64-bit floats (PS3.3, C.7.6.24).
_PIXEL_DATA = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


def stored_values(path: Path) -> NDArray[Any]:
    """Return the pixels of a grey-scale file, shape (frames, rows, columns), before rescaling.

    They are as stored, or looked up in the file's Modality LUT if it has one.

    Raises
    ------
    FileFormatError
        The pixels are missing, truncated or cannot be decoded, or there are more of them than
        the header says.
    """
    with open_dicom(path) as stream:
        dataset = pydicom.dcmread(stream, force=True)
        held = [name for name in _PIXEL_DATA if name in dataset]
    if not held:
        raise FileFormatError(f"{path.name} has no pixel data, or they are cut short")
    syntax = dataset.file_meta.get("TransferSyntaxUID") or _guessed_syntax(dataset)
    dataset.file_meta.TransferSyntaxUID = syntax
    if not syntax.is_compressed:
        _check_frame_count(dataset, len(dataset[held[0]].value or b""), path)
    try:
        if syntax.is_compressed and syntax.is_encapsulated and syntax != RLELossless:
            pixels = _decoded_by_gdcm(dataset)
        else:
            pixels = dataset.pixel_array
    except Exception as error:
        # The decoders raise many types of errors; each means that decoding failed.
        reason = " ".join(str(error).split())[-200:]
        raise FileFormatError(f"the pixels of {path.name} cannot be decoded ({reason})") from error
    if dataset.get("ModalityLUTSequence"):  # instead of a rescale slope (PS3.3, C.11.1)
        pixels = apply_modality_lut(pixels, dataset)
    return np.asarray(pixels).reshape((-1, *pixels.shape[-2:]))


def _check_frame_count(dataset: Any, held: int, path: Path) -> None:
    """Raise an error for pixel data of a whole frame more than the header's number of frames."""
    bits = int(dataset.get("BitsAllocated") or 8)
    frame = int(dataset.Rows) * int(dataset.Columns) * bits // 8
    stated = int(dataset.get("NumberOfFrames") or 1)
    if frame and held >= frame * (stated + 1):
        raise FileFormatError(
            f"{path.name} contradicts itself: its pixel data hold {held // frame} frames, "
            f"NumberOfFrames says {stated}; export it again"
        )


def _guessed_syntax(dataset: Any) -> Any:
    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _decoded_by_gdcm(dataset: Any) -> NDArray[Any]:
    bare = pydicom.Dataset()
    for name in _PIXEL_ATTRIBUTES:
        if name in dataset:
            bare[name] = dataset[name]
    bare.SOPInstanceUID = "2.25.1"  # a file must have one
    bare.SOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    bare.file_meta = pydicom.dataset.FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = dataset.file_meta.TransferSyntaxUID
    with tempfile.TemporaryDirectory(prefix="regkit-") as folder:
        file = Path(folder) / "pixels.dcm"
        bare.save_as(file, enforce_file_format=True)
        return np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(file))))
