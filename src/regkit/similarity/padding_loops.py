"""Compiled loops over whole images that find and fill padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled_as_written


@compiled_as_written
def mark_runs(array: Any, values: Any, found: Any) -> None:
    """Mark runs of some values from both ends of every line along the middle axis.

    Parameters
    ----------
    array
        Intensities, shape (A, N, B).
    values
        The values, shape (K,).
    found
        Set to True in the runs, shape (A, N, B).
    """
    is_open = np.empty(array.shape[2], np.bool_)
    for a in range(array.shape[0]):
        is_open[:] = True
        n = 0
        while n < array.shape[1] and extend_runs(array, a, n, values, is_open, found):
            n += 1
        # What is still open is a run from end to end.
        for b in range(is_open.shape[0]):
            is_open[b] = not is_open[b]
        n = array.shape[1] - 1
        while n >= 0 and extend_runs(array, a, n, values, is_open, found):
            n -= 1


@compiled_as_written
def extend_runs(  # noqa: PLR0917 - each has its own meaning
    array: Any, a: int, n: int, values: Any, is_open: Any, found: Any
) -> bool:
    """Mark voxel n of the open runs of slice a, close those that end; return if any is left."""
    is_any = False
    for b in range(is_open.shape[0]):
        if is_open[b]:
            is_open[b] = False
            for k in range(values.shape[0]):
                if array[a, n, b] == values[k]:
                    is_open[b] = found[a, n, b] = is_any = True
    return is_any


@compiled_as_written
def darkest_other(array: Any, left_out: Any) -> float:
    """Return the least value of an image outside of a mask of it, shapes (A, B, N)."""
    least = np.inf
    for a in range(array.shape[0]):
        for b in range(array.shape[1]):
            for n in range(array.shape[2]):
                if not left_out[a, b, n] and array[a, b, n] < least:
                    least = array[a, b, n]
    return least
