"""Measures that look at one neighbourhood at a time, averaged over all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from regkit_instance.limits import NOISE
from regkit_instance.torch_backend.cr import CorrelationRatio
from regkit_instance.torch_backend.point_sampler import SampledValues
from regkit_instance.torch_backend.windows import Windows


class Neighbourhood(Protocol):
    """Compares two images within patches."""

    def compare(self, values: Tensor, fixed: Tensor) -> tuple[Tensor, Tensor]:
        """Return how alike both are in each patch, and the derivatives by the moving values.

        Parameters
        ----------
        values
            Of the moving images, NaN where unknown, shape (patches, maps, voxels).
        fixed
            Of the fixed image, shape (patches, voxels); any number where `values` are NaN.

        Returns
        -------
        tuple of Tensor
            From 0 to 1, shape (patches, maps), 0 where nothing is known; and shape (patches,
            maps, voxels), any number where the value is NaN.
        """


@dataclass(frozen=True, eq=False)
class InPatches:
    """The mean over patches, each weighted by how many of its points meet the moving image.

    Parameters
    ----------
    fixed
        Values in 0..1, NaN where unknown, shape (pairs, points): one patch after the other.
    whole
        Points of a patch.
    fewest
        Fewest points that must meet the moving image for a score.
    neighbourhood
        Compares within a patch.
    """

    fixed: Tensor
    whole: int
    fewest: int
    neighbourhood: Neighbourhood

    def tally(self, look: SampledValues) -> Tensor:
        """Return the number of points that count, and their score, (pairs, maps, 2)."""
        values, fixed = self._in_patches(look)
        alike, _ = self.neighbourhood.compare(values, fixed)
        counts = values.isfinite().sum(-1)
        per_pair = torch.stack([counts, counts * alike], dim=-1).double()
        return per_pair.unflatten(0, (len(self.fixed), -1)).sum(1)  # type: ignore[no-any-return, no-untyped-call]

    def score(self, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean, and what each point counts in it."""
        counted, total = sums.unbind(-1)
        share = 1 / counted.clamp(min=1)
        known = (counted >= self.fewest) & (total > 0)
        return torch.where(known, total * share, -torch.inf), share

    def slopes(self, look: SampledValues, table: Tensor) -> Tensor:
        """Return the derivatives by the values."""
        values, fixed = self._in_patches(look)
        _, slopes = self.neighbourhood.compare(values, fixed)
        known = values.isfinite()
        slopes = torch.where(known, slopes * known.sum(-1, keepdim=True), 0.0)
        pairs, maps, points = look.values.shape
        back = slopes.view(pairs, -1, maps, self.whole).transpose(1, 2)
        return back.reshape(pairs, maps, points) * table.to(slopes.dtype)[..., None]

    def _in_patches(self, look: SampledValues) -> tuple[Tensor, Tensor]:
        """Return moving (pairs x patches, maps, voxels) and fixed (pairs x patches, voxels)."""
        pairs, maps, _ = look.values.shape
        fixed = self.fixed[:, look.columns].reshape(-1, self.whole)
        values = look.values.view(pairs, maps, -1, self.whole).transpose(1, 2)
        values = values.reshape(-1, maps, self.whole)
        unknown = fixed.isnan()
        values = torch.where(unknown[:, None], torch.nan, values)
        return values, torch.where(unknown, 0.0, fixed)


@dataclass(frozen=True)
class LocalCorrelation:
    """The square of the correlation coefficient: 1 for a linear relation, whatever its sign."""

    noise: float = NOISE

    def compare(self, values: Tensor, fixed: Tensor) -> tuple[Tensor, Tensor]:
        """Return squared correlations, and their derivatives."""
        known = values.isfinite()
        count = known.sum(-1, keepdim=True).clamp(min=1)
        moving, still = (_centred(v, known, count) for v in (values, fixed[:, None]))
        covariance = (moving * still).sum(-1, keepdim=True) / count
        v_moving, v_still = (
            (v * v).sum(-1, keepdim=True) / count + self.noise for v in (moving, still)
        )
        slope = covariance / (v_moving * v_still)
        alike = covariance * slope
        by_value = 2 / count * (slope * still - alike / v_moving * moving)
        return alike[..., 0], by_value


@dataclass(frozen=True)
class LocalCorrelationRatio:
    """The correlation ratio in both directions."""

    windows: Windows
    noise: float = NOISE

    def compare(self, values: Tensor, fixed: Tensor) -> tuple[Tensor, Tensor]:
        """Return the means of both ratios, and their derivatives."""
        bins = (fixed * self.windows.bins).to(torch.int64).clamp(0, self.windows.bins - 1)
        rule = CorrelationRatio(fixed, bins, self.windows.bins, self.windows, 1, self.noise)
        look = SampledValues(values, values, slice(None))
        alike, table = rule.score(rule.tally(look))
        slopes = rule.slopes(look, table)
        known = alike.isfinite()
        return (
            torch.where(known, alike, 0.0).to(values.dtype),
            torch.where(known[..., None], slopes, 0.0),
        )


def _centred(values: Tensor, known: Tensor, count: Tensor) -> Tensor:
    """Return what is known less its mean, and zero elsewhere."""
    there = torch.where(known, values, 0.0)
    return torch.where(known, there - there.sum(-1, keepdim=True) / count, 0.0)
