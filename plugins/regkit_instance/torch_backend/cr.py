"""Correlation ratio in both directions.

The share of the variance of one image that the intensity of the other explains, averaged over
both ways. Roche et al. 1998, doi:10.1007/BFb0056301. The fixed side is binned once; the moving
side falls into cubic B-spline windows, which makes the measure smooth in the map.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from regkit_instance.limits import SMALLEST
from regkit_instance.torch_backend.deterministic_sums import sums_in_bins
from regkit_instance.torch_backend.point_sampler import SampledValues
from regkit_instance.torch_backend.windows import Windows, powers, table_lookup


@dataclass(frozen=True, eq=False)
class CorrelationRatio:
    """What either image explains of the other, from 0 to 1.

    Parameters
    ----------
    fixed, bins
        Fixed value in 0..1 and its bin (int64) at each point, shape (pairs, points).
    fixed_bins
        How many bins there are.
    windows
        Bins of the moving values.
    fewest
        Fewest points that must meet the moving image for a score.
    noise
        Variance that counts as unexplained in either image, so that nearly constant ones, whose
        variance is noise, explain nothing of each other.
    """

    fixed: Tensor
    bins: Tensor
    fixed_bins: int
    windows: Windows
    fewest: int
    noise: float = 0.0
    whole: int = 1

    def tally(self, look: SampledValues) -> Tensor:
        """Return sums of moving values by fixed bin, and of fixed ones by moving interval."""
        interval, t = self.windows.place(look.values)
        known = interval >= 0
        value = torch.where(known, look.values, 0.0)
        fixed, most = self._fixed(look), self.bins.shape[1]
        by_fixed = sums_in_bins(
            [torch.ones_like(t), value, value * value],
            torch.where(known, self.bins[:, None, look.columns], -1),
            self.fixed_bins,
            most,
        )
        by_moving = sums_in_bins(
            [*powers(t), *(fixed * power for power in powers(t)), fixed * fixed],
            interval,
            self.windows.intervals,
            most,
        )
        return torch.cat([by_fixed.flatten(2), by_moving.flatten(2)], dim=2)

    def score(self, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mean of both ratios, and what `slopes` looks up."""
        fixed, moving = (
            part.reshape(*part.shape[:2], terms, -1)
            for terms, part in zip((3, 9), torch.split(sums, self._sizes, dim=2), strict=True)
        )
        forth = _Explained.of(fixed[:, :, 0], fixed[:, :, 1], fixed[:, :, 2].sum(-1), self.noise)
        plain, times_fixed = (self.windows.histogram(moving[:, :, i : i + 4]) for i in (0, 4))
        back = _Explained.of(plain, times_fixed, moving[:, :, 8].sum(-1), self.noise)
        known = (forth.counted >= self.fewest) & forth.varies & back.varies
        score = torch.where(known, (forth.ratio + back.ratio) / 2, -torch.inf)
        return score, torch.cat([self._of_bins(forth), self._of_windows(back)], dim=2)

    def slopes(self, look: SampledValues, table: Tensor) -> Tensor:
        """Return the derivatives by the values."""
        interval, t = self.windows.place(look.values)
        sizes = [self.fixed_bins, 1, *[self.windows.intervals] * 6]
        of_bin, of_value, *pieces = torch.split(table.to(t.dtype), sizes, dim=2)
        bins = self.bins[:, None, look.columns].expand(interval.shape)
        slope = table_lookup(of_bin, bins) - of_value * look.values
        coefficients = [table_lookup(piece, interval) for piece in pieces]
        plain, times_fixed = (
            c + t * (b + t * a) for c, b, a in (coefficients[:3], coefficients[3:])
        )
        return slope + plain + self._fixed(look) * times_fixed

    @property
    def _sizes(self) -> list[int]:
        return [3 * self.fixed_bins, 9 * self.windows.intervals]

    def _fixed(self, look: SampledValues) -> Tensor:
        return self.fixed[:, None, look.columns].expand(look.values.shape)

    def _of_bins(self, forth: _Explained) -> Tensor:
        """Half the derivative of the ratio by a value: its bin's mean moves, and all vary."""
        ratio, mean, scale = (x[..., None] for x in (forth.ratio, forth.mean, forth.scale))
        return torch.cat([scale * (forth.means + (ratio - 1) * mean), scale * ratio], dim=2)

    def _of_windows(self, back: _Explained) -> Tensor:
        """Half the derivative by a value that moves fixed intensities between windows."""
        mean, scale = back.mean[..., None], back.scale[..., None] / 2
        off = back.means - mean
        plain = self.windows.slopes(-scale * off * (off + 2 * mean))
        times_fixed = self.windows.slopes(2 * scale * off)
        return torch.cat([plain.flatten(2), times_fixed.flatten(2)], dim=2)


@dataclass(frozen=True, eq=False)
class _Explained:
    """What classes explain of values: means of classes (..., classes), the rest (...)."""

    means: Tensor
    counted: Tensor
    mean: Tensor
    varies: Tensor
    ratio: Tensor
    scale: Tensor

    @classmethod
    def of(cls, counts: Tensor, sums: Tensor, squares: Tensor, noise: float) -> _Explained:
        counted = counts.sum(-1)
        n = counted.clamp(min=1)
        mean, means = sums.sum(-1) / n, sums / counts.clamp(min=SMALLEST)
        variance = squares / n - mean.square()
        varies = variance > SMALLEST
        scale = 1 / (n * torch.where(varies, variance + noise, 1.0))
        ratio = (counts * (means - mean[..., None]).square()).sum(-1) * scale
        return cls(means, counted, mean, varies, ratio, scale)
