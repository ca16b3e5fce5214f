"""Correlation ratio in both directions.

The fraction of the variance of one image explained by the intensities of the other, averaged over
both directions. Roche et al. 1998, doi:10.1007/BFb0056301. The fixed side is binned once; the
moving side falls into cubic B-spline windows, which makes the measure smooth in the map.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from regkit_instance.metric_constants import MIN_VARIANCE
from regkit_instance.torch_backend.deterministic_sums import histogram_sums
from regkit_instance.torch_backend.point_sampler import SampledValues
from regkit_instance.torch_backend.windows import Windows, powers, table_lookup


@dataclass(frozen=True, eq=False)
class CorrelationRatio:
    """Mean correlation ratio of both directions, from 0 to 1.

    Parameters
    ----------
    fixed, bins
        Fixed value in 0..1 and its bin (int64) at each point, shape (pairs, points).
    fixed_bins
        Number of fixed bins.
    windows
        Parzen windows of the moving values.
    min_points
        Smallest number of points inside the moving image for a score.
    noise
        Variance of either image that counts as unexplained, so that the ratio of nearly constant
        images is near zero.
    """

    fixed: Tensor
    bins: Tensor
    fixed_bins: int
    windows: Windows
    min_points: int
    noise: float = 0.0
    patch_size: int = 1

    def accumulate(self, sampled: SampledValues) -> Tensor:
        """Return sums of moving values by fixed bin, and of fixed ones by moving interval."""
        interval, t = self.windows.locate(sampled.values)
        known = interval >= 0
        value = torch.where(known, sampled.values, 0.0)
        fixed, most = self._fixed(sampled), self.bins.shape[1]
        by_fixed = histogram_sums(
            [torch.ones_like(t), value, value * value],
            torch.where(known, self.bins[:, None, sampled.columns], -1),
            self.fixed_bins,
            most,
        )
        by_moving = histogram_sums(
            [*powers(t), *(fixed * power for power in powers(t)), fixed * fixed],
            interval,
            self.windows.intervals,
            most,
        )
        return torch.cat([by_fixed.flatten(2), by_moving.flatten(2)], dim=2)

    def score(self, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean of both ratios, and the coefficients of `slopes`."""
        fixed, moving = (
            part.reshape(*part.shape[:2], terms, -1)
            for terms, part in zip((3, 9), torch.split(sums, self._sizes, dim=2), strict=True)
        )
        forth = _VarianceRatio.of(
            fixed[:, :, 0], fixed[:, :, 1], fixed[:, :, 2].sum(-1), self.noise
        )
        plain, times_fixed = (self.windows.histogram(moving[:, :, i : i + 4]) for i in (0, 4))
        back = _VarianceRatio.of(plain, times_fixed, moving[:, :, 8].sum(-1), self.noise)
        known = (forth.counted >= self.min_points) & forth.varies & back.varies
        score = torch.where(known, (forth.ratio + back.ratio) / 2, -torch.inf)
        return score, torch.cat([self._of_bins(forth), self._of_windows(back)], dim=2)

    def slopes(self, sampled: SampledValues, table: Tensor) -> Tensor:
        """Return the derivatives by the values."""
        interval, t = self.windows.locate(sampled.values)
        sizes = [self.fixed_bins, 1, *[self.windows.intervals] * 6]
        of_bin, of_value, *pieces = torch.split(table.to(t.dtype), sizes, dim=2)
        bins = self.bins[:, None, sampled.columns].expand(interval.shape)
        slope = table_lookup(of_bin, bins) - of_value * sampled.values
        coefficients = [table_lookup(piece, interval) for piece in pieces]
        plain, times_fixed = (
            c + t * (b + t * a) for c, b, a in (coefficients[:3], coefficients[3:])
        )
        return slope + plain + self._fixed(sampled) * times_fixed

    @property
    def _sizes(self) -> list[int]:
        return [3 * self.fixed_bins, 9 * self.windows.intervals]

    def _fixed(self, sampled: SampledValues) -> Tensor:
        return self.fixed[:, None, sampled.columns].expand(sampled.values.shape)

    def _of_bins(self, forth: _VarianceRatio) -> Tensor:
        """Return half the derivative of the ratio by a value, which changes mean and variance."""
        ratio, mean, scale = (x[..., None] for x in (forth.ratio, forth.mean, forth.scale))
        return torch.cat([scale * (forth.means + (ratio - 1) * mean), scale * ratio], dim=2)

    def _of_windows(self, back: _VarianceRatio) -> Tensor:
        """Return half the derivative by a value, which moves fixed intensities between windows."""
        mean, scale = back.mean[..., None], back.scale[..., None] / 2
        off = back.means - mean
        plain = self.windows.slopes(-scale * off * (off + 2 * mean))
        times_fixed = self.windows.slopes(2 * scale * off)
        return torch.cat([plain.flatten(2), times_fixed.flatten(2)], dim=2)


@dataclass(frozen=True, eq=False)
class _VarianceRatio:
    """Fraction of variance explained by classes: means (..., classes), all else (...)."""

    means: Tensor
    counted: Tensor
    mean: Tensor
    varies: Tensor
    ratio: Tensor
    scale: Tensor

    @classmethod
    def of(cls, counts: Tensor, sums: Tensor, squares: Tensor, noise: float) -> _VarianceRatio:
        counted = counts.sum(-1)
        n = counted.clamp(min=1)
        mean, means = sums.sum(-1) / n, sums / counts.clamp(min=MIN_VARIANCE)
        variance = squares / n - mean.square()
        varies = variance > MIN_VARIANCE
        scale = 1 / (n * torch.where(varies, variance + noise, 1.0))
        ratio = (counts * (means - mean[..., None]).square()).sum(-1) * scale
        return cls(means, counted, mean, varies, ratio, scale)
