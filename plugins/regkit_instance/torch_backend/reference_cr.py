"""Correlation ratio of images as a differentiable loss, of whole images and in patches.

The fraction of an image's variance explained by another image, with Gaussian Parzen windows.
Roche et al. 1998, doi:10.1007/BFb0056301; as a loss, Chen et al. 2024, arXiv 2409.13863.

``reference`` gives the numbers of the loss published with the latter: values are divided by
three, intensities are not clamped to the bins, and the patches reach beyond the image, where both
images are taken for zero, or wrap around. ``clean`` does none of this: it is close to -1 for
images that are functions of each other, and points beyond the image do not count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from regkit_instance.torch_backend.chunks import chunked_sum
from regkit_instance.torch_backend.tiles import check_same_shape, rows, tiles

Mode = Literal["reference", "clean"]

BINS = 32
PATCH = 9
# Squared distance in bins beyond which a window is constant: smaller exponentials are subnormal
# numbers in single precision, with which processors are slow.
MAX_SQUARED_DISTANCE = 80.0


@dataclass(frozen=True)
class _Variant:
    """Constants of the published loss, of its variant for patches, or of the clean one."""

    divisor: float = 1.0
    degrees_lost: int = 0
    in_variance: float = 1e-8
    in_bins: float = 1e-8
    in_total: float = 1e-8


_CLEAN = _Variant()
_GLOBAL = _Variant(3.0, 1, 1e-5, 1e-5, 1e-5)
_LOCAL = _Variant(3.0, 1, 1e-5, 1e-5, 0.0)


def correlation_ratio_loss(
    one: Tensor, other: Tensor, mode: Mode = "reference", counts: Tensor | None = None
) -> Tensor:
    """Return minus the mean correlation ratio of both directions.

    Parameters
    ----------
    one, other
        Shape (..., d1, d2, d3), intensities in [0, 1]; the mean over leading axes is taken.
    mode
        ``reference`` or ``clean``, see above.
    counts
        Weights of the voxels from 0 to 1; all 1 if None.

    Raises
    ------
    ParameterError
        The shapes differ.
    """
    check_same_shape(one, other)
    x, y = (rows(_within_bins(image, mode)) for image in (one, other))
    variant = _GLOBAL if mode == "reference" else _CLEAN
    there = torch.ones_like(x[:1, :1]).expand_as(x) if counts is None else rows(counts)
    return -_explained(x, y, there, variant).mean()


def local_correlation_ratio_loss(
    one: Tensor,
    other: Tensor,
    mode: Mode = "reference",
    patch: int = PATCH,
    counts: Tensor | None = None,
) -> Tensor:
    """Return the loss in cubes of `patch` voxels a side, averaged over them.

    Half of the value is from cubes that begin at the corner, half from cubes shifted by half
    their side. Other parameters as for `correlation_ratio_loss`.

    Parameters
    ----------
    counts
        Weights of the voxels from 0 to 1; all 1 if None. ``clean`` only.
    """
    check_same_shape(one, other)
    x, y = (_within_bins(image, mode) for image in (one, other))
    shifts = (0, -(patch // 2))
    if mode == "reference":
        return torch.stack([_wrapped(x, y, patch, shift) for shift in shifts]).mean()
    counts = torch.ones_like(x, requires_grad=False) if counts is None else counts
    return torch.stack([_counted(x, y, counts, patch, shift) for shift in shifts]).mean()


def _wrapped(x: Tensor, y: Tensor, patch: int, shift: int) -> Tensor:
    axes, by = (-3, -2, -1), (shift, shift, shift)
    a, b = (tiles(image.roll(by, axes), patch) for image in (x, y))
    return -_explained(a, b, torch.ones_like(a[:1, :1]).expand_as(a), _LOCAL).mean()


def _counted(x: Tensor, y: Tensor, counts: Tensor, patch: int, shift: int) -> Tensor:
    """Return the loss where each patch is weighted by its part of the image."""
    border = [-shift % patch, 0] * 3
    a, b, there = (tiles(functional.pad(t, border), patch) for t in (x, y, counts))
    weight = there.sum(1)
    return -(_explained(a, b, there, _CLEAN) * weight).sum() / weight.sum().clamp(min=1)


def _within_bins(image: Tensor, mode: Mode) -> Tensor:
    return image if mode == "reference" else image.clamp(0, 1)


def _explained(x: Tensor, y: Tensor, counts: Tensor, variant: _Variant) -> Tensor:
    """Return the mean of both correlation ratios of every row; shapes (rows, voxels)."""
    sums = chunked_sum(partial(_bin_sums, BINS), 2 * BINS, x, y, counts)
    ratios = [
        _ratio(image, counts, sums[:, direction], variant)
        for direction, image in enumerate((x, y))
    ]
    return (ratios[0] + ratios[1]) / 2


def _bin_sums(bins: int, x: Tensor, y: Tensor, counts: Tensor) -> Tensor:
    """Return for every bin of y the weight in it and that times x, and the other way round.

    Shape (rows, 2, bins, 2).
    """
    centres = torch.linspace(0, 1, bins, dtype=x.dtype, device=x.device)
    directions = []
    for explained, given in ((x, y), (y, x)):
        distance = (given[:, None] - centres[:, None]) * (bins - 1)
        windows = torch.exp(-distance.square().clamp(max=MAX_SQUARED_DISTANCE))
        terms = torch.stack([counts, counts * explained], dim=-1)
        directions.append(windows @ terms)
    return torch.stack(directions, dim=1)


def _ratio(image: Tensor, counts: Tensor, sums: Tensor, variant: _Variant) -> Tensor:
    weight, weighted = sums.unbind(-1)
    voxels = counts.sum(1)
    mean = (counts * image).sum(1) / voxels.clamp(min=1e-6)
    variance = (counts * (image - mean[:, None]).square()).sum(1)
    variance = variance / (voxels - variant.degrees_lost).clamp(min=1e-6)
    between = weight * (weighted / (weight + variant.in_bins) - mean[:, None]).square()
    between = between.sum(1) / (weight.sum(1) + variant.in_total)
    return between / (variance + variant.in_variance) / variant.divisor
