"""Sums into bins that come out the same in whatever order they are added up."""

from __future__ import annotations

import math

import torch
from torch import Tensor

# A double holds every whole number up to 2**53; one bit is for rounding up.
BITS = 52
# Histograms side by side on a GPU, so that few threads add to one and the same bin at a time.
COPIES = 64


def quantised(terms: Tensor, most: int) -> Tensor:
    """Round numbers in [-1, 1] so that sums of up to `most` of them have no rounding error.

    Returns
    -------
    Tensor
        float64, off by at most `most` * 2**-53.
    """
    scale = 2.0 ** (BITS - math.ceil(math.log2(max(most, 2))))
    return (terms.double() * scale).round_() / scale


def sums_in_bins(terms: list[Tensor], bins: Tensor, count: int, most: int) -> Tensor:
    """Add up terms by bin, the same to the last digit on any device and in any order.

    Parameters
    ----------
    terms
        Numbers in [-1, 1], each of shape (pairs, maps, points).
    bins
        Bin of each point, int64, shape (pairs, maps, points); minus one does not count.
    count
        Number of bins.
    most
        Largest number of terms that is ever added up, over all calls that are summed.

    Returns
    -------
    Tensor
        float64, shape (pairs, maps, terms, bins).
    """
    pairs, maps, points = bins.shape
    copies = COPIES if bins.is_cuda else 1
    rows = torch.arange(pairs * maps, device=bins.device).view(pairs, maps, 1) * copies
    copy = torch.arange(points, device=bins.device) % copies
    # Each histogram has a bin more, the first, for what does not count.
    flat = ((rows + copy) * (count + 1) + bins + 1).reshape(-1)
    sums = torch.zeros(
        (len(terms), pairs * maps * copies * (count + 1)), dtype=torch.float64, device=bins.device
    )
    for total, term in zip(sums, terms, strict=True):
        total.scatter_add_(0, flat, quantised(term, most).reshape(-1))
    by_copy = sums.view(len(terms), pairs, maps, copies, count + 1)
    return by_copy.sum(3)[..., 1:].permute(1, 2, 0, 3)
