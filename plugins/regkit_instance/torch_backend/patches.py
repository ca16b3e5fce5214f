"""Metrics within patches, averaged over all patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from regkit_instance.metric_constants import PATCH_NOISE_VARIANCE
from regkit_instance.torch_backend.cr import CorrelationRatio
from regkit_instance.torch_backend.point_sampler import SampledValues
from regkit_instance.torch_backend.windows import Windows


class PatchSimilarity(Protocol):
    """A similarity metric within patches."""

    def compare(self, values: Tensor, fixed: Tensor) -> tuple[Tensor, Tensor]:
        """Return the similarity within each patch, and its derivatives by the moving values.

        Parameters
        ----------
        values
            Moving values, NaN where unknown, shape (patches, maps, voxels).
        fixed
            Fixed values, shape (patches, voxels); ignored where `values` are NaN.

        Returns
        -------
        tuple of Tensor
            Similarities from 0 to 1, shape (patches, maps), 0 where nothing is known; and
            derivatives, shape (patches, maps, voxels), undefined where the value is NaN.
        """


@dataclass(frozen=True, eq=False)
class PatchMetric:
    """The mean over patches, each weighted by its number of points inside the moving image.

    Parameters
    ----------
    fixed
        Values in 0..1, NaN where unknown, shape (pairs, points): one patch after the other.
    patch_size
        Number of points of a patch.
    min_points
        Smallest number of points inside the moving image for a score.
    similarity
        Similarity metric within a patch.
    """

    fixed: Tensor
    patch_size: int
    min_points: int
    similarity: PatchSimilarity

    def accumulate(self, sampled: SampledValues) -> Tensor:
        """Return the number of known points, and their summed similarity, (pairs, maps, 2)."""
        values, fixed = self._in_patches(sampled)
        similarity, _ = self.similarity.compare(values, fixed)
        counts = values.isfinite().sum(-1)
        per_pair = torch.stack([counts, counts * similarity], dim=-1).double()
        return per_pair.unflatten(0, (len(self.fixed), -1)).sum(1)  # type: ignore[no-any-return, no-untyped-call]

    def score(self, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean, and the weight of each point in it."""
        counted, total = sums.unbind(-1)
        weight = 1 / counted.clamp(min=1)
        known = (counted >= self.min_points) & (total > 0)
        return torch.where(known, total * weight, -torch.inf), weight

    def slopes(self, sampled: SampledValues, table: Tensor) -> Tensor:
        """Return the derivatives by the values."""
        values, fixed = self._in_patches(sampled)
        _, slopes = self.similarity.compare(values, fixed)
        known = values.isfinite()
        slopes = torch.where(known, slopes * known.sum(-1, keepdim=True), 0.0)
        pairs, maps, points = sampled.values.shape
        back = slopes.view(pairs, -1, maps, self.patch_size).transpose(1, 2)
        return back.reshape(pairs, maps, points) * table.to(slopes.dtype)[..., None]

    def _in_patches(self, sampled: SampledValues) -> tuple[Tensor, Tensor]:
        """Return moving (pairs x patches, maps, voxels) and fixed (pairs x patches, voxels)."""
        pairs, maps, _ = sampled.values.shape
        fixed = self.fixed[:, sampled.columns].reshape(-1, self.patch_size)
        values = sampled.values.view(pairs, maps, -1, self.patch_size).transpose(1, 2)
        values = values.reshape(-1, maps, self.patch_size)
        unknown = fixed.isnan()
        values = torch.where(unknown[:, None], torch.nan, values)
        return values, torch.where(unknown, 0.0, fixed)


@dataclass(frozen=True)
class LocalCorrelation:
    """The squared correlation coefficient: 1 for a linear relation of either sign."""

    noise: float = PATCH_NOISE_VARIANCE

    def compare(self, values: Tensor, fixed: Tensor) -> tuple[Tensor, Tensor]:
        """Return squared correlations, and their derivatives."""
        known = values.isfinite()
        count = known.sum(-1, keepdim=True).clamp(min=1)
        moving, static = (_centred(v, known, count) for v in (values, fixed[:, None]))
        covariance = (moving * static).sum(-1, keepdim=True) / count
        v_moving, v_static = (
            (v * v).sum(-1, keepdim=True) / count + self.noise for v in (moving, static)
        )
        slope = covariance / (v_moving * v_static)
        similarity = covariance * slope
        by_value = 2 / count * (slope * static - similarity / v_moving * moving)
        return similarity[..., 0], by_value


@dataclass(frozen=True)
class LocalCorrelationRatio:
    """The correlation ratio in both directions."""

    windows: Windows
    noise: float = PATCH_NOISE_VARIANCE

    def compare(self, values: Tensor, fixed: Tensor) -> tuple[Tensor, Tensor]:
        """Return the means of both ratios, and their derivatives."""
        bins = (fixed * self.windows.bins).to(torch.int64).clamp(0, self.windows.bins - 1)
        metric = CorrelationRatio(fixed, bins, self.windows.bins, self.windows, 1, self.noise)
        sampled = SampledValues(values, values, slice(None))
        similarity, table = metric.score(metric.accumulate(sampled))
        slopes = metric.slopes(sampled, table)
        known = similarity.isfinite()
        return (
            torch.where(known, similarity, 0.0).to(values.dtype),
            torch.where(known[..., None], slopes, 0.0),
        )


def _centred(values: Tensor, known: Tensor, count: Tensor) -> Tensor:
    """Return known values minus their mean, and zero elsewhere."""
    there = torch.where(known, values, 0.0)
    return torch.where(known, there - there.sum(-1, keepdim=True) / count, 0.0)
