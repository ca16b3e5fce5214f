"""Mutual information with cubic B-spline Parzen windows, plain and normalized.

The fixed side is binned once; a moving value adds to four neighbouring bins, which makes the
measure smooth in the map. Thevenaz and Unser 2000, doi:10.1109/83.887976; normalized:
Studholme et al. 1999, doi:10.1016/S0031-3203(98)00091-0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from regkit_instance.metric_constants import MAX_BIN_WEIGHT, MIN_INFORMATION
from regkit_instance.torch_backend.deterministic_sums import histogram_sums
from regkit_instance.torch_backend.point_sampler import SampledValues
from regkit_instance.torch_backend.windows import Windows, powers, table_lookup


@dataclass(frozen=True, eq=False)
class Information:
    """Mutual information of moving values and binned fixed ones, in nats.

    Parameters
    ----------
    bins
        Bin of the fixed value at each point, int64, shape (pairs, points).
    fixed_bins
        Number of fixed bins.
    windows
        Parzen windows of the moving values.
    min_points
        Smallest number of points inside the moving image for a score.
    normalized
        True for (H(f) + H(m)) / H(f, m), from 1 to 2; false for H(f) + H(m) - H(f, m).
    """

    bins: Tensor
    fixed_bins: int
    windows: Windows
    min_points: int
    normalized: bool = False
    patch_size: int = 1

    def accumulate(self, sampled: SampledValues) -> Tensor:
        """Return sums of powers by fixed bin and moving interval, (pairs, maps, fixed, 4, ...)."""
        cell, t = self._cells(sampled)
        cells = self.fixed_bins * self.windows.intervals
        sums = histogram_sums(powers(t), cell, cells, max_terms=self.bins.shape[1])
        by_cell = sums.view(*sums.shape[:3], self.fixed_bins, self.windows.intervals)
        return by_cell.transpose(2, 3)

    def score(self, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Return the information, and the coefficients of its derivative in every interval."""
        seen = sums[:, :, :, 0].sum(-1)
        scales = self._restoring_scales(seen)
        weight = (scales / (scales * seen).sum(-1, keepdim=True).clamp(min=1))[..., None]
        # Bins found from sums of powers may be negative by rounding errors.
        value, by_joint = self._information(self.windows.histogram(sums).clamp(min=0) * weight)
        table = self.windows.slopes(by_joint * weight).transpose(2, 3).flatten(3)
        counts = (seen.sum(-1) >= self.min_points) & value.isfinite()
        return torch.where(counts, value, -torch.inf), table

    def slopes(self, sampled: SampledValues, table: Tensor) -> Tensor:
        """Return the derivatives by the values."""
        cell, t = self._cells(sampled)
        constant, linear, square = (
            table_lookup(coefficients, cell) for coefficients in table.to(t.dtype).unbind(2)
        )
        return constant + t * (linear + t * square)

    def _restoring_scales(self, seen: Tensor) -> Tensor:
        """Return the factors that scale the rows of a joint histogram to the whole sample.

        Where a part of the fixed sample maps outside, the rest has other proportions of tissues,
        and a map could gain by what it leaves out.
        """
        once = torch.ones_like(self.bins, dtype=torch.float64)
        fixed_counts = once.new_zeros(len(self.bins), self.fixed_bins).scatter_add_(
            1, self.bins, once
        )
        scales = (fixed_counts[:, None] / seen.clamp(min=1)).clamp(max=MAX_BIN_WEIGHT)
        return torch.where(seen > 0, scales, 0.0)

    def _cells(self, sampled: SampledValues) -> tuple[Tensor, Tensor]:
        """Return the cell (fixed bin, moving interval) of each value, and its position there."""
        interval, t = self.windows.locate(sampled.values)
        cell = self.bins[:, None, sampled.columns] * self.windows.intervals + interval
        return torch.where(interval < 0, -1, cell), t

    def _information(self, p: Tensor) -> tuple[Tensor, Tensor]:
        """Return the information of a joint distribution, and its derivative by the entries.

        A constant per row is left out: it has no effect when a value moves along its row.
        """
        fixed, moving = p.sum(-1), p.sum(-2)
        h_fixed, h_moving, h_joint = _entropy(fixed), _entropy(moving), _entropy(p.flatten(2))
        value, of_joint, scale = h_fixed + h_moving - h_joint, *[torch.ones_like(h_joint)] * 2
        known = (value > MIN_INFORMATION) & (h_joint > MIN_INFORMATION)
        if self.normalized:
            scale = 1 / torch.where(known, h_joint, 1.0)
            value = of_joint = (h_fixed + h_moving) * scale
        by_p = of_joint[..., None, None] * _log(p) - _log(moving)[:, :, None]
        return torch.where(known, value, -torch.inf), scale[..., None, None] * by_p


def _entropy(p: Tensor) -> Tensor:
    return -torch.xlogy(p, p).sum(-1)


def _log(p: Tensor) -> Tensor:
    return torch.log(torch.where(p > 0, p, 1.0))
