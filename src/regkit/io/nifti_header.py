"""The header of NIfTI-1 and NIfTI-2 files, as far as an image needs it.

The layout is that of the standards, nifti1.h and nifti2.h (https://nifti.nimh.nih.gov). nibabel
reads it as well, and tests compare with it, but importing it takes longer than a registration.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray
from regkit.geometry.rotation import nearest_rotation, quaternion_of

# A structured array without axes: fields by their names in the standard.
NiftiHeader: TypeAlias = Any

# Name, type and offset in bytes in NIfTI-1 and in NIfTI-2.
_FIELDS = (
    ("sizeof_hdr", "i4", 0, "i4", 0),
    ("dim", "8i2", 40, "8i8", 16),
    ("intent_code", "i2", 68, "i4", 504),
    ("datatype", "i2", 70, "i2", 12),
    ("bitpix", "i2", 72, "i2", 14),
    ("pixdim", "8f4", 76, "8f8", 104),
    ("vox_offset", "f4", 108, "i8", 168),
    ("scl_slope", "f4", 112, "f8", 176),
    ("scl_inter", "f4", 116, "f8", 184),
    ("xyzt_units", "u1", 123, "i4", 500),
    ("descrip", "S80", 148, "S80", 240),
    ("qform_code", "i2", 252, "i4", 344),
    ("sform_code", "i2", 254, "i4", 348),
    ("quatern_b", "f4", 256, "f8", 352),
    ("quatern_c", "f4", 260, "f8", 360),
    ("quatern_d", "f4", 264, "f8", 368),
    ("qoffset_x", "f4", 268, "f8", 376),
    ("qoffset_y", "f4", 272, "f8", 384),
    ("qoffset_z", "f4", 276, "f8", 392),
    ("srow_x", "4f4", 280, "4f8", 400),
    ("srow_y", "4f4", 296, "4f8", 432),
    ("srow_z", "4f4", 312, "4f8", 464),
    ("magic", "S4", 344, "S4", 4),
)
# Types of voxels by their codes; those that numpy lacks, such as colors, by their sizes in bytes.
_TYPES = {
    2: "u1", 4: "i2", 8: "i4", 16: "f4", 32: "c8", 64: "f8", 128: "V3", 256: "i1", 512: "u2",
    768: "u4", 1024: "i8", 1280: "u8", 1536: "V16", 1792: "c16", 2048: "V32", 2304: "V4",
}  # fmt: skip
_CODES = {kind: code for code, kind in _TYPES.items()}
# Start of the voxels in a single file of NIfTI-1 without extensions.
_VOXEL_OFFSET = 352
_MAX_DIMENSION = 7
_SCANNER, _MILLIMETERS = 1, 2  # codes of the standard


def _layout(version: int) -> np.dtype[Any]:
    first = 1 + 2 * (version - 1)
    fields = [(field[0], field[first], field[first + 1]) for field in _FIELDS]
    names, formats, offsets = zip(*fields, strict=True)
    size = (348, 540)[version - 1]
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": size})


_LAYOUTS = {layout.itemsize: layout for layout in map(_layout, (1, 2))}
LONGEST_HEADER = max(_LAYOUTS)


def parse_header(content: bytes) -> NiftiHeader:
    """Return the header that a file's content begins with, of either byte order.

    Raises
    ------
    FileFormatError
        The content is truncated, is Analyze 7.5, or is no NIfTI.
    """
    for order in ("<", ">"):
        size = int(np.frombuffer(content[:4].ljust(4, b"\0"), f"{order}i4")[0])
        layout = _LAYOUTS.get(size)
        if layout is not None and len(content) < size:
            raise FileFormatError("the file is truncated: it ends inside its header")
        if layout is not None:
            header = np.frombuffer(content[:size], layout.newbyteorder(order)).reshape(())
            if bytes(header["magic"])[:2] in (b"n+", b"ni"):
                return header
            raise FileFormatError(
                "is Analyze 7.5, which does not store the orientation; convert it to NIfTI"
            )
    raise FileFormatError("is not NIfTI: its first bytes are no NIfTI header")


def header_shape(header: NiftiHeader) -> tuple[int, ...]:
    """Return the number of voxels along each axis, x first.

    Raises
    ------
    FileFormatError
        The number of dimensions is impossible.
    """
    count, *sizes = (int(n) for n in header["dim"])
    if not 1 <= count <= _MAX_DIMENSION:
        raise FileFormatError(f"its number of dimensions, dim[0], must be 3 to 7, got {count}")
    return tuple(sizes[:count])


def header_dtype(header: NiftiHeader) -> np.dtype[Any]:
    """Return the type of the voxels.

    Raises
    ------
    FileFormatError
        The type is unknown, or of single bits.
    """
    code = int(header["datatype"])
    if code not in _TYPES:
        raise FileFormatError(
            f"its voxel type, NIfTI code {code}, cannot be read; save it as float32"
        )
    order = header.dtype["dim"].base.byteorder
    return np.dtype(_TYPES[code]).newbyteorder(order)


def header_sform(header: NiftiHeader) -> FloatArray:
    """Return the 4 x 4 matrix of the sform, from (i, j, k, 1) to RAS in the unit of the file."""
    rows = [header[f"srow_{axis}"] for axis in "xyz"]
    return np.array([*rows, (0.0, 0.0, 0.0, 1.0)], dtype=np.float64)


def new_header(shape_xyz: tuple[int, ...], dtype: Any, affine: FloatArray) -> NiftiHeader:
    """Make the header of a little-endian single file, sform and qform in scanner coordinates.

    Parameters
    ----------
    shape_xyz
        Number of voxels along x, y, z.
    dtype
        Type of the voxels.
    affine
        4 x 4 matrix from index (i, j, k, 1) to RAS mm, without shear.
    """
    kind = np.dtype(dtype)
    header = np.zeros((), _LAYOUTS[348].newbyteorder("<"))
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    mirrored = np.linalg.det(affine[:3, :3]) < 0
    fields = {
        "sizeof_hdr": 348,
        "dim": (3, *shape_xyz, 1, 1, 1, 1),
        "datatype": _CODES[kind.str[1:]],
        "bitpix": 8 * kind.itemsize,
        "pixdim": (-1.0 if mirrored else 1.0, *sizes, 1, 1, 1, 1),
        "vox_offset": _VOXEL_OFFSET,
        "scl_slope": 1.0,
        "xyzt_units": _MILLIMETERS,
        "qform_code": _SCANNER,
        "sform_code": _SCANNER,
        "magic": b"n+1",
    }
    fields |= {f"srow_{axis}": row for axis, row in zip("xyz", affine, strict=False)}
    fields |= {f"qoffset_{axis}": row[3] for axis, row in zip("xyz", affine, strict=False)}
    rotation = affine[:3, :3] / sizes * (1.0, 1.0, -1.0 if mirrored else 1.0)
    vector = quaternion_of(nearest_rotation(rotation))[1:]
    fields |= {f"quatern_{part}": number for part, number in zip("bcd", vector, strict=True)}
    for name, value in fields.items():
        header[name] = value
    return header


def header_bytes(header: NiftiHeader) -> bytes:
    """Return what a single file of NIfTI-1 begins with, up to its voxels."""
    return bytes(header.tobytes()).ljust(_VOXEL_OFFSET, b"\0")
