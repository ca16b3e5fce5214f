"""Compiled look-up of the voxels of a mask by their number."""

from __future__ import annotations

from typing import Any

from regkit.compiled import compiled_as_written


@compiled_as_written
def count_marked(rows: Any, counts: Any) -> None:
    """Count the voxels of each row of a mask.

    Parameters
    ----------
    rows
        Mask, shape (R, N), uint8.
    counts
        Filled with the numbers of non-zero voxels, shape (R,), int64.
    """
    for r in range(rows.shape[0]):
        number = 0
        for n in range(rows.shape[1]):
            number += rows[r, n] != 0
        counts[r] = number


@compiled_as_written
def find_marked(rows: Any, row: Any, rank: Any, place: Any) -> None:
    """Find voxels of a mask by their number within a row.

    Parameters
    ----------
    rows
        Mask, shape (R, N), uint8.
    row, rank
        The row of each voxel and the number of its non-zero voxels before it, shape (M,), int64.
    place
        Filled with the position of each voxel in its row, shape (M,), int64.
    """
    for m in range(row.shape[0]):
        left, n = rank[m], 0
        while rows[row[m], n] == 0 or left > 0:
            left -= rows[row[m], n] != 0
            n += 1
        place[m] = n
