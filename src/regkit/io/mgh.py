"""Read and write FreeSurfer's .mgh and .mgz files."""

from __future__ import annotations

import io
import logging
import math
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from regkit.errors import FileFormatError
from regkit.geometry.volume import Volume
from regkit.io.deflate import output_stream
from regkit.io.raw_bytes import (
    content_stream,
    largest_content,
    read_exactly,
    read_rest,
    read_voxels,
)
from regkit.io.raw_image import RawImage, lps_from_ras, ras_from_lps, volume_shape
from regkit.io.sidecar import sidecar_modality

logger = logging.getLogger(__name__)

# The voxels start at this byte (FreeSurfer's MGH format).
HEADER_BYTES = 284
_VERSION = b"\x00\x00\x00\x01"
_TYPES = (np.uint8, np.int16, np.int32, np.float32)
# Byte of the int16 that says whether the header states the place (FreeSurfer's MGH format).
_GOOD_RAS_BYTE = 28
# Floats behind the voxels: TR, flip angle, TE and TI (FreeSurfer's MGH format).
_SCAN_PARAMETERS = 4
# Byte of the voxel type, an int32, and the types that it names (FreeSurfer's mri.h).
_TYPE_BYTE = 20
_READABLE = {0: ">u1", 1: ">i4", 3: ">f4", 4: ">i2", 10: ">u2"}


def read_mgh(path: Path) -> RawImage:
    """Read a .mgh or .mgz file."""
    with content_stream(path) as stream:
        head = read_exactly(stream, HEADER_BYTES)
        kind = _voxel_type(head)
        header = _header(head, path)
        shape = volume_shape(header["dims"])
        most = largest_content(path) - HEADER_BYTES
        array = read_voxels(stream, kind, math.prod(shape), most).reshape(shape)
        footer = read_rest(stream)
    modality = sidecar_modality(path) or _scan_modality(footer)
    return RawImage(array, lps_from_ras(header.get_affine()), modality)


def _voxel_type(head: bytes) -> str:
    """Return the type of the voxels; refuse what is no header of MGH."""
    if len(head) < HEADER_BYTES:
        raise FileFormatError("the file is truncated: it ends inside its header")
    if head[:4] != _VERSION:
        raise FileFormatError("is not MGH: its first bytes are no MGH header")
    code = int.from_bytes(head[_TYPE_BYTE : _TYPE_BYTE + 4], "big")
    if code not in _READABLE:
        raise FileFormatError(f"its MGH voxel type {code} cannot be read; save it as float")
    return _READABLE[code]


def _header(head: bytes, path: Path) -> Any:
    """Return nibabel's header; the footer is not needed, nibabel pads it."""
    if int.from_bytes(head[_GOOD_RAS_BYTE : _GOOD_RAS_BYTE + 2], "big", signed=True) <= 0:
        logger.warning(
            "%s states no place; assumed, as a guess, as FreeSurfer does: coronal slices, voxels "
            "of 1 mm, the center at zero",
            path,
        )
        # nibabel makes the same assumption where the flag is 0.
        head = head[:_GOOD_RAS_BYTE] + bytes(2) + head[_GOOD_RAS_BYTE + 2 :]
    return nib.MGHImage.header_class.from_fileobj(io.BytesIO(head), check=False)


def _scan_modality(footer: bytes) -> str:
    """Return ``mr`` if a time of repetition, echo or inversion, or a flip angle, is stated."""
    stated = np.frombuffer(footer[: len(footer) // 4 * 4], ">f4")[:_SCAN_PARAMETERS]
    return "mr" if (np.isfinite(stated) & (stated > 0)).any() else ""


def write_mgh(volume: Volume, path: Path) -> None:
    """Write a .mgh or .mgz file."""
    if volume.array.dtype.type not in _TYPES:
        raise FileFormatError(
            f"MGH cannot hold labels of type {volume.array.dtype}; write NIfTI (.nii.gz)"
        )
    image = nib.MGHImage(volume.array.T, ras_from_lps(volume.grid.affine))
    with output_stream(path, compressed=path.name.lower().endswith("z")) as stream:
        image.to_stream(stream)
