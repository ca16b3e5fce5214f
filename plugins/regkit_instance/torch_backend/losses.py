"""The losses of the published schedule: published ones, and the measures of regkit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from regkit_instance.measures import SUMS
from regkit_instance.torch_backend.autograd import differentiable_scores
from regkit_instance.torch_backend.chen2024_schedule import CommonGrid, Loss
from regkit_instance.torch_backend.measure import DenseMeasure
from regkit_instance.torch_backend.metrics import (
    BatchMeasure,
    gradient_field_measure,
    point_metric,
)
from regkit_instance.torch_backend.ngf import gradient_images
from regkit_instance.torch_backend.point_sampler import PointSampler
from regkit_instance.torch_backend.reference_cr import (
    PATCH,
    Mode,
    correlation_ratio_loss,
    local_correlation_ratio_loss,
)
from regkit_instance.torch_backend.reference_mi import (
    local_mutual_information_loss,
    mutual_information_loss,
)
from regkit_instance.torch_backend.tiles import tiles

BINS = 32


def loss_by_name(name: str) -> Callable[[CommonGrid], Loss]:
    """Return a function from the images to their loss, which is a function of a map (3, 4) in mm.

    ``local-cr``, ``cr``, ``local-mi`` and ``mi`` are the published losses; with masks, which these
    lack, weighted variants of them. The others are negative measures of regkit.
    """
    if name in ("local-cr", "cr", "mi", "local-mi"):
        return partial(_published, name)
    return partial(_summed, *SUMS[name]) if name in SUMS else partial(_own, name)


def _summed(first: str, others: Mapping[str, float], images: CommonGrid) -> Loss:
    """Return a sum of measures of regkit, but for the published one of patches."""
    weights = {first: 1.0, **others}
    parts = {name: _published if name == "local-cr" else _own for name in weights}
    losses = {name: part(name, images) for name, part in parts.items()}

    def loss(map_mm: Tensor) -> Tensor:
        terms = [weights[name] * of(map_mm) for name, of in losses.items()]
        return torch.stack(terms).sum()

    return loss


def _published(name: str, images: CommonGrid) -> Loss:
    def loss(map_mm: Tensor) -> Tensor:
        warped, counts = images.warp(map_mm)
        if name == "mi":
            return mutual_information_loss(warped, images.fixed, 0.5, 1e-8, counts=counts)
        if name == "local-mi":
            return local_mutual_information_loss(warped, images.fixed, counts=counts)
        ratio = correlation_ratio_loss if name == "cr" else local_correlation_ratio_loss
        mode: Mode = "reference" if counts is None else "clean"
        return ratio(warped, images.fixed, mode, counts=counts)

    return loss


def _own(name: str, images: CommonGrid) -> Loss:
    moving = images.moving[0]
    if images.moving_weights is not None:
        moving = torch.where(images.moving_weights[0] > 0, moving, torch.nan)
    fixed = images.fixed[0, 0]
    if images.fixed_weights is not None:
        fixed = torch.where(images.fixed_weights[0, 0] > 0, fixed, torch.nan)
    to_index = _to_index(images)
    points = _points(images)
    measure = _measure(name, fixed, points, _padded(moving), to_index)

    def loss(map_mm: Tensor) -> Tensor:
        return -differentiable_scores(measure, map_mm[None, None])[0, 0]

    return loss


def _measure(
    name: str, fixed: Tensor, points: Tensor, moving: Tensor, to_index: Tensor
) -> BatchMeasure:
    if name == "ngf":
        slopes = _fixed_gradients(fixed, to_index)
        known = slopes.isfinite().all(dim=1)[0]
        sampler = PointSampler(points.flatten(1)[None, :, known], moving, to_index)
        return gradient_field_measure(sampler, slopes[:, :, known])
    if name == "lncc":
        there = tiles(torch.ones_like(fixed), PATCH).reshape(1, -1)
        values = tiles(fixed, PATCH).reshape(1, -1)
        values = torch.where(there > 0, values, torch.nan)
        patch_points = tiles(points, PATCH).reshape(1, 3, -1)
        sampler, patch_size = PointSampler(patch_points, moving, to_index), PATCH**3
    else:
        known = fixed.isfinite()
        values, patch_size = fixed[known][None], 1
        sampler = PointSampler(points[:, known][None], moving, to_index)
    return DenseMeasure(sampler, point_metric(name, values, BINS, patch_size))


def _padded(images: Tensor) -> Tensor:
    return functional.pad(images[:, None], [1] * 6, mode="replicate")[:, 0]


def _points(images: CommonGrid) -> Tensor:
    """Return the voxel centres, mm (x, y, z) about the grid's centre, shape (3, z, y, x)."""
    shape = images.fixed.shape[2:]
    axes = [
        (torch.arange(n).to(images.half_mm) - (n - 1) / 2) * (2 * half / n)
        for n, half in zip(shape, images.half_mm.flip(0), strict=True)
    ]
    return torch.stack(torch.meshgrid(*axes, indexing="ij")).flip(0)


def _to_index(images: CommonGrid) -> Tensor:
    """Return the map of mm about the grid's centre to padded indices, (1, 3, 4), float64."""
    shape = torch.tensor(images.fixed.shape[2:], dtype=torch.float64)
    per_mm = shape / (2 * images.half_mm.double().cpu().flip(0))
    linear = torch.diag(per_mm).flip(1)
    return torch.cat([linear, (shape[:, None] + 1) / 2], dim=1)[None].to(images.fixed.device)


def _fixed_gradients(fixed: Tensor, to_index: Tensor) -> Tensor:
    slopes = gradient_images(_padded(fixed[None]), to_index)
    return slopes[:, 1:-1, 1:-1, 1:-1].reshape(1, 3, -1)
