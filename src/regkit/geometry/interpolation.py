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


def interpolate_mapped(
    volume: NDArray[np.float32], maps: FloatArray, points: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Interpolate a volume linearly at mapped points, by the compiled loop.

    Parameters
    ----------
    volume
        Values, shape (z, y, x); NaN is unknown.
    maps
        Affine maps from points to indices (z, y, x), shape (B, 3, 4).
    points
        Points x, y, z about an origin near them, shape (3, N).

    Returns
    -------
    NDArray
        Shape (B, N); NaN outside the field of view, which ends half a voxel beyond the outermost
        centers. From there to the centers, values stay constant.
    """
    from regkit.geometry.interpolation_loops import interpolate  # noqa: PLC0415 - loads numba

    values = np.empty((len(maps), points.shape[1]), np.float32)
    interpolate(_single(volume), _double(maps), _single(points), values)
    return values


def interpolate_filled(
    volume: NDArray[np.float32],
    known: NDArray[np.uint8],
    value: float,
    maps: FloatArray,
    points: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Interpolate as `interpolate_mapped` does a volume with a value outside of a mask of it."""
    from regkit.geometry.filled_loops import fill_and_interpolate  # noqa: PLC0415 - loads numba

    values = np.empty((len(maps), points.shape[1]), np.float32)
    marked = _read_only(np.ascontiguousarray(known, np.uint8))
    fill = np.float32(value)
    fill_and_interpolate(_single(volume), marked, fill, _double(maps), _single(points), values)
    return values


def values_and_gradients(
    volume: NDArray[np.float32], maps: FloatArray, points: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Interpolate as `interpolate_mapped` does, with derivatives.

    Returns
    -------
    tuple of NDArray
        Values, shape (B, N), and their derivatives by the index (z, y, x), shape (B, 3, N), of no
        meaning where the value is NaN.
    """
    from regkit.geometry.interpolation_loops import gather  # noqa: PLC0415 - loads numba

    values = np.empty((len(maps), points.shape[1]), np.float32)
    gradients = np.empty((len(maps), 3, points.shape[1]), np.float32)
    gather(_single(volume), _double(maps), _single(points), values, gradients)
    return values, gradients


def _single(array: NDArray[Any]) -> NDArray[np.float32]:
    return _read_only(np.ascontiguousarray(array, np.float32))


def _double(array: NDArray[Any]) -> FloatArray:
    return _read_only(np.ascontiguousarray(array, np.float64))


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view that cannot be written: loops are compiled for one kind of arrays only."""
    view = array.view()
    view.flags.writeable = False
    return view
