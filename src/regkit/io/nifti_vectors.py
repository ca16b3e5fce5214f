"""Read and write NIfTI files of vectors in five dimensions, as ITK and ANTs do displacements."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from regkit.errors import FileFormatError
from regkit.geometry.grid import Grid
from regkit.io.deflate import output_stream
from regkit.io.nifti_geometry import nifti_affine
from regkit.io.nifti_header import (
    LONGEST_HEADER,
    header_bytes,
    header_dtype,
    header_shape,
    new_header,
    parse_header,
)
from regkit.io.raw_bytes import (
    content_stream,
    largest_content,
    read_rest,
    read_start,
    read_voxels,
    skip_bytes,
)
from regkit.io.raw_image import ras_from_lps, volume_shape
from regkit.io.vector_image import VectorImage

# Intents of the NIfTI-1 standard: displacements in RAS, which ITK turns to LPS, and vectors,
# which it takes as they are.
_DISPLACEMENT, _VECTOR = 1006, 1007


def read_nifti_vectors(path: Path) -> VectorImage:
    """Read a .nii or .nii.gz file of vectors.

    Raises
    ------
    FileFormatError
        The file holds no vectors, or cannot be read.
    """
    header = parse_header(read_start(path, LONGEST_HEADER))
    sizes, kind, intent = header_shape(header), header_dtype(header), int(header["intent_code"])
    if len(sizes) != 5 or sizes[3] > 1 or intent not in (_DISPLACEMENT, _VECTOR):
        raise FileFormatError(
            "holds no vectors; a displacement field needs 3 numbers at each voxel, as five "
            "dimensions with the intent of vectors"
        )
    shape, components = volume_shape(sizes[:3]), max(sizes[4], 1)
    start = max(int(header["vox_offset"]), int(header["sizeof_hdr"]) + 4)
    with content_stream(path) as stream:
        skip_bytes(stream, start)
        most = largest_content(path) - start
        flat = read_voxels(stream, kind, components * math.prod(shape), most, np.float64)
        _ = read_rest(stream)
    array = np.moveaxis(flat.reshape(components, *shape), 0, -1)
    if intent == _DISPLACEMENT and components == 3:
        array = array * (-1.0, -1.0, 1.0)
    return VectorImage(array, nifti_affine(header, path))


def write_nifti_vectors(array: Any, grid: Grid, path: Path) -> None:
    """Write vectors, shape (z, y, x, components), to a .nii or .nii.gz file."""
    kind = array.dtype.newbyteorder("<")
    header = new_header(grid.shape_zyx[::-1], kind, ras_from_lps(grid.affine))
    header["dim"] = (5, *grid.shape_zyx[::-1], 1, array.shape[3], 1, 1)
    header["intent_code"] = _VECTOR
    with output_stream(path, compressed=path.name.lower().endswith(".gz")) as stream:
        stream.write(header_bytes(header))
        for component in np.moveaxis(array, -1, 0):
            stream.write(np.ascontiguousarray(component, kind).data)
