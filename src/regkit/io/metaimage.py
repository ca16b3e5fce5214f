"""Read and write MetaImage files, .mha and .mhd (https://itk.org/Wiki/MetaIO/Documentation)."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from isal import isal_zlib

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.volume import Volume
from regkit.io.data_files import file_beside, listed_files, numbered_files
from regkit.io.deflate import LEVEL
from regkit.io.header_geometry import header_affine, singular_directions, warn_of_missing
from regkit.io.metaimage_header import (
    MetaImageHeader,
    metaimage_statements,
    read_metaimage_header,
)
from regkit.io.number_text import number_text
from regkit.io.raw_image import RawImage, refuse_components, volume_shape, whole_type
from regkit.io.stored_voxels import AT_END, StoredVoxels
from regkit.io.text_header import (
    quoted,
    some_numbers,
    whole_number,
    whole_numbers,
    with_check,
)
from regkit.io.vector_image import VectorImage

# MET_LONG has 32 bits in every file, whatever a long is to a compiler.
_TYPES = {
    "MET_CHAR": "i1", "MET_ASCII_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2",
    "MET_USHORT": "u2", "MET_INT": "i4", "MET_UINT": "u4", "MET_LONG": "i4", "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8", "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
_WRITTEN = {kind: name for name, kind in reversed(_TYPES.items())}
_MAX_DIMENSION = 7  # as NIfTI has


def read_metaimage(path: Path, wanted: Any = None) -> RawImage:
    """Read a .mha or .mhd file.

    Parameters
    ----------
    path
        The file.
    wanted
        Type to convert voxels to while they are read; None to keep that of the file.
    """
    header = read_metaimage_header(path)
    sizes, kind = _sizes(header), _voxel_type(header)
    refuse_components(_components(header), kind)
    shape = volume_shape(sizes)
    affine, modality = _place(header, path, len(sizes))
    voxels = _stored(header, path, sizes).read(kind, math.prod(shape), wanted)
    return RawImage(voxels.reshape(shape), affine, modality, whole_type(kind))


def read_metaimage_vectors(path: Path) -> VectorImage:
    """Read an image of vectors."""
    header = read_metaimage_header(path)
    sizes, kind, components = _sizes(header), _voxel_type(header), _components(header)
    shape = volume_shape(sizes)
    affine, _ = _place(header, path, len(sizes))
    count = math.prod(shape) * components
    voxels = _stored(header, path, sizes).read(kind, count, np.float64)
    return VectorImage(voxels.reshape(*shape, components), affine)


def write_metaimage(volume: Volume, path: Path) -> None:
    """Write a .mha file, or a .mhd file with its .zraw file, compressed."""
    write_metaimage_array(volume.array, volume.grid, path)


def write_metaimage_array(array: Any, grid: Grid, path: Path) -> None:
    """Write voxels or, with a fourth axis of components, vectors as `write_metaimage` does."""
    kind = array.dtype.newbyteorder("<")
    packed = isal_zlib.compress(np.ascontiguousarray(array, kind).data, LEVEL)
    local = path.suffix.lower() == ".mha"
    file = "LOCAL" if local else path.with_suffix(".zraw").name
    components = array.shape[3] if array.ndim == 4 else 1
    fields = {
        "TransformMatrix": _text(np.reshape(grid.direction, (3, 3)).T.ravel()),
        "Offset": _text(grid.origin),
        "CenterOfRotation": "0 0 0",
        "ElementSpacing": _text(grid.spacing),
        "DimSize": _text(grid.shape_zyx[::-1]),
        **({"ElementNumberOfChannels": str(components)} if components > 1 else {}),
        "ElementType": _WRITTEN[kind.str[1:]],
        "ElementDataFile": file,
    }
    start = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "True",
        "CompressedDataSize": str(len(packed)),
    }
    content = with_check(_lines(start), "Comment = ", _lines(fields))
    path.write_bytes(content + packed if local else content)
    if not local:
        path.with_suffix(".zraw").write_bytes(packed)


def _lines(fields: dict[str, str]) -> bytes:
    return "".join(f"{name} = {value}\n" for name, value in fields.items()).encode("utf-8")


def _text(numbers: Any) -> str:
    return " ".join(map(number_text, np.asarray(numbers, np.float64).tolist()))


def _sizes(header: MetaImageHeader) -> list[int]:
    """Return the number of voxels along each axis, x first."""
    stated = header.fields.get("ndims", "")
    if stated not in map(str, range(1, _MAX_DIMENSION + 1)):
        raise FileFormatError(f"NDims must be 3, got {quoted(stated)}")
    return whole_numbers(header.fields.get("dimsize", ""), int(stated), "DimSize")


def _voxel_type(header: MetaImageHeader) -> np.dtype[Any]:
    name = header.fields.get("elementtype", "")
    if name.endswith(("_ARRAY", "_MATRIX")):
        raise FileFormatError("holds colors or vectors; one number per voxel is needed")
    if name not in _TYPES:
        raise FileFormatError(
            f"its ElementType {quoted(name)} cannot be read; save it as MET_FLOAT"
        )
    fields = header.fields
    order = fields.get("binarydatabyteordermsb") or fields.get("elementbyteordermsb", "")
    return np.dtype(_TYPES[name]).newbyteorder(">" if _is_true(order) else "<")


def _components(header: MetaImageHeader) -> int:
    name = "ElementNumberOfChannels"
    count = whole_number(header.fields.get(name.lower(), "1"), name)
    if count < 1:
        raise FileFormatError(f"{name} must be 1 or more, got {count}")
    return count


def _is_true(text: str) -> bool:
    return text[:1] in ("T", "t", "1")


def _place(header: MetaImageHeader, path: Path, axes: int) -> tuple[FloatArray, str]:
    """Return the affine and the modality."""
    stated = metaimage_statements(header.fields, path)
    size, position, turn = map(header.place, ("voxel size", "position", "orientation"))
    spacing = np.array(some_numbers(size, axes, "ElementSpacing") if size else [1.0] * axes)
    if not (np.isfinite(spacing) & (spacing != 0)).all():
        raise FileFormatError(
            "voxel spacing must be positive numbers; the header has zero or none"
        )
    origin = np.array(some_numbers(position, axes, "Offset") if position else [0.0] * axes)
    matrix = np.eye(axes)
    if turn:
        matrix = np.reshape(some_numbers(turn, axes * axes, "TransformMatrix"), (axes, axes))
    # The rows are the directions of the axes.
    if not np.linalg.norm(matrix, axis=1).all():
        raise singular_directions()
    affine = header_affine((matrix.T * spacing)[:3, :3], origin[:3], stated)
    warn_of_missing(stated, path)
    return affine, stated.modality


def _stored(header: MetaImageHeader, path: Path, sizes: list[int]) -> StoredVoxels:
    fields = header.fields
    is_text = not _is_true(fields.get("binarydata", "True"))
    is_packed = _is_true(fields.get("compresseddata", ""))
    encoding = "text" if is_text else "packed" if is_packed else "raw"
    start = whole_number(fields.get("headersize", "0"), "HeaderSize")
    if start < AT_END:
        raise FileFormatError(f"HeaderSize must be -1 or more, got {start}")
    words = fields.get("elementdatafile", "").split()
    if words[:1] in (["LOCAL"], ["Local"], ["local"]):
        size = whole_number(fields.get("compresseddatasize", "0"), "CompressedDataSize")
        first = start if start == AT_END else max(start, header.size)
        return StoredVoxels((path,), encoding, first, size=size if is_packed else 0)
    return StoredVoxels(tuple(_files(header, path, words, sizes)), encoding, start)


def _files(header: MetaImageHeader, path: Path, words: list[str], sizes: list[int]) -> list[Path]:
    """Return the files of voxels, one for each slice unless the header says otherwise."""
    if not words:
        raise FileFormatError("its header has no ElementDataFile: damaged or truncated")
    if words[0] == "LIST":
        axes = whole_number(words[1], "LIST") if len(words) > 1 else len(sizes) - 1
        if not 0 < axes <= len(sizes):
            raise FileFormatError(f"LIST must be 1 to {len(sizes)} axes in a file, got {axes}")
        return listed_files(path, header.files, math.prod(sizes[axes:]))
    if "%" in words[0]:
        return numbered_files(path, words, sizes[-1])
    return [file_beside(path, header.fields["elementdatafile"])]
