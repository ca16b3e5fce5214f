"""Cubic B-spline Parzen windows as polynomials between bins.

A value lies in the interval between two bins and adds to the four around it. All four windows are
cubic in its position t within the interval, so the sums of 1, t, t^2, t^3 by interval determine
the histogram, and a derivative by the value is quadratic in t, with coefficients by interval.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from regkit_instance.metric_constants import MARGIN_BINS

# Coefficients of 1, t, t^2, t^3, one window after the other.
CUBICS = (
    (1 / 6, -1 / 2, 1 / 2, -1 / 6),
    (2 / 3, 0.0, -1.0, 1 / 2),
    (1 / 6, 1 / 2, 1 / 2, -1 / 2),
    (0.0, 0.0, 0.0, 1 / 6),
)


@dataclass(frozen=True)
class Windows:
    """Parzen windows of a number of bins for values from 0 to 1."""

    bins: int

    @property
    def intervals(self) -> int:
        """Number of intervals of values; only the value 1 is in the last."""
        return self.bins - MARGIN_BINS + 1

    def locate(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Return the interval of each value, int64, and its position there; -1 and 0 for NaN."""
        known = values.isfinite()
        at = torch.where(known, values, 0.0) * (self.bins - MARGIN_BINS)
        low = at.floor()
        return torch.where(known, low.to(torch.int64), -1), at - low

    def histogram(self, sums: Tensor) -> Tensor:
        """Turn sums of powers of t, (..., 4, intervals), into a histogram (..., bins)."""
        by_window = _cubics(sums.dtype, sums.device).mT @ sums
        histogram = sums.new_zeros(*sums.shape[:-2], self.bins)
        for window in range(4):
            histogram[..., window : window + self.intervals] += by_window[..., window, :]
        return histogram

    def slopes(self, by_bins: Tensor) -> Tensor:
        """Turn derivatives by bins (..., bins) into ones by a value there.

        Returns
        -------
        Tensor
            Coefficients of 1, t, t^2, shape (..., 3, intervals).
        """
        around = by_bins.unfold(-1, 4, 1)
        by_t = _derivatives(by_bins.dtype, by_bins.device) * (self.bins - MARGIN_BINS)
        return by_t @ around.mT


@cache
def _cubics(dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the coefficients, powers by windows; copied to a device only once."""
    return torch.tensor(CUBICS, dtype=dtype, device=device).mT


@cache
def _derivatives(dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return the coefficients of the derivatives of the windows, powers by windows."""
    powers_of_t = torch.arange(1, 4, dtype=dtype, device=device)
    return _cubics(dtype, device)[1:] * powers_of_t[:, None]


def powers(t: Tensor) -> list[Tensor]:
    """Return 1, t, t^2, t^3."""
    square = t * t
    return [torch.ones_like(t), t, square, square * t]


def table_lookup(table: Tensor, at: Tensor) -> Tensor:
    """Return entries of a table of each row.

    Parameters
    ----------
    table
        Tables, shape (pairs, maps, entries).
    at
        Indices of entries, int64, shape (pairs, maps, points); -1 counts as 0.

    Returns
    -------
    Tensor
        Shape (pairs, maps, points).
    """
    return table.gather(2, at.clamp(min=0))
