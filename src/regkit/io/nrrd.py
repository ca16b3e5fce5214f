"""Read and write NRRD files, .nrrd and .nhdr (https://teem.sourceforge.net/nrrd/format.html)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.volume import Volume
from regkit.io.data_files import file_beside, listed_files, numbered_files
from regkit.io.deflate import LEVEL
from regkit.io.header_geometry import header_affine, warn_of_missing
from regkit.io.nrrd_axes import NrrdAxes, nrrd_axes
from regkit.io.nrrd_header import NrrdHeader, nrrd_statements, read_nrrd_header
from regkit.io.number_text import number_text
from regkit.io.raw_image import RawImage, real_type, refuse_components, volume_shape, whole_type
from regkit.io.stored_voxels import AT_END, StoredVoxels
from regkit.io.text_header import quoted, whole_number, with_check
from regkit.io.vector_image import VectorImage

# Names of each type in the format; the first is written.
_NAMES = {
    "i1": ("int8", "signed char", "int8_t"),
    "u1": ("uint8", "uchar", "unsigned char", "uint8_t"),
    "i2": ("int16", "short", "short int", "signed short", "signed short int", "int16_t"),
    "u2": ("uint16", "ushort", "unsigned short", "unsigned short int", "uint16_t"),
    "i4": ("int32", "int", "signed int", "int32_t"),
    "u4": ("uint32", "uint", "unsigned int", "uint32_t"),
    "i8": ("int64", "longlong", "long long", "long long int", "signed long long",
           "signed long long int", "int64_t"),
    "u8": ("uint64", "ulonglong", "unsigned long long", "unsigned long long int", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}  # fmt: skip
_TYPES = {name: kind for kind, names in _NAMES.items() for name in names}
_ENCODINGS = {
    "raw": "raw",
    **dict.fromkeys(("gzip", "gz"), "packed"),
    **dict.fromkeys(("txt", "text", "ascii"), "text"),
    "hex": "hex",
}


def read_nrrd(path: Path, wanted: Any = None) -> RawImage:
    """Read a .nrrd or .nhdr file.

    Parameters
    ----------
    path
        The file.
    wanted
        Type to convert voxels to while they are read; None to keep that of the file.
    """
    header = read_nrrd_header(path)
    axes, kind = nrrd_axes(header), _voxel_type(header)
    if axes.is_complex:
        real_type(np.complex64)
    refuse_components(axes.components, kind)
    shape = volume_shape(axes.spatial_sizes)
    affine, modality = _place(header, axes, path)
    voxels = _stored(header, path, axes).read(kind, math.prod(shape), wanted)
    return RawImage(voxels.reshape(shape), affine, modality, whole_type(kind))


def read_nrrd_vectors(path: Path) -> VectorImage:
    """Read an image of vectors."""
    header = read_nrrd_header(path)
    axes, kind = nrrd_axes(header), _voxel_type(header)
    shape = volume_shape(axes.spatial_sizes)
    affine, _ = _place(header, axes, path)
    voxels = _stored(header, path, axes).read(kind, math.prod(axes.sizes), np.float64)
    array = voxels.reshape(axes.sizes[::-1])
    if axes.component_axis is not None:
        array = np.moveaxis(array, len(axes.sizes) - 1 - axes.component_axis, -1)
    return VectorImage(array.reshape(*shape, axes.components), affine)


def write_nrrd(volume: Volume, path: Path) -> None:
    """Write a .nrrd file, or a .nhdr file with its .raw.gz file, compressed."""
    write_nrrd_array(volume.array, volume.grid, path)


def write_nrrd_array(array: Any, grid: Grid, path: Path) -> None:
    """Write voxels or, with a fourth axis of components, vectors as `write_nrrd` does."""
    kind = array.dtype.newbyteorder("<")
    packed = igzip.compress(np.ascontiguousarray(array, kind).data, LEVEL, mtime=0)
    columns = np.reshape(grid.direction, (3, 3)) * grid.spacing
    vectors = [_vector(column) for column in columns.T]
    components = [array.shape[3]] if array.ndim == 4 else []
    detached = path.suffix.lower() == ".nhdr"
    data_file = path.with_suffix(".raw.gz")
    lines = [
        f"type: {_NAMES[kind.str[1:]][0]}",
        f"dimension: {array.ndim}",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, [*components, *grid.shape_zyx[::-1]]))}",
        f"space directions: {' '.join(['none'] * len(components) + vectors)}",
        f"kinds: {' '.join(['vector'] * len(components) + ['domain'] * 3)}",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector(grid.origin)}",
        *([f"data file: {data_file.name}"] if detached else []),
    ]
    fields = "".join(f"{line}\n" for line in lines).encode("utf-8")
    content = with_check(b"NRRD0004\n", "# ", fields + (b"" if detached else b"\n"))
    path.write_bytes(content if detached else content + packed)
    if detached:
        data_file.write_bytes(packed)


def _vector(numbers: Any) -> str:
    return f"({','.join(map(number_text, np.asarray(numbers, np.float64).tolist()))})"


def _voxel_type(header: NrrdHeader) -> np.dtype[Any]:
    name, order = header.required("type"), header.fields.get("endian", "").lower()
    kind = _TYPES.get(name.lower())
    if kind is None:
        raise FileFormatError(f"its type {quoted(name)} cannot be read; save it as float")
    if order not in ("little", "big", ""):
        raise FileFormatError(f"its endian must be little or big, got {quoted(order)}")
    encoding = header.required("encoding").lower()
    if not order and np.dtype(kind).itemsize > 1 and _ENCODINGS.get(encoding) != "text":
        raise FileFormatError("its header has no field 'endian', which its type needs")
    return np.dtype(kind).newbyteorder(">" if order == "big" else "<")


def _place(header: NrrdHeader, axes: NrrdAxes, path: Path) -> tuple[FloatArray, str]:
    """Return the affine and the modality."""
    stated = nrrd_statements(header.fields, path)
    affine = header_affine(axes.axes, axes.origin, stated)
    warn_of_missing(stated, path)
    return affine, stated.modality


def _stored(header: NrrdHeader, path: Path, axes: NrrdAxes) -> StoredVoxels:
    name = header.required("encoding")
    encoding = _ENCODINGS.get(name.lower())
    if encoding is None:
        raise FileFormatError(f"its encoding {quoted(name)} cannot be read; save it as gzip")
    lines, skipped = (
        whole_number(header.fields.get(field, "0"), field) for field in ("line skip", "byte skip")
    )
    if lines < 0 or skipped < AT_END:
        raise FileFormatError(f"cannot skip {lines} lines and {skipped} bytes")
    files, start = _files(header, path, axes.sizes), 0
    if not files:
        files, start = [path], header.size
    return StoredVoxels(tuple(files), encoding, start, lines, skipped)


def _files(header: NrrdHeader, path: Path, sizes: tuple[int, ...]) -> list[Path]:
    """Return the data files that the header names; none if the voxels follow it."""
    name = header.fields.get("data file", "")
    words = name.split()
    if not words:
        return []
    if words[0] == "LIST":
        return listed_files(path, header.files, _needed(words[1:], sizes))
    if "%" in words[0]:
        return numbered_files(path, words[:4], _needed(words[4:], sizes))
    return [file_beside(path, name)]


def _needed(words: list[str], sizes: tuple[int, ...]) -> int:
    """Return the number of files, from that of the axes in each; 0 for any, of whole slices."""
    axes = whole_number(words[0], "the axes of a data file") if words else len(sizes) - 1
    if not 0 < axes <= len(sizes):
        raise FileFormatError(f"a data file must have 1 to {len(sizes)} axes, got {axes}")
    return math.prod(sizes[axes:]) if axes < len(sizes) else 0
