"""Read and write FreeSurfer's .mgh and .mgz files."""

from __future__ import annotations

import io
from pathlib import Path

import nibabel as nib
import numpy as np

from regkit.errors import FileFormatError
from regkit.geometry.volume import Volume
from regkit.io.nifti import write_nibabel_image
from regkit.io.raw_bytes import decode_voxels, read_bytes
from regkit.io.raw_image import RawImage, lps_from_ras, ras_from_lps, volume_shape

# The voxels start at this byte (FreeSurfer's MGH format).
HEADER_BYTES = 284
_VERSION = b"\x00\x00\x00\x01"
_TYPES = (np.uint8, np.int16, np.int32, np.float32)


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
    shape = volume_shape(header["dims"])
    array = decode_voxels(content, header.get_data_dtype(), shape, HEADER_BYTES)
    return RawImage(array, lps_from_ras(header.get_affine()))


def write_mgh(volume: Volume, path: Path) -> None:
    """Write a .mgh or .mgz file."""
    if volume.array.dtype.type not in _TYPES:
        raise FileFormatError(
            f"MGH cannot hold labels of type {volume.array.dtype}; write NIfTI (.nii.gz)"
        )
    image = nib.MGHImage(volume.array.T, ras_from_lps(volume.grid.affine))
    write_nibabel_image(image, path, compressed=path.name.lower().endswith("z"))
