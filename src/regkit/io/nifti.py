"""Read and write NIfTI-1 and NIfTI-2, single files and pairs, plain or compressed."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.geometry.grid import Grid
from regkit.geometry.volume import Volume
from regkit.io.deflate import output_stream
from regkit.io.nifti_geometry import nifti_affine
from regkit.io.nifti_header import (
    LONGEST_HEADER,
    NiftiHeader,
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
    rescale,
    skip_bytes,
)
from regkit.io.raw_image import RawImage, ras_from_lps, volume_shape, whole_type
from regkit.io.sidecar import description_modality, sidecar_modality

logger = logging.getLogger(__name__)

# Intents of displacement fields: those of NIfTI-1, and those of FSL's fnirt and topup.
_WARP_INTENTS = {
    1006: "intent DISPVECT",
    **dict.fromkeys((2006, 2007, 2008, 2009), "of FSL's fnirt"),
    **dict.fromkeys((2016, 2017, 2018), "of FSL's topup"),
}
_PAIRS = {"hdr": "img", "img": "hdr"}


def read_nifti(path: Path, wanted: Any = None) -> RawImage:
    """Read a .nii or .nii.gz file, or either file of a .hdr/.img pair.

    Parameters
    ----------
    path
        The file.
    wanted
        Type to convert voxels to while they are read; None to keep that of the file.
    """
    header_path, data_path = _files(path)
    header = read_nifti_header(path)
    shape = volume_shape(header_shape(header))
    stored = header_dtype(header)
    single = bytes(header["magic"]).startswith(b"n+")
    file = header_path if single else data_path
    start = _start(header, single)
    with content_stream(file) as stream:
        skip_bytes(stream, start)
        most = largest_content(file) - start
        array = read_voxels(stream, stored, math.prod(shape), most, wanted).reshape(shape)
        _ = read_rest(stream)
    scaling = _scaling(header, path)
    dtype = whole_type(stored, *scaling)
    modality = sidecar_modality(path) or description_modality(header)
    return RawImage(rescale(array, *scaling), nifti_affine(header, path), modality, dtype)


def read_nifti_header(path: Path) -> NiftiHeader:
    """Read the header of a NIfTI file or pair."""
    header = parse_header(read_start(_files(path)[0], LONGEST_HEADER))
    _check_is_image(header)
    return header


def write_nifti(volume: Volume, path: Path) -> None:
    """Write a .nii or .nii.gz file with sform and qform both set to scanner coordinates."""
    write_nifti_slabs(volume.grid, volume.array.dtype, volume.array[:, None], path)


def write_nifti_slabs(grid: Grid, dtype: Any, slabs: Iterable[NDArray[Any]], path: Path) -> None:
    """Write a file as `write_nifti` does, of slabs of slices that follow each other.

    Parameters
    ----------
    grid
        Positions of all voxels.
    dtype
        Type of the voxels.
    slabs
        Parts of the array, shape (z, y, x) each.
    path
        The file.
    """
    kind = np.dtype(dtype).newbyteorder("<")
    header = new_header(grid.shape_zyx[::-1], kind, ras_from_lps(grid.affine))
    with output_stream(path, compressed=path.name.lower().endswith(".gz")) as stream:
        stream.write(header_bytes(header))
        for slab in slabs:
            stream.write(np.ascontiguousarray(slab, kind).data)


def _files(path: Path) -> tuple[Path, Path]:
    """Return the header file and the voxel file."""
    lowered = path.name.lower().removesuffix(".gz")
    kind = lowered.rsplit(".", 1)[-1]
    if kind not in _PAIRS:
        return path, path
    base = path.name[: len(lowered) - len(kind)]
    names = [base + _PAIRS[kind] + zipped for zipped in ("", ".gz")]
    other = next((path.with_name(n) for n in names if path.with_name(n).exists()), None)
    if other is None:
        raise FileFormatError(f"one of two files: its other half {names[0]} is missing")
    return (path, other) if kind == "hdr" else (other, path)


def _check_is_image(header: NiftiHeader) -> None:
    """Refuse transforms: by their intent or by their 5-D vectors."""
    intent, shape = int(header["intent_code"]), header_shape(header)
    if intent in _WARP_INTENTS or (len(shape) == 5 and shape[3] <= 1 < shape[4] <= 3):
        kind = _WARP_INTENTS.get(intent, "vectors in 5-D, as ANTs and ITK write a warp")
        raise FileFormatError(
            f"is a displacement field ({kind}): a transform, not an image; give it where a "
            "transform is asked for"
        )


def _start(header: NiftiHeader, single: bool) -> int:
    """Return the offset of the voxels; those of a single file cannot lie in its header."""
    stated = float(header["vox_offset"])
    offset = int(stated) if math.isfinite(stated) else 0
    return max(offset, int(header["sizeof_hdr"]) + 4 if single else 0)


def _scaling(header: NiftiHeader, path: Path) -> tuple[float, float]:
    """Return slope and intercept; a slope of zero or NaN means that there is no scaling."""
    slope, intercept = (float(header[field]) for field in ("scl_slope", "scl_inter"))
    if slope == 0 or not math.isfinite(slope):
        return 1.0, 0.0
    if not math.isfinite(intercept):
        logger.warning("%s has the intercept %g in scl_inter: 0 is assumed", path, intercept)
        return slope, 0.0
    return slope, intercept
