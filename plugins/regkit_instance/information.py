"""Mutual information of a moving image at sample points, by blocks of points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit_instance.numba_backend.mi import differentiate, score_joints, tally
from regkit_instance.threads import share

# Points of a block: few enough for all threads to have some, many enough for their joint
# histogram to cost little. A multiple of the chunks of the look-up. Of 1024, 2048 and 4096, the
# fastest for 5000 points and two threads, and as fast as any for 40,000 (random images).
BLOCK = 2048
# Maps times points that one thread does sooner than several, and maps of each thread from which
# on it does all of a map: waking a thread takes as long as a thousand points. Chosen by hand.
SHARED_SAMPLES, MANY_MAPS = 12_000, 4
# Time that scores or derivatives take, as a fraction of that of the look-up (2 mm brains).
FRACTION_OF_LOOK_UP = 1 / 8


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
        blocks = max(-(-count // BLOCK), 1)
        wanted = 0 if by_maps is None else maps
        values = np.empty((wanted, count), np.float32)
        gradients = np.empty((wanted, 3, count), np.float32)
        joints = np.empty((maps, blocks, bins + 1, bins), np.float32)
        scores, known = np.empty(maps), np.empty(maps)
        tables = np.empty((wanted, bins, bins), np.float32)

        by_blocks = np.empty((wanted, blocks, 3, 4))

        def count_blocks(first: int, last: int) -> None:
            part = np.array((first, last, BLOCK))
            tally(volume, to_index, points, self.classes, part, values, gradients, joints)

        def score(first: int, last: int) -> None:
            part, counts = np.array((first, last)), self.fixed_counts
            score_joints(joints, counts, min_points, self.normalized, part, scores, known, tables)

        def differentiate_blocks(first: int, last: int) -> None:
            part = np.array((first, last, BLOCK))
            differentiate(values, gradients, points, self.classes, tables, part, by_blocks)

        rest = FRACTION_OF_LOOK_UP
        steps = (count_blocks, blocks, 1.0), (score, 1, rest), (differentiate_blocks, blocks, rest)
        _share_steps(steps if wanted else steps[:2], maps, count, threads)
        if by_maps is not None:
            by_maps[:] = by_blocks.sum(axis=1)
        return scores, known


def _share_steps(
    steps: Sequence[tuple[Callable[[int, int], None], int, float]],
    maps: int,
    count: int,
    threads: int,
) -> None:
    """Do steps, each with its parts of a map and its relative time: all of many maps at once."""

    def do_maps(first: int, last: int) -> None:
        for step, parts, _ in steps:
            step(first * parts, last * parts)

    if maps * count < SHARED_SAMPLES:
        do_maps(0, maps)
    elif maps >= MANY_MAPS * threads:
        share(do_maps, maps, threads)
    else:
        for step, parts, time in steps:
            is_long = maps * count * time >= SHARED_SAMPLES
            share(step, maps * parts, threads if is_long else 1)


def binned(values: NDArray[np.float32], bins: int) -> NDArray[np.uint8]:
    """Return the bin of each value in 0..1, for bins of equal width."""
    return np.minimum((values * bins).astype(np.int64), bins - 1).astype(np.uint8)
