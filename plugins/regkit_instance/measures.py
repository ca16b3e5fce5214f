"""The interface of similarity measures, and those of sampled intensities."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit.geometry.interpolation import interpolate_mapped, values_and_gradients
from regkit_instance.metric_constants import MIN_OVERLAP, MIN_POINTS
from regkit_instance.numba_backend.chain_rule import backpropagate
from regkit_instance.numba_backend.cr import correlation_ratio
from regkit_instance.numba_backend.mi import mutual_information
from regkit_instance.points import MetricPoints
from regkit_instance.pyramid import Level

# Maps times sample points per batch: values and gradients of so many fit the cache of a core.
BATCH_SAMPLES = 60_000
# Weight of gradient fields beside mutual information, in `mi-ngf`. On 10 simulated patients of the
# validation split of spect-ct, from 1.5 mm and 0.48 degrees: 0 leaves 1.41 mm and 0.20 degrees, 3
# leaves 0.97 and 0.16, 5 leaves 0.84 and 0.15, 10 leaves 0.77 and 0.15, gradients alone 0.66 and
# 0.24.
EDGE_WEIGHT = 5.0

NO_SLOPES = np.empty((0, 0), np.float32)


class Measure(Protocol):
    """Similarity of two images as a function of the map between them; larger is more similar.

    Images, sample points and settings are attributes. `maps`, of shape (B, 3, 4), are matrices
    [A | t] that take points x of the fixed body, in mm from its centre, to moving points A x + t
    in mm (LPS, x, y, z, about the centre that the measure was built with). Where too few sample
    points map inside the moving image, or an image is constant there, the value is minus infinity
    and the gradient zero; a value is never NaN.
    """

    def values(self, maps: FloatArray) -> FloatArray:
        """Return the similarity (B,) under each map."""

    def values_and_gradients(self, maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the similarity (B,) and its derivatives by the entries of the maps (B, 3, 4)."""


class ScoreKernel(Protocol):
    """A similarity metric of moving values at the sample points."""

    def __call__(
        self, values: NDArray[np.float32], min_points: int, scores: FloatArray, slopes: Any
    ) -> None:
        """Fill in scores (B,) of values (B, N); slopes (B, N) too, unless they have no rows."""


@dataclass(frozen=True, eq=False)
class WeightedSum:
    """A `Measure` that is the weighted sum of two measures.

    Parameters
    ----------
    first, second
        Measures of the same pair, about the same centre.
    weight
        Weight of the second.
    """

    first: Measure
    second: Measure
    weight: float

    def values(self, maps: FloatArray) -> FloatArray:
        """Return the similarity (B,) under each map."""
        return self.first.values(maps) + self.weight * self.second.values(maps)

    def values_and_gradients(self, maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the similarity (B,) and its derivatives by the entries of the maps (B, 3, 4)."""
        one, by_one = self.first.values_and_gradients(maps)
        other, by_other = self.second.values_and_gradients(maps)
        return one + self.weight * other, by_one + self.weight * by_other


@dataclass(frozen=True, eq=False)
class SampledMetric:
    """A `Measure` of the intensities at sample points of the fixed image.

    Parameters
    ----------
    points
        Sample points of the fixed image.
    level
        The moving image.
    origin
        Origin of positions and maps, LPS mm of the moving image.
    score
        Kernel that compares the moving values with the fixed ones.
    threads
        Number of threads; results are exactly the same with any number of them.
    """

    points: MetricPoints
    level: Level
    origin: FloatArray
    score: ScoreKernel
    threads: int = 1

    def with_score(self, name: str, bins: int) -> SampledMetric:
        """Return a measure with another metric (see `score_kernel`) of the same points."""
        return replace(self, score=score_kernel(name, self.points.values, bins))

    def values(self, maps: FloatArray) -> FloatArray:
        """Return the similarity (B,) under each map."""
        return self.values_and_overlaps(maps)[0]

    def overlap_weighted_scores(self, maps: FloatArray) -> FloatArray:
        """Return the similarity times the square root of the overlap fraction, (B,).

        The similarity alone favours small overlaps, where chance is strong; times the fraction
        itself, it would never leave a part of the body outside.
        """
        scores, overlaps = self.values_and_overlaps(maps)
        known = np.isfinite(scores)
        return np.where(known, np.where(known, scores, 0.0) * np.sqrt(overlaps), -np.inf)

    def values_and_overlaps(self, maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the similarity (B,), and the fraction of points inside the moving image (B,)."""
        scores, overlaps = np.empty(len(maps)), np.empty(len(maps))
        to_index = self._to_index(maps)
        self._for_each_batch(
            lambda part: self._score_batch(to_index[part], scores[part], overlaps[part]), len(maps)
        )
        return scores, overlaps

    def values_and_gradients(self, maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the similarity (B,) and its derivatives by the entries of the maps (B, 3, 4)."""
        scores, by_maps = np.empty(len(maps)), np.empty((len(maps), 3, 4))
        to_index = self._to_index(maps)
        self._for_each_batch(
            lambda part: self._differentiate(to_index[part], scores[part], by_maps[part]),
            len(maps),
        )
        # The index is P (A x + t): derivatives by A and t are P^T times those by P A and P t.
        linear = self.level.to_index(self.origin)[:, :3]
        return scores, np.asarray(np.einsum("ji,bjk->bik", linear, by_maps))

    def _score_batch(self, to_index: FloatArray, scores: FloatArray, overlaps: FloatArray) -> None:
        """Fill in scores and overlaps of maps (B, 3, 4) from sample points to indices."""
        values = interpolate_mapped(self.level.array, to_index, self.points.positions)
        self.score(values, self._min_points, scores, NO_SLOPES)
        overlaps[:] = (~np.isnan(values)).sum(axis=1) / max(self._size, 1)

    def _differentiate(
        self, to_index: FloatArray, scores: FloatArray, by_maps: FloatArray
    ) -> None:
        """Fill in scores and derivatives by the entries of maps from sample points to indices."""
        positions = self.points.positions
        values, gradients = values_and_gradients(self.level.array, to_index, positions)
        slopes = np.empty_like(values)
        self.score(values, self._min_points, scores, slopes)
        backpropagate(values, slopes, gradients, positions, by_maps)

    def _to_index(self, maps: FloatArray) -> FloatArray:
        matrix = self.level.to_index(self.origin)
        indexed = np.einsum("ij,bjk->bik", matrix[:, :3], maps)
        indexed[:, :, 3] += matrix[:, 3]
        return np.asarray(indexed)

    def _for_each_batch(self, work: Callable[[slice], None], count: int) -> None:
        """Do the work for batches of maps, on several threads.

        Compiled loops treat each map on its own, in the same order of operations wherever in a
        batch it is: results are exactly equal for any number of threads.
        """
        rows = max(1, BATCH_SAMPLES // max(self._size, 1))
        rows = max(1, min(rows, -(-count // self.threads)))
        parts = [slice(first, first + rows) for first in range(0, count, rows)]
        if self.threads == 1 or len(parts) == 1:
            for part in parts:
                work(part)
            return
        with ThreadPoolExecutor(self.threads) as pool:
            list(pool.map(work, parts))

    @property
    def _size(self) -> int:
        return int(self.points.positions.shape[1])

    @property
    def _min_points(self) -> int:
        return max(MIN_POINTS, int(MIN_OVERLAP * self._size))


def binned(values: NDArray[np.float32], bins: int) -> NDArray[np.uint8]:
    """Return the bin of each value in 0..1, for bins of equal width."""
    return np.minimum((values * bins).astype(np.int64), bins - 1).astype(np.uint8)


def score_kernel(name: str, values: NDArray[np.float32], bins: int) -> ScoreKernel:
    """Return the kernel of a metric (``mi``, ``nmi``, ``cr``) for fixed values in 0..1."""
    classes = binned(values, bins)
    fixed_counts = np.bincount(classes, minlength=bins).astype(np.float64)
    sizes = np.array((bins, bins))
    if name in ("mi", "nmi"):
        return lambda v, min_points, scores, slopes: mutual_information(
            v, classes, fixed_counts, min_points, name == "nmi", scores, slopes
        )
    return lambda v, min_points, scores, slopes: correlation_ratio(
        v, values, classes, sizes, min_points, scores, slopes
    )
