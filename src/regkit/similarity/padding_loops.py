"""Compiled loops over whole images that find and fill padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled_as_written


@compiled_as_written
def mark_runs(array: Any, values: Any, found: Any) -> None:
    """Mark runs of some values from both ends of every line along the last axis.

    Parameters
    ----------
    array
        Intensities, shape (A, B, N), in any order in memory.
    values
        The values, shape (K,).
    found
        Set to True in the runs, shape (A, B, N).
    """
    last = array.shape[2] - 1
    for a in range(array.shape[0]):
        for b in range(array.shape[1]):
            n = 0
            while n <= last and (array[a, b, n] == values).any():
                found[a, b, n] = True
                n += 1
            if n > last:
                continue
            n = last
            while (array[a, b, n] == values).any():
                found[a, b, n] = True
                n -= 1


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
