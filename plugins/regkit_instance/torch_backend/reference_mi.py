"""Mutual information of images as a differentiable loss, with Gaussian Parzen windows.

The numbers are those of the losses published with the networks that regkit reproduces, including
their small biases: the information of an image and a constant is slightly negative.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from regkit_instance.torch_backend.chunks import chunked_sum
from regkit_instance.torch_backend.tiles import check_same_shape, rows, tiles

BINS = 32
PATCH = 5


def mutual_information_loss(
    one: Tensor,
    other: Tensor,
    variance: float = 1.0,
    epsilon: float = 1e-6,
    counts: Tensor | None = None,
) -> Tensor:
    """Return minus the mutual information in nats.

    Parameters
    ----------
    one, other
        Shape (..., d1, d2, d3), intensities in [0, 1], clamped to it; the mean over leading axes
        is taken.
    variance
        Variance of the windows in squared bins. The mutual information network of Chen et al.
        2024, arXiv 2409.13863, is trained with 0.5 and an `epsilon` of 1e-8.
    epsilon
        Added where a logarithm is taken.
    counts
        Weights of the voxels from 0 to 1; all 1 if None.

    Raises
    ------
    ParameterError
        The shapes differ.
    """
    check_same_shape(one, other)
    there = torch.ones_like(rows(one)[:1, :1]) if counts is None else rows(counts)
    return -_information(rows(one), rows(other), there, variance, epsilon).mean()


def local_mutual_information_loss(
    one: Tensor,
    other: Tensor,
    variance: float = 0.5,
    epsilon: float = 1e-6,
    *,
    patch: int = PATCH,
    counts: Tensor | None = None,
) -> Tensor:
    """Return the loss in cubes of `patch` voxels a side, averaged over them.

    Beyond the image both images are taken for zero. With `counts`, each cube is weighted by the
    sum of its weights instead. Other parameters as for `mutual_information_loss`.
    """
    check_same_shape(one, other)
    x, y = tiles(one, patch), tiles(other, patch)
    if counts is None:
        return -_information(x, y, torch.ones_like(x[:1, :1]), variance, epsilon).mean()
    there = tiles(counts, patch)
    weight = there.sum(1)
    information = _information(x, y, there, variance, epsilon)
    return -(information * weight).sum() / weight.sum().clamp(min=1)


def _information(x: Tensor, y: Tensor, counts: Tensor, variance: float, epsilon: float) -> Tensor:
    """Return the mutual information of every row; shapes (rows, voxels)."""
    counts = counts.expand_as(x)
    sums = chunked_sum(partial(_joint, BINS, variance), 2 * BINS, x, y, counts)
    joint = sums / counts.sum(1).clamp(min=1)[:, None, None]
    apart = joint.sum(2, keepdim=True) * joint.sum(1, keepdim=True)
    return (joint * torch.log(joint / (apart + epsilon) + epsilon)).sum((1, 2))


def _joint(bins: int, variance: float, x: Tensor, y: Tensor, counts: Tensor) -> Tensor:
    return (_windows(bins, variance, x) * counts[:, None]) @ _windows(bins, variance, y).mT


def _windows(bins: int, variance: float, values: Tensor) -> Tensor:
    """Return the fraction of each voxel in each bin, (rows, bins, voxels)."""
    centres = torch.linspace(0, 1, bins, dtype=values.dtype, device=values.device)
    distance = (values.clamp(0, 1)[:, None] - centres[:, None]) * (bins - 1)
    return torch.softmax(-distance.square() / (2 * variance), dim=1)
