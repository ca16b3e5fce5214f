"""Small image files whose headers are written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

SIZE_XYZ = (5, 4, 3)
VOXELS = np.arange(60, dtype="<u2")
PLACED_NRRD = (
    "space: left-posterior-superior",
    "space directions: (2,0,0) (0,2,0) (0,0,3)",
    "space origin: (-30,40,5)",
)
PLACED_METAIMAGE = (
    "TransformMatrix = 1 0 0 0 1 0 0 0 1",
    "Offset = -30 40 5",
    "ElementSpacing = 2 2 3",
)


def write_nrrd(path: Path, *lines: str) -> Path:
    """Write a NRRD file of 5 x 4 x 3 voxels with further lines of its header."""
    start = ["NRRD0004", "type: uint16", "encoding: raw", "endian: little", "dimension: 3"]
    header = "\n".join([*start, "sizes: 5 4 3", *lines]) + "\n\n"
    path.write_bytes(header.encode() + VOXELS.tobytes())
    return path


def write_metaimage(path: Path, *lines: str, first: str = "ObjectType = Image") -> Path:
    """Write a MetaImage file of 5 x 4 x 3 voxels with further lines of its header."""
    start = [first, "NDims = 3", "BinaryData = True", "BinaryDataByteOrderMSB = False"]
    end = ["DimSize = 5 4 3", "ElementType = MET_USHORT", "ElementDataFile = LOCAL"]
    path.write_bytes("\n".join([*start, *lines, *end, ""]).encode() + VOXELS.tobytes())
    return path


def write_nifti(path: Path, **fields: Any) -> Path:
    """Write a NIfTI file of 5 x 4 x 3 voxels, placed by sform and qform, then change fields."""
    image = nib.Nifti1Image(VOXELS.reshape(SIZE_XYZ[::-1]).T, np.eye(4))
    placed = np.array([[-2, 0, 0, 30], [0, 2, 0, -40], [0, 0, 3, 5], [0, 0, 0, 1.0]])
    image.set_sform(placed, 1)
    image.set_qform(placed, 1)
    image.header.set_xyzt_units("mm")
    content = image.to_bytes()
    header = nib.Nifti1Header(content[:348], check=False)
    for name, value in fields.items():  # unmended, as nibabel would not write them
        header[name] = value
    path.write_bytes(header.binaryblock + content[348:])
    return path


def write_mgh(path: Path, *, good_ras: int = 1, kind: int = 4) -> Path:
    """Write an MGH file of 5 x 4 x 3 voxels of 2 x 2 x 3 mm."""
    affine = np.array([[-2, 0, 0, 30], [0, 2, 0, -40], [0, 0, 3, 5], [0, 0, 0, 1.0]])
    nib.MGHImage(VOXELS.reshape(SIZE_XYZ[::-1]).T.astype(np.int16), affine).to_filename(path)
    content = bytearray(path.read_bytes())
    content[20:24] = kind.to_bytes(4, "big")
    content[28:30] = good_ras.to_bytes(2, "big", signed=True)
    path.write_bytes(bytes(content))
    return path
