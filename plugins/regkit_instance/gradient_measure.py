"""The compiled measure of normalized gradient fields: alignment of the edges of both images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit.geometry.interpolation import interpolate_mapped, values_and_gradients
from regkit_instance.measures import BATCH_SAMPLES
from regkit_instance.metric_constants import MIN_OVERLAP, MIN_POINTS
from regkit_instance.neighborhood_points import GradientPoints
from regkit_instance.numba_backend.chain_rule import backpropagate
from regkit_instance.numba_backend.ngf import gradient_fields
from regkit_instance.pyramid import Level

NO_SLOPES = np.empty((0, 0, 0), np.float32)
# Keeps the measure of a constant image finite.
MIN_GRADIENT = 1e-12


@dataclass(frozen=True, eq=False)
class GradientFieldMeasure:
    """Normalized gradient fields of a pair: a `regkit_instance.measures.Measure`.

    Parameters
    ----------
    positions
        Fixed points, mm about the body's centre, shape (3, N), float32.
    directions
        Directions of the fixed gradients there, with lengths up to one, shape (3, N), float32.
    images
        Gradients of the moving image by mm, x, y, z, shape (3, z, y, x).
    to_index
        Map from moving points, mm about the body's centre, to indices, shape (3, 4).
    weak
        Length of a moving gradient below which it counts as weak.
    """

    positions: NDArray[np.float32]
    directions: NDArray[np.float32]
    images: NDArray[np.float32]
    to_index: FloatArray
    weak: float

    @classmethod
    def of(cls, points: GradientPoints, level: Level, origin: FloatArray) -> Self:
        """Return the measure of sample points and a moving image; see `SampledMetric`.

        A gradient is weak when it is shorter than the mean of its image.
        """
        squared = np.square(points.gradients).sum(axis=0)
        weak = max(float(np.sqrt(squared).mean()), MIN_GRADIENT)
        to_index = level.to_index(origin)
        images = _gradients(level.array, to_index)
        lengths = np.sqrt(np.square(images).sum(axis=0))
        return cls(
            points.positions,
            (points.gradients / np.sqrt(squared + weak**2)).astype(np.float32),
            images,
            to_index,
            max(float(np.nanmean(lengths)), MIN_GRADIENT),
        )

    def values(self, maps: FloatArray) -> FloatArray:
        """Return the similarity (B,) under each map."""
        scores = np.empty(len(maps))
        for part in self._parts(len(maps)):
            to_index = self._to_index(maps[part])
            fields = np.stack(
                [interpolate_mapped(image, to_index, self.positions) for image in self.images]
            )
            self._score(fields, maps[part], scores[part], NO_SLOPES)
        return scores

    def values_and_gradients(self, maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the similarity (B,) and its derivatives by the entries of the maps (B, 3, 4)."""
        scores, by_maps = np.empty(len(maps)), np.empty((len(maps), 3, 4))
        for part in self._parts(len(maps)):
            self._differentiate(maps[part], scores[part], by_maps[part])
        return scores, by_maps

    def _differentiate(self, maps: FloatArray, scores: FloatArray, by_maps: FloatArray) -> None:
        to_index = self._to_index(maps)
        found = [values_and_gradients(image, to_index, self.positions) for image in self.images]
        fields = np.stack([field for field, _ in found])
        slopes = np.zeros_like(fields)
        by_linear = self._score(fields, maps, scores, slopes)
        by_maps[:] = 0.0
        from_axis = np.empty_like(by_maps)
        for (field, gradient), slope in zip(found, slopes, strict=True):
            backpropagate(field, slope, gradient, self.positions, from_axis)
            by_maps += np.einsum("ji,bjk->bik", self.to_index[:, :3], from_axis)
        by_maps[:, :, :3] += by_linear

    def _score(
        self,
        fields: NDArray[np.float32],
        maps: FloatArray,
        scores: FloatArray,
        slopes: NDArray[np.float32],
    ) -> FloatArray:
        """Fill in scores and slopes; return the derivatives by the linear parts alone."""
        by_linear = np.empty((len(maps), 3, 3))
        min_points = max(MIN_POINTS, int(MIN_OVERLAP * fields.shape[2]))
        limits, linear = np.array((self.weak, min_points)), np.ascontiguousarray(maps[:, :, :3])
        gradient_fields(fields, self.directions, linear, limits, scores, slopes, by_linear)
        return by_linear

    def _to_index(self, maps: FloatArray) -> FloatArray:
        to_index = np.einsum("ij,bjk->bik", self.to_index[:, :3], maps)
        to_index[:, :, 3] += self.to_index[:, 3]
        return np.asarray(to_index)

    def _parts(self, count: int) -> list[slice]:
        rows = max(1, BATCH_SAMPLES // max(self.positions.shape[1], 1))
        return [slice(first, first + rows) for first in range(0, count, rows)]


def _gradients(array: NDArray[np.float32], to_index: FloatArray) -> NDArray[np.float32]:
    """Return the gradients by mm of an image, by central differences, (3, z, y, x).

    Beyond the edges, the image continues as it ends.
    """
    by_index = np.empty((3, *array.shape), np.float32)
    for axis, slope in enumerate(by_index):
        along, values = np.moveaxis(slope, axis, 0), np.moveaxis(array, axis, 0)
        ends = np.concatenate([values[:1], values, values[-1:]])
        along[:] = (ends[2:] - ends[:-2]) / 2
    linear = to_index[:, :3].astype(np.float32)
    return np.ascontiguousarray(np.einsum("ij,i...->j...", linear, by_index))
