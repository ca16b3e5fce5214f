"""Interpolation of an array at fractional indices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray


def trilinear(array: NDArray[Any], index: FloatArray) -> FloatArray:
    """Interpolate linearly; beyond the outermost voxel centres the values stay constant.

    Parameters
    ----------
    array
        Values, shape (z, y, x) or (z, y, x, C).
    index
        Fractional array indices (z, y, x), shape (N, 3).

    Returns
    -------
    FloatArray
        Shape (N,) or (N, C).
    """
    upper = np.subtract(array.shape[:3], 1)
    at = np.clip(index, 0, upper)
    low = np.minimum(at.astype(np.intp), np.maximum(upper - 1, 0))
    fraction = (at - low).T
    weights = np.stack([1 - fraction, fraction])
    # One index into the flattened array is far quicker than three indices at a time.
    steps = (array.shape[1] * array.shape[2], array.shape[2], 1)
    z, y, x = (np.stack([low, np.minimum(low + 1, upper)]) * steps).transpose(2, 0, 1)
    flat = array.reshape(-1, *array.shape[3:])
    values = np.zeros((len(at), *array.shape[3:]))
    for i, j, k in np.ndindex(2, 2, 2):
        weight = weights[i, 0] * weights[j, 1] * weights[k, 2]
        corner = flat.take(z[i] + y[j] + x[k], axis=0)
        values += weight.reshape(-1, *[1] * (array.ndim - 3)) * corner
    return values


def nearest(array: NDArray[Any], index: FloatArray) -> NDArray[Any]:
    """Return the values of the nearest voxels; parameters as for `trilinear`."""
    whole = np.clip(np.rint(index), 0, np.subtract(array.shape[:3], 1)).astype(np.intp)
    return np.asarray(array[tuple(whole.T)])
