"""Mutual information with cubic B-spline Parzen windows, plain and normalised.

The fixed side is binned once; a moving value adds to four neighbouring bins, which makes the
measure smooth in the map. Thevenaz and Unser 2000, doi:10.1109/83.887976; normalised:
Studholme et al. 1999, doi:10.1016/S0031-3203(98)00091-0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from regkit_instance.limits import FLAT, MOST
from regkit_instance.torch_backend.deterministic_sums import sums_in_bins
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
        How many there are.
    windows
        Bins of the moving values.
    fewest
        Fewest points that must meet the moving image for a score.
    normalised
        (H(f) + H(m)) / H(f, m), from 1 to 2, instead of H(f) + H(m) - H(f, m).
    """

    bins: Tensor
    fixed_bins: int
    windows: Windows
    fewest: int
    normalised: bool = False
    whole: int = 1

    def tally(self, look: SampledValues) -> Tensor:
        """Return sums of powers by fixed bin and moving interval, (pairs, maps, fixed, 4, ...)."""
        cell, t = self._cells(look)
        cells = self.fixed_bins * self.windows.intervals
        sums = sums_in_bins(powers(t), cell, cells, most=self.bins.shape[1])
        by_cell = sums.view(*sums.shape[:3], self.fixed_bins, self.windows.intervals)
        return by_cell.transpose(2, 3)

    def score(self, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Return the information, and the coefficients of its derivative on every interval."""
        seen = sums[:, :, :, 0].sum(-1)
        scales = self._restoring(seen)
        share = (scales / (scales * seen).sum(-1, keepdim=True).clamp(min=1))[..., None]
        # Windows found from sums of powers may be less than nothing by a rounding error.
        value, by_joint = self._of(self.windows.histogram(sums).clamp(min=0) * share)
        table = self.windows.slopes(by_joint * share).transpose(2, 3).flatten(3)
        counts = (seen.sum(-1) >= self.fewest) & value.isfinite()
        return torch.where(counts, value, -torch.inf), table

    def slopes(self, look: SampledValues, table: Tensor) -> Tensor:
        """Return the derivatives by the values."""
        cell, t = self._cells(look)
        constant, linear, square = (
            table_lookup(coefficients, cell) for coefficients in table.to(t.dtype).unbind(2)
        )
        return constant + t * (linear + t * square)

    def _restoring(self, seen: Tensor) -> Tensor:
        """Return by how much the rows of a joint histogram are scaled to the whole sample.

        Where part of the fixed sample meets nothing, what is left has other proportions of
        tissues, and a map could gain by what it leaves out.
        """
        once = torch.ones_like(self.bins, dtype=torch.float64)
        whole = once.new_zeros(len(self.bins), self.fixed_bins).scatter_add_(1, self.bins, once)
        scales = (whole[:, None] / seen.clamp(min=1)).clamp(max=MOST)
        return torch.where(seen > 0, scales, 0.0)

    def _cells(self, look: SampledValues) -> tuple[Tensor, Tensor]:
        """Return the cell (fixed bin, moving interval) of each value, and its place there."""
        interval, t = self.windows.place(look.values)
        cell = self.bins[:, None, look.columns] * self.windows.intervals + interval
        return torch.where(interval < 0, -1, cell), t

    def _of(self, p: Tensor) -> tuple[Tensor, Tensor]:
        """Return the information of a joint distribution, and its derivative by the entries.

        What is the same for all entries of a row is left out: moving a value along the row does
        not feel it.
        """
        fixed, moving = p.sum(-1), p.sum(-2)
        h_fixed, h_moving, h_joint = _entropy(fixed), _entropy(moving), _entropy(p.flatten(2))
        value, of_joint, scale = h_fixed + h_moving - h_joint, *[torch.ones_like(h_joint)] * 2
        known = (value > FLAT) & (h_joint > FLAT)
        if self.normalised:
            scale = 1 / torch.where(known, h_joint, 1.0)
            value = of_joint = (h_fixed + h_moving) * scale
        by_p = of_joint[..., None, None] * _log(p) - _log(moving)[:, :, None]
        return torch.where(known, value, -torch.inf), scale[..., None, None] * by_p


def _entropy(p: Tensor) -> Tensor:
    return -torch.xlogy(p, p).sum(-1)


def _log(p: Tensor) -> Tensor:
    return torch.log(torch.where(p > 0, p, 1.0))
