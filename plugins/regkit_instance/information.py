"""Mutual information of a moving image at sample points, by blocks of points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit_instance.numba_backend.ascent import Landscape
from regkit_instance.numba_backend.mi import CHUNK, differentiate, score_joints, tally
from regkit_instance.threads import share

# Largest number of points of a block: few enough for all threads to have some, many enough for
# their joint histogram to cost little. Of 2048 and 4096, two threads take a tenth less time with
# the latter for 56,000 points and 33 bins.
BLOCK = 4096
# Points that several threads look up, or differentiate, sooner than one: waking a thread takes as
# long as 10,000 points of a look-up, and derivatives an eighth of that (2 mm brains).
SHARED_LOOK_UP, SHARED_DERIVATIVES = 20_000, 60_000


@dataclass(frozen=True, eq=False)
class SampledInformation:
    """Mutual information with fixed values at sample points; see `regkit_instance.measures`.

    Every map has blocks of sample points, whose sums are added in a fixed order: results are
    exactly equal for any number of threads.

    Parameters
    ----------
    classes
        Bin of the fixed value at each point, shape (N,), uint8.
    fixed_counts
        Number of points in each bin, float64.
    normalized
        True for normalized mutual information.
    """

    classes: NDArray[np.uint8]
    fixed_counts: FloatArray
    normalized: bool

    @classmethod
    def of(cls, values: NDArray[np.float32], bins: int, normalized: bool) -> Self:
        """Return the metric for fixed values in 0..1."""
        classes = binned(values, bins)
        counts = np.bincount(classes, minlength=bins).astype(np.float64)
        return cls(classes, counts, normalized)

    def landscape(
        self,
        volume: NDArray[np.float32],
        to_index: FloatArray,
        points: NDArray[np.float32],
        min_points: int,
        radius_mm: float,
    ) -> Landscape:
        """Return what compiled searches need; the parameters are those of `Landscape`."""
        return Landscape(
            *(volume, np.ascontiguousarray(to_index), points, self.classes, self.fixed_counts),
            *(min_points, self.normalized, _block(points.shape[1]), radius_mm),
        )

    def evaluate(  # noqa: PLR0917 - each has its own meaning
        self,
        volume: NDArray[np.float32],
        to_index: FloatArray,
        points: NDArray[np.float32],
        min_points: int,
        threads: int,
        by_maps: FloatArray | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Return scores and numbers of known values; fill in the derivatives by the maps."""
        maps, count, bins = len(to_index), points.shape[1], len(self.fixed_counts)
        block = _block(count)
        blocks = max(-(-count // block), 1)
        wanted = 0 if by_maps is None else maps
        values = np.empty((wanted, count), np.float32)
        gradients = np.empty((wanted, 3, count), np.float32)
        joints = np.empty((maps, blocks, bins + 1, bins), np.float32)
        scores, known = np.empty(maps), np.empty(maps)
        tables = np.empty((wanted, bins, bins), np.float32)

        by_blocks = np.empty((wanted, blocks, 3, 4))
        points_of_all, blocks_of_all = maps * count, maps * blocks

        def count_blocks(first: int, last: int) -> None:
            part = np.array((first, last, block))
            tally(volume, to_index, points, self.classes, part, values, gradients, joints)

        def differentiate_blocks(first: int, last: int) -> None:
            part = np.array((first, last, block))
            differentiate(values, gradients, points, self.classes, tables, part, by_blocks)

        share(count_blocks, blocks_of_all, threads if points_of_all >= SHARED_LOOK_UP else 1)
        part, counts = np.array((0, maps)), self.fixed_counts
        score_joints(joints, counts, min_points, self.normalized, part, scores, known, tables)
        if by_maps is not None:
            is_long = points_of_all >= SHARED_DERIVATIVES
            share(differentiate_blocks, blocks_of_all, threads if is_long else 1)
            by_maps[:] = by_blocks.sum(axis=1)
        return scores, known


def _block(count: int) -> int:
    """Return the number of points of a block, a multiple of the chunks, for blocks of one size."""
    blocks = max(-(-count // BLOCK), 1)
    return max(-(-count // (blocks * CHUNK)), 1) * CHUNK


def binned(values: NDArray[np.float32], bins: int) -> NDArray[np.uint8]:
    """Return the bin of each value in 0..1, for bins of equal width."""
    return np.minimum((values * bins).astype(np.int64), bins - 1).astype(np.uint8)
