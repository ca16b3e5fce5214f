"""The measures by name."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from regkit_instance.limits import FEWEST_COUNTED, LEAST_OVERLAP
from regkit_instance.torch_backend.cr import CorrelationRatio
from regkit_instance.torch_backend.measure import Rule
from regkit_instance.torch_backend.mi import Information
from regkit_instance.torch_backend.ngf import GradientFields, gradient_images
from regkit_instance.torch_backend.patches import (
    InPatches,
    LocalCorrelation,
    LocalCorrelationRatio,
)
from regkit_instance.torch_backend.point_sampler import PointSampler
from regkit_instance.torch_backend.windows import Windows


class Dense(Protocol):
    """A measure of maps of many pairs."""

    def values(self, maps: Tensor) -> Tensor:
        """Return scores (pairs, maps)."""

    def values_and_gradients(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores (pairs, maps) and derivatives (pairs, maps, 3, 4)."""


def fields_of(scene: PointSampler, fixed: Tensor) -> GradientFields:
    """Return the measure ``ngf`` of a scene of one pair and fixed gradients (1, 3, points).

    A gradient is weak when it is shorter than the mean of its image.
    """
    weak = fixed.norm(dim=1).mean()
    directions = fixed / (fixed.square().sum(1, keepdim=True) + weak**2).sqrt().clamp(min=1e-12)
    images = gradient_images(scene.moving, scene.to_index)
    lengths = images.norm(dim=0)
    thrice = PointSampler(
        scene.points.repeat_interleave(3, 0), images, scene.to_index.repeat_interleave(3, 0)
    )
    weak_moving = lengths[lengths.isfinite()].mean()[None].clamp(min=1e-12)
    return GradientFields(thrice, directions, weak_moving, _fewest(fixed.shape[2]))


def rule_of(name: str, fixed: Tensor, bins: int, whole: int = 1) -> Rule:
    """Return the rule of a measure of intensities.

    Parameters
    ----------
    name
        ``mi``, ``nmi``, ``cr``; or ``lncc``, ``local-cr``, whose points come in patches.
    fixed
        Fixed intensities in 0..1 at the points, shape (pairs, points); NaN in patches only.
    bins
        Of each image.
    whole
        Points of a patch.
    """
    windows, fewest = Windows(bins), _fewest(fixed.shape[1])
    if name in ("lncc", "local-cr"):
        local = LocalCorrelation() if name == "lncc" else LocalCorrelationRatio(windows)
        return InPatches(fixed, whole, fewest, local)
    classes = (fixed * bins).to(torch.int64).clamp(0, bins - 1)
    if name == "cr":
        return CorrelationRatio(fixed, classes, bins, windows, fewest)
    return Information(classes, bins, windows, fewest, normalised=name == "nmi")


def _fewest(points: int) -> int:
    return max(FEWEST_COUNTED, int(LEAST_OVERLAP * points))
