"""Linear resampling of an array through an affine map, by slices and on several threads."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray

# Voxels of a slab: large enough that starting a thread costs nothing, small beside an image.
SLAB_VOXELS = 1 << 20


def warp_volume(
    array: NDArray[np.float32],
    to_index: FloatArray,
    shape: tuple[int, int, int],
    outside: float = np.nan,
) -> NDArray[np.float32]:
    """Resample an array linearly through an affine map.

    Parameters
    ----------
    array
        Values, shape (z, y, x).
    to_index
        Map from indices (z, y, x) of the result to those of the array, shape (3, 4).
    shape
        Shape (z, y, x) of the result.
    outside
        Fill value outside the field of view, which ends half a voxel beyond the outermost
        centers; from there to the centers, values stay constant.
    """
    out = np.empty(shape, np.float32)
    slabs = _slabs(shape)
    with ThreadPoolExecutor(min(_threads(), len(slabs))) as pool:
        for _ in pool.map(lambda part: _fill(array, to_index, outside, part, out[part]), slabs):
            pass
    return out


def warped_slabs(
    array: NDArray[np.float32],
    to_index: FloatArray,
    shape: tuple[int, int, int],
    outside: float = np.nan,
) -> Iterator[NDArray[np.float32]]:
    """Yield the result of `warp_volume` by slabs of slices, the next one computed meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        ahead = deque[Any]()
        for part in _slabs(shape):
            out = np.empty((part.stop - part.start, *shape[1:]), np.float32)
            ahead.append((pool.submit(_fill, array, to_index, outside, part, out), out))
            if len(ahead) > 1:
                yield _finished(*ahead.popleft())
        while ahead:
            yield _finished(*ahead.popleft())


def _finished(filling: Any, out: NDArray[np.float32]) -> NDArray[np.float32]:
    filling.result()
    return out


def _fill(
    array: NDArray[np.float32],
    to_index: FloatArray,
    outside: float,
    part: slice,
    out: NDArray[np.float32],
) -> None:
    from regkit.geometry.warp_loops import warp  # noqa: PLC0415 - loads numba

    values = np.ascontiguousarray(array, np.float32).view()
    values.flags.writeable = False  # the loop is compiled for one kind of arrays only
    warp(values, np.array(to_index[:3], np.float64), np.float32(outside), part.start, out)


def _slabs(shape: tuple[int, int, int]) -> list[slice]:
    depth = max(1, SLAB_VOXELS // (shape[1] * shape[2]))
    return [slice(z, min(z + depth, shape[0])) for z in range(0, shape[0], depth)]


def _threads() -> int:
    """Return the number of threads that the environment allows, as ITK reads it."""
    stated = os.environ.get("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "")
    return int(stated) if stated.isdigit() and int(stated) > 0 else os.cpu_count() or 1
