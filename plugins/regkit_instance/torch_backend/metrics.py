"""The torch metrics by name."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from regkit_instance.metric_constants import MIN_OVERLAP, MIN_POINTS
from regkit_instance.torch_backend.cr import CorrelationRatio
from regkit_instance.torch_backend.measure import PointMetric
from regkit_instance.torch_backend.mi import Information
from regkit_instance.torch_backend.ngf import GradientFields, gradient_images
from regkit_instance.torch_backend.patches import (
    LocalCorrelation,
    LocalCorrelationRatio,
    PatchMetric,
)
from regkit_instance.torch_backend.point_sampler import PointSampler
from regkit_instance.torch_backend.windows import Windows


class BatchMeasure(Protocol):
    """A measure of the maps of many pairs."""

    def values(self, maps: Tensor) -> Tensor:
        """Return scores (pairs, maps)."""

    def values_and_gradients(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores (pairs, maps) and derivatives (pairs, maps, 3, 4)."""


def gradient_field_measure(sampler: PointSampler, fixed: Tensor) -> GradientFields:
    """Return the measure ``ngf`` of a sampler of one pair and fixed gradients (1, 3, points).

    A gradient is weak when it is shorter than the mean of its image.
    """
    weak = fixed.norm(dim=1).mean()
    directions = fixed / (fixed.square().sum(1, keepdim=True) + weak**2).sqrt().clamp(min=1e-12)
    images = gradient_images(sampler.moving, sampler.to_index)
    lengths = images.norm(dim=0)
    thrice = PointSampler(
        sampler.points.repeat_interleave(3, 0), images, sampler.to_index.repeat_interleave(3, 0)
    )
    weak_moving = lengths[lengths.isfinite()].mean()[None].clamp(min=1e-12)
    return GradientFields(thrice, directions, weak_moving, _min_points(fixed.shape[2]))


def point_metric(name: str, fixed: Tensor, bins: int, patch_size: int = 1) -> PointMetric:
    """Return a metric of intensities by name.

    Parameters
    ----------
    name
        Name of the metric: ``mi``, ``nmi``, ``cr``; or ``lncc``, ``local-cr``, of points in
        patches.
    fixed
        Fixed intensities in 0..1 at the points, shape (pairs, points); NaN in patches only.
    bins
        Number of histogram bins of each image.
    patch_size
        Number of points of a patch.
    """
    windows, min_points = Windows(bins), _min_points(fixed.shape[1])
    if name in ("lncc", "local-cr"):
        local = LocalCorrelation() if name == "lncc" else LocalCorrelationRatio(windows)
        return PatchMetric(fixed, patch_size, min_points, local)
    classes = (fixed * bins).to(torch.int64).clamp(0, bins - 1)
    if name == "cr":
        return CorrelationRatio(fixed, classes, bins, windows, min_points)
    return Information(classes, bins, windows, min_points, normalized=name == "nmi")


def _min_points(points: int) -> int:
    return max(MIN_POINTS, int(MIN_OVERLAP * points))
