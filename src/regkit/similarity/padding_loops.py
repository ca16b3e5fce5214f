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
    last = array.shape[1] - 1
    for a in range(array.shape[0]):
        is_open[:] = True
        for first in (0, last):
            n, is_any = first, True
            while is_any and 0 <= n <= last:
                is_any = False
                for b in range(is_open.shape[0]):
                    if is_open[b]:
                        is_open[b] = is_one_of(array[a, n, b], values)
                        if is_open[b]:
                            found[a, n, b] = is_any = True
                n += 1 if first == 0 else -1
            for b in range(is_open.shape[0]):  # what is still open is a run from end to end
                is_open[b] = not is_open[b]


@compiled_as_written
def is_one_of(value: Any, values: Any) -> bool:
    """Return whether a value is one of some, shape (K,)."""
    is_one = False
    for k in range(values.shape[0]):
        is_one |= value == values[k]
    return is_one


@compiled_as_written
def darkest_other(array: Any, left_out: Any) -> float:
    """Return the least value of an image outside of a mask of it, shapes (A, B, N)."""
    # One for each column, so that several are compared at a time.
    least = np.full(array.shape[2], np.inf, np.float32)
    none = np.float32(np.inf)
    for a in range(array.shape[0]):
        for b in range(array.shape[1]):
            row, out = array[a, b], left_out[a, b]
            for n in range(row.shape[0]):
                value = none if out[n] else row[n]
                least[n] = min(least[n], value)
    return float(least.min())
