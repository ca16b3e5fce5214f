"""Measures of maps, with derivatives, from metrics of sampled values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from regkit_instance.torch_backend.point_sampler import PointSampler, SampledValues


class PointMetric(Protocol):
    """A similarity metric of the values of the moving images at the sample points."""

    @property
    def patch_size(self) -> int:
        """Number of points of a patch; 1 for metrics without patches."""

    def accumulate(self, sampled: SampledValues) -> Tensor:
        """Return sums over the points, float64, shape (pairs, maps, ...)."""

    def score(self, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Return the score (pairs, maps), minus infinity where there is none, and a table.

        The table, shape (pairs, maps, ...), holds the coefficients that `slopes` needs.
        """

    def slopes(self, sampled: SampledValues, table: Tensor) -> Tensor:
        """Return the derivatives of the score by the values, (pairs, maps, points)."""


@dataclass(frozen=True, eq=False)
class DenseMeasure:
    """Scores of maps of many pairs at once; larger is more similar.

    A first pass over the points accumulates sums, a second one backpropagates the derivatives of
    the score. Only the sums are kept in between.

    Parameters
    ----------
    sampler
        Sample points and moving images.
    metric
        Similarity metric of the sampled values.
    """

    sampler: PointSampler
    metric: PointMetric

    def values(self, maps: Tensor) -> Tensor:
        """Return the scores (pairs, maps) of maps (pairs, maps, 3, 4), all float64."""
        return self.metric.score(self._sums(maps))[0]

    def values_and_gradients(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores and their derivatives by the entries of the maps.

        Where the score is minus infinity the derivatives are zero.
        """
        scores, table = self.metric.score(self._sums(maps))
        gradients = torch.zeros_like(maps)
        for sampled in self.sampler.sample(maps, self.metric.patch_size):
            gradients += self.sampler.backpropagate(
                sampled, self.metric.slopes(sampled, table), maps
            )
        return scores, torch.where(scores.isfinite()[..., None, None], gradients, 0.0)

    def _sums(self, maps: Tensor) -> Tensor:
        sums = [
            self.metric.accumulate(sampled)
            for sampled in self.sampler.sample(maps, self.metric.patch_size)
        ]
        return torch.stack(sums).sum(0)
