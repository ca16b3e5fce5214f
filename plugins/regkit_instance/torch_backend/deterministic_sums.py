"""Sums into bins that do not depend on the order of the terms.

Terms are rounded to multiples of a power of two, so that double precision adds them up without
rounding. Equal terms give exactly equal sums, in any order, on any device. The terms themselves
are interpolated and multiplied values, which differ in their last bits between devices, CPUs and
chunk sizes; so do the sums then.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

# A double holds every whole number up to 2**53; one bit is for rounding up.
BITS = 52
# Copies of a histogram on a GPU, so that fewer threads add to the same bin; chosen by hand.
COPIES = 64


def quantize(terms: Tensor, max_terms: int) -> Tensor:
    """Round numbers in [-1, 1] so that sums of up to `max_terms` have no rounding error.

    Returns
    -------
    Tensor
        float64, off by at most `max_terms` * 2**-53.
    """
    scale = 2.0 ** (BITS - math.ceil(math.log2(max(max_terms, 2))))
    return (terms.double() * scale).round_() / scale


def histogram_sums(terms: list[Tensor], bins: Tensor, count: int, max_terms: int) -> Tensor:
    """Return the sums of terms by bin, exactly the same in any order of the terms.

    Parameters
    ----------
    terms
        Numbers in [-1, 1], each of shape (pairs, maps, points).
    bins
        Bin of each point, int64, shape (pairs, maps, points); points with -1 do not count.
    count
        Number of bins.
    max_terms
        Largest number of terms of a sum, over all calls whose results are added.

    Returns
    -------
    Tensor
        float64, shape (pairs, maps, terms, bins).
    """
    pairs, maps, points = bins.shape
    copies = COPIES if bins.is_cuda else 1
    rows = torch.arange(pairs * maps, device=bins.device).view(pairs, maps, 1) * copies
    copy = torch.arange(points, device=bins.device) % copies
    # The first bin of each histogram holds the points that do not count.
    flat = ((rows + copy) * (count + 1) + bins + 1).reshape(-1)
    sums = torch.zeros(
        (len(terms), pairs * maps * copies * (count + 1)), dtype=torch.float64, device=bins.device
    )
    for total, term in zip(sums, terms, strict=True):
        total.scatter_add_(0, flat, quantize(term, max_terms).reshape(-1))
    by_copy = sums.view(len(terms), pairs, maps, copies, count + 1)
    return by_copy.sum(3)[..., 1:].permute(1, 2, 0, 3)
