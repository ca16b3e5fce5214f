"""What a file reader found: an array and where its voxels are, before anything is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.grid import FloatArray

# RAS and LPS differ by the signs of x and y; the matrix is its own inverse.
RAS_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Stored:
    """The contents of an image file.

    Parameters
    ----------
    array
        Values in (z, y, x) order, scaling applied, of any type.
    affine
        4 x 4 matrix from array index (z, y, x, 1) to LPS mm; may be sheared.
    modality
        One of `regkit.volume.MODALITIES`; empty when the file does not say.
    """

    array: NDArray[Any]
    affine: FloatArray
    modality: str = ""


def lps_from_ras(ijk_to_ras: Any) -> FloatArray:
    """Turn a matrix from indices (i, j, k, 1) to RAS mm into one from (k, j, i, 1) to LPS mm."""
    return np.asarray((RAS_LPS @ np.asarray(ijk_to_ras, dtype=np.float64))[:, [2, 1, 0, 3]])


def ras_from_lps(zyx_to_lps: FloatArray) -> FloatArray:
    """Turn a matrix from indices (k, j, i, 1) to LPS mm into one from (i, j, k, 1) to RAS mm."""
    return np.asarray(RAS_LPS @ zyx_to_lps[:, [2, 1, 0, 3]])
