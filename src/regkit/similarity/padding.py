"""Padding: voxels outside of what was imaged, which all hold one value and mean nothing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.volume import Volume

# Chosen by hand, as are the others: voxels that are looked at, and the number of different values
# among them below which an image is a drawing, whose areas of one value are meant.
SAMPLES, FEWEST_VALUES = 20_000, 32
# Range of the other voxels, as quantiles, and the least fraction of the voxels that they must be.
REST_QUANTILES, LEAST_REST = (0.005, 0.995), 0.02
# Padding lies so far from that range, relative to its width: below it, above it, or well inside.
# Air below the range, white above it, and the ends of it are images.
FAR_BELOW, FAR_ABOVE, INSIDE = -0.35, 1.5, (0.05, 0.95)
# HU of air, with noise, which an image of soft tissue alone may have far below the rest; nothing
# is below it.
AIR_HU = (-1100.0, -900.0)
LINES = 64  # that are followed through the image from face to face


def padding_values(volume: Volume) -> tuple[float, ...]:
    """Return the values that are padding.

    They fill lines from one face of the image to the opposite one, and lie far from its other
    values. Zero below all others is the background that most images have.

    Parameters
    ----------
    volume
        Image of any modality.
    """
    array = volume.array
    candidates, values = _border_values(array), _some(array)
    rest = values[~np.isin(values, candidates)]
    if len(rest) < LEAST_REST * len(values) or len(np.unique(values)) < FEWEST_VALUES:
        return ()
    low, high = np.quantile(rest, REST_QUANTILES).tolist()
    far = (v for v in candidates.tolist() if _is_far(v, low, high, volume.modality))
    return tuple(v for v in far if _fills_lines(array, v))


def padding(volume: Volume) -> NDArray[np.bool_] | None:
    """Return which voxels are padding, in runs from the border along an axis; None for none.

    Parameters
    ----------
    volume
        Image of any modality.
    """
    values = padding_values(volume)
    if not values:
        return None
    from regkit.similarity.padding_loops import mark_runs  # noqa: PLC0415 - it loads numba

    array, found = volume.array, np.zeros(volume.array.shape, np.bool_)
    nz, ny, nx = array.shape
    for shape in ((1, nz, ny * nx), (nz, ny, nx), (nz * ny, nx, 1)):  # lines along z, y, x
        mark_runs(array.reshape(shape), np.asarray(values, np.float32), found.reshape(shape))
    return found


def _border_values(array: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the values of the corners, and the extreme ones of the faces."""
    corners = array[np.ix_(*((0, n - 1) for n in array.shape))]
    faces = [np.take(array, i, axis) for axis in range(array.ndim) for i in (0, -1)]
    return np.unique(
        [*corners.ravel(), *(end(face) for face in faces for end in (np.min, np.max))]
    )


def _fills_lines(array: NDArray[np.float32], value: float) -> bool:
    """Return whether a line along an axis, from face to face, has the same value throughout."""
    for axis in range(array.ndim):
        lines = np.moveaxis(array, axis, -1)
        both = np.argwhere((lines[..., 0] == value) & (lines[..., -1] == value))
        some = both[:: max(1, len(both) // LINES)]
        if (lines[tuple(some.T)] == value).all(axis=-1).any():
            return True
    return False


def _some(array: NDArray[np.float32]) -> NDArray[np.float32]:
    flat = array.ravel()
    if flat.size <= SAMPLES:
        return flat
    return flat[np.random.default_rng(0).integers(flat.size, size=SAMPLES)]


def _is_far(value: float, low: float, high: float, modality: str) -> bool:
    is_background = value == 0 and value <= low
    if modality == "ct" and value <= AIR_HU[1]:
        return value < AIR_HU[0]
    if is_background or high <= low:
        return False
    position = (value - low) / (high - low)
    is_inside = INSIDE[0] < position < INSIDE[1]
    return position < FAR_BELOW or position > FAR_ABOVE or is_inside
