"""Read and write FreeSurfer's .mgh and .mgz files."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from regkit.errors import FileFormatError
from regkit.geometry.volume import Volume
from regkit.io.nifti import write_nibabel_image
from regkit.io.raw_bytes import decode_voxels, read_bytes
from regkit.io.raw_image import RawImage, lps_from_ras, ras_from_lps, volume_shape

logger = logging.getLogger(__name__)

# The voxels start at this byte (FreeSurfer's MGH format).
HEADER_BYTES = 284
_VERSION = b"\x00\x00\x00\x01"
_TYPES = (np.uint8, np.int16, np.int32, np.float32)
# Byte of the int16 that says whether the header states the place (FreeSurfer's MGH format).
_GOOD_RAS_BYTE = 28
# Unsigned 16-bit integers of newer versions of FreeSurfer (mri.h), which nibabel does not know.
_USHORT = 10


def read_mgh(path: Path) -> RawImage:
    """Read a .mgh or .mgz file."""
    content = read_bytes(path)
    if len(content) < HEADER_BYTES:
        raise FileFormatError("the file is truncated: it ends inside its header")
    if content[:4] != _VERSION:
        raise FileFormatError("is not MGH: its first bytes are no MGH header")
    header_class = nib.MGHImage.header_class
    # The footer is not needed; nibabel pads it.
    header = header_class.from_fileobj(io.BytesIO(content[:HEADER_BYTES]), check=False)
    if int.from_bytes(content[_GOOD_RAS_BYTE : _GOOD_RAS_BYTE + 2], "big", signed=True) <= 0:
        # FreeSurfer's own assumption, which nibabel shares.
        logger.warning(
            "%s states no place: coronal slices, voxels of 1 mm and the center at zero are a guess",
            path,
        )
        header._set_affine_default()
    array = decode_voxels(
        content, _voxel_type(header), volume_shape(header["dims"]), HEADER_BYTES
    )
    return RawImage(array, lps_from_ras(header.get_affine()))


def write_mgh(volume: Volume, path: Path) -> None:
    """Write a .mgh or .mgz file."""
    if volume.array.dtype.type not in _TYPES:
        raise FileFormatError(
            f"MGH cannot hold labels of type {volume.array.dtype}; write NIfTI (.nii.gz)"
        )
    image = nib.MGHImage(volume.array.T, ras_from_lps(volume.grid.affine))
    write_nibabel_image(image, path, compressed=path.name.lower().endswith("z"))


def _voxel_type(header: Any) -> Any:
    code = int(header["type"])
    if code == _USHORT:
        return np.dtype(">u2")
    try:
        return header.get_data_dtype()
    except KeyError as error:
        raise FileFormatError(f"its MGH voxel type {code} cannot be read") from error
