"""Decode the stored pixel values of a DICOM file, compressed or not."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    RLELossless,
)

from regkit.errors import FileFormatError

# Attributes that GDCM needs to decode pixels; without those of the rescaling, so that it
# returns stored values.
_PIXEL_ATTRIBUTES = (
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation",
    "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation", "PixelData",
)  # fmt: skip


def stored_values(path: Path) -> NDArray[Any]:
    """Return the pixels of a grey-scale file as stored, shape (frames, rows, columns).

    Raises
    ------
    FileFormatError
        The pixels are missing, truncated or cannot be decoded.
    """
    dataset = pydicom.dcmread(path, force=True)
    if "PixelData" not in dataset:
        raise FileFormatError(f"{path.name} has no pixel data")
    syntax = dataset.file_meta.get("TransferSyntaxUID") or _guessed_syntax(dataset)
    dataset.file_meta.TransferSyntaxUID = syntax
    try:
        if syntax.is_compressed and syntax.is_encapsulated and syntax != RLELossless:
            pixels = _decoded_by_gdcm(dataset)
        else:
            pixels = dataset.pixel_array
    except Exception as error:
        # The decoders raise many types of errors; each means that decoding failed.
        reason = " ".join(str(error).split())[-200:]
        raise FileFormatError(f"the pixels of {path.name} cannot be decoded ({reason})") from error
    return np.asarray(pixels).reshape((-1, *pixels.shape[-2:]))


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
