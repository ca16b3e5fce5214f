"""Contents of an image file: an array and its affine, before the geometry is checked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray

# RAS and LPS differ in the signs of x and y: the first two rows of a matrix to millimetres.
RAS_LPS_SIGNS = np.array([[-1.0], [-1.0], [1.0], [1.0]])


@dataclass(frozen=True)
class RawImage:
    """The contents of an image file.

    Parameters
    ----------
    array
        Values in (z, y, x) order, scaling applied, of any real type.
    affine
        4 x 4 matrix from array index (z, y, x, 1) to LPS mm; may be sheared or singular.
    modality
        One of `regkit.geometry.volume.MODALITIES`; empty when the file has none.
    dtype
        Integer type of the file's voxels, if its scaling keeps them whole; else empty.
    frame_of_reference
        UID of the frame of reference of a DICOM image; else empty.
    """

    array: NDArray[Any]
    affine: FloatArray
    modality: str = ""
    dtype: str = ""
    frame_of_reference: str = ""


def volume_shape(shape_xyz: Sequence[int]) -> tuple[int, int, int]:
    """Return (z, y, x) for the axes a header lists, x first; further axes must be single.

    Raises
    ------
    FileFormatError
        The header describes a 2-D image, several frames, or an axis without voxels.
    """
    sizes = [int(n) for n in shape_xyz]
    listed = " x ".join(map(str, sizes))
    # An axis beyond the third that is not used may have the size 0 or 1.
    if not sizes or min(sizes[:3]) < 1:
        raise FileFormatError(f"the header's size {listed or 'is empty'} is impossible: damaged")
    frames = math.prod(max(n, 1) for n in sizes[3:])
    if frames > 1:
        raise FileFormatError(
            f"holds {frames} frames ({len(sizes)}-D, {listed}); one 3-D image is needed: "
            "save the wanted frame as its own file"
        )
    if len(sizes) < 3 or min(sizes[:3]) < 2:
        raise FileFormatError(f"is 2-D ({listed}); a 3-D image with several slices is needed")
    x, y, z = sizes[:3]
    return z, y, x


def real_type(dtype: Any) -> np.dtype[Any]:
    """Return a pixel type, refusing colors and complex numbers."""
    kind: np.dtype[Any] = np.dtype(dtype)
    if kind.kind == "c":
        raise FileFormatError("holds complex numbers; save the magnitude as its own file")
    if kind.kind not in "iufb":
        raise FileFormatError("holds colors or vectors; one number per voxel is needed")
    return kind


def refuse_components(count: int, dtype: Any) -> None:
    """Refuse several numbers at each voxel: colors, and vectors, which are displacements."""
    if count == 1:
        return
    if np.dtype(dtype).kind == "f":
        raise FileFormatError(
            f"holds vectors of {count} numbers, as a displacement field (a transform) does; one "
            "number per voxel is needed"
        )
    real_type("V3")


def whole_type(stored: Any, *scaling: float) -> str:
    """Return the name of an integer type whose values stay whole when scaled; else nothing."""
    kind: np.dtype[Any] = np.dtype(stored)
    whole = kind.kind in "iu" and all(float(number).is_integer() for number in scaling)
    return kind.name if whole else ""


def lps_from_ras(ijk_to_ras: Any) -> FloatArray:
    """Turn a matrix from indices (i, j, k, 1) to RAS mm into one from (k, j, i, 1) to LPS mm."""
    matrix = np.asarray(ijk_to_ras, dtype=np.float64)
    return np.asarray((RAS_LPS_SIGNS * matrix)[:, [2, 1, 0, 3]])


def ras_from_lps(zyx_to_lps: FloatArray) -> FloatArray:
    """Turn a matrix from indices (k, j, i, 1) to LPS mm into one from (i, j, k, 1) to RAS mm."""
    return np.asarray(RAS_LPS_SIGNS * zyx_to_lps[:, [2, 1, 0, 3]])
