"""The interface of similarity measures, and those of sampled intensities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit.geometry.interpolation import interpolate_mapped, values_and_gradients
from regkit_instance.information import SampledInformation, binned
from regkit_instance.metric_constants import MIN_OVERLAP, MIN_POINTS
from regkit_instance.numba_backend.ascent import Work, ascend, new_work
from regkit_instance.numba_backend.bfgs import Searches
from regkit_instance.numba_backend.chain_rule import backpropagate
from regkit_instance.numba_backend.cr import correlation_ratio
from regkit_instance.points import MetricPoints
from regkit_instance.pyramid import Level
from regkit_instance.threads import lead, share

# Maps times sample points per batch: values and gradients of so many fit the cache of a core.
BATCH_SAMPLES = 60_000
# Maps times sample points that one thread does sooner than several, and maps of each thread from
# which on it does all of a map: waking a thread takes as long as 10,000 points. Chosen by hand.
SHARED_SAMPLES, MANY_MAPS = 20_000, 2
# Pieces of each thread: a thread that begins late, or has long searches, then does fewer. By hand.
MOST_PIECES = 4
# Measures that are sums of others, the first and the weights of what is added to it. Gradient
# fields beside mutual information, on 10 simulated patients of the validation split of spect-ct,
# from 1.5 mm and 0.48 degrees: 0 leaves 1.41 mm and 0.20 degrees, 3 leaves 0.97 and 0.16, 5 leaves
# 0.84 and 0.15, 10 leaves 0.77 and 0.15, gradients alone 0.66 and 0.24. All three, after `dusfe`
# on 20 pairs of spect-ct-hard, 12 of spect-ct and 12 with 26 slices of CT, of the training split,
# mean errors over the body: 5.4, 1.4 and 2.9 mm; with 1, 1 and 10 these are 5.7, 1.4 and 2.9;
# without mutual information, 1 and 6, 4.9, 1.5 and 3.4; without correlation ratio (`mi-ngf`) 6.6,
# 1.7 and 3.6. On SPECT simulated from a real torso, in view when this was chosen, these leave 2.3,
# 3.1, 2.0 and 4.9. Gradient fields beside correlation ratio of whole images, for affine maps after
# a search (`transmorph-cr-iso`), on eight real thighs: Dice 0.815 by 0, 0.856 by 5 and 0.862 by
# 12; on eight simulated patients of the validation split 0.927 by 0 and 0.925 by 12.
SUMS: Mapping[str, tuple[str, Mapping[str, float]]] = {
    "mi-ngf": ("mi", {"ngf": 5.0}),
    "cr-ngf": ("cr", {"ngf": 12.0}),
    "mi-cr-ngf": ("mi", {"local-cr": 2.0, "ngf": 15.0}),
}

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


class ScoreOfMaps(Protocol):
    """A similarity metric of moving values at the sample points, with fixed values as attributes.

    Results are exactly equal for any number of threads.
    """

    def evaluate(  # noqa: PLR0917 - each has its own meaning
        self,
        volume: NDArray[np.float32],
        to_index: FloatArray,
        points: NDArray[np.float32],
        min_points: int,
        threads: int,
        by_maps: FloatArray | None = None,
    ) -> tuple[FloatArray, FloatArray]:
        """Return the scores under maps, and the numbers of known values.

        Parameters
        ----------
        volume
            The moving image, shape (z, y, x).
        to_index
            Maps from sample points to its indices, shape (B, 3, 4).
        points
            Sample points x, y, z, shape (3, N).
        min_points
            Smallest number of known values for a score; minus infinity with fewer.
        threads
            Number of threads.
        by_maps
            Filled with the derivatives by the entries of the maps, shape (B, 3, 4), if given.
        """


class ScoreKernel(Protocol):
    """A compiled loop that compares rows of moving values with the fixed ones."""

    def __call__(
        self, values: NDArray[np.float32], min_points: int, scores: FloatArray, slopes: Any
    ) -> None:
        """Fill in scores (B,) of values (B, N); slopes (B, N) too, unless they have no rows."""


@dataclass(frozen=True, eq=False)
class RowScore:
    """A `ScoreOfMaps` that needs all values of a map at once: threads share the maps.

    Parameters
    ----------
    score
        Kernel that compares the moving values with the fixed ones.
    """

    score: ScoreKernel

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
        scores, known = np.empty(len(to_index)), np.empty(len(to_index))

        def evaluate_rows(first: int, last: int) -> None:
            rows = slice(first, last)
            if by_maps is None:
                values = interpolate_mapped(volume, to_index[rows], points)
                self.score(values, min_points, scores[rows], NO_SLOPES)
            else:
                values, gradients = values_and_gradients(volume, to_index[rows], points)
                slopes = np.empty_like(values)
                self.score(values, min_points, scores[rows], slopes)
                backpropagate(values, slopes, gradients, points, by_maps[rows])
            known[rows] = (~np.isnan(values)).sum(axis=1)

        share(evaluate_rows, len(to_index), threads)
        return scores, known


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
    metric
        Metric with the fixed values.
    threads
        Number of threads; results are exactly the same with any number of them.
    """

    points: MetricPoints
    level: Level
    origin: FloatArray
    metric: ScoreOfMaps
    threads: int = 1

    def with_score(self, name: str, bins: int) -> SampledMetric:
        """Return a measure with another metric (see `metric_of`) of the same points."""
        return replace(self, metric=metric_of(name, self.points.values, bins))

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
        scores, known = self._evaluate(maps)
        return scores, known / max(self._size, 1)

    def values_and_gradients(self, maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the similarity (B,) and its derivatives by the entries of the maps (B, 3, 4)."""
        by_maps = np.empty((len(maps), 3, 4))
        scores, _ = self._evaluate(maps, by_maps)
        # The index is P (A x + t): derivatives by A and t are P^T times those by P A and P t.
        return scores, np.asarray(self._matrix[:, :3].T @ by_maps)

    def ascend(
        self, searches: Searches, radius_mm: float, limits_mm: tuple[float, ...], most: int
    ) -> int:
        """Carry searches for rigid motions to their ends; of few, threads share the points.

        Parameters
        ----------
        searches
            Changed in place.
        radius_mm, limits_mm, most
            Those of `regkit_instance.numba_backend.ascent.ascend`.

        Returns
        -------
        evaluations
            Their number; 0 if nothing was done, because the metric is another one.
        """
        if not isinstance(self.metric, SampledInformation):
            return 0
        landscape = self.metric.landscape(
            self.level.array, self._matrix, self.points.positions, self._min_points, radius_mm
        )
        count = len(searches.maps)
        evaluations = np.empty(count, np.int64)

        def carry(work: Work, thread: int, first: int, last: int) -> None:
            part = np.array((first, last))
            ascend(landscape, work, thread, searches, limits_mm, most, part, evaluations)

        together = min(self.threads, -(-self._size // landscape.block))
        if count < MANY_MAPS * together:
            work = new_work(landscape, together)
            lead(lambda thread: carry(work, thread, 0, count), together)
        else:
            share(
                lambda *part: carry(new_work(landscape), 0, *part),
                *(count, self.threads, MOST_PIECES),
            )
        return int(evaluations.sum())

    def _evaluate(
        self, maps: FloatArray, by_maps: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Return the similarity and the number of points inside the moving image, by batches."""
        scores, known = np.empty(len(maps)), np.empty(len(maps))
        to_index, points = self._to_index(maps), self.points.positions
        rows = max(1, BATCH_SAMPLES // max(self._size, 1))

        def evaluate(first: int, last: int, threads: int = 1) -> None:
            for begin in range(first, last, rows * threads):
                part = slice(begin, min(begin + rows * threads, last))
                slopes = None if by_maps is None else by_maps[part]
                scores[part], known[part] = self.metric.evaluate(
                    self.level.array, to_index[part], points, self._min_points, threads, slopes
                )

        if len(maps) * self._size < SHARED_SAMPLES:
            evaluate(0, len(maps))
        elif len(maps) >= MANY_MAPS * self.threads:
            batches = len(maps) * self._size // (BATCH_SAMPLES * self.threads)
            share(evaluate, len(maps), self.threads, max(1, min(batches, MOST_PIECES)))
        else:
            evaluate(0, len(maps), self.threads)
        return scores, known

    def _to_index(self, maps: FloatArray) -> FloatArray:
        indexed = self._matrix[:, :3] @ maps
        indexed[:, :, 3] += self._matrix[:, 3]
        return np.asarray(indexed)

    @cached_property
    def _matrix(self) -> FloatArray:
        return self.level.to_index(self.origin)

    @property
    def _size(self) -> int:
        return int(self.points.positions.shape[1])

    @property
    def _min_points(self) -> int:
        return max(MIN_POINTS, int(MIN_OVERLAP * self._size))


def metric_of(name: str, values: NDArray[np.float32], bins: int) -> ScoreOfMaps:
    """Return a metric (``mi``, ``nmi``, ``cr``) with fixed values in 0..1."""
    if name in ("mi", "nmi"):
        return SampledInformation.of(values, bins, normalized=name == "nmi")
    classes, sizes = binned(values, bins), np.array((bins, bins))
    return RowScore(
        lambda v, min_points, scores, slopes: correlation_ratio(
            v, values, classes, sizes, min_points, scores, slopes
        )
    )
