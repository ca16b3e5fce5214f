"""The refinement schedule of Chen et al. 2024: raw affine parameters, five scales, one Adam.

arXiv 2409.13863. Both images are on one grid and averaged over 16, 8, 4, 2 and 1 voxels along each
axis; affine parameters and the moments of the optimizer are kept from scale to scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from regkit_instance.torch_backend.raw_affine import (
    NUMBERS,
    ROTATION,
    SCALE,
    TRANSLATION,
    raw_matrix,
)

# Of the published code.
FACTORS = (16, 8, 4, 2, 1)
ITERATIONS = (100, 100, 120, 140, 160)
RATE = 1e-4

Model = Literal["rigid", "similarity", "affine"]
FREE: dict[Model, int] = {"rigid": 6, "similarity": 7, "affine": NUMBERS}


@dataclass(frozen=True, eq=False)
class CommonGrid:
    """Two images on one grid.

    Parameters
    ----------
    fixed, moving
        Intensities in 0..1, shape (1, 1, z, y, x), every axis a multiple of the largest factor.
    fixed_weights, moving_weights
        Weights of the voxels in 0..1, of the same shape; None if all are 1.
    half_mm
        Half the extent of the grid along its x, y, z, shape (3,).
    """

    fixed: Tensor
    moving: Tensor
    fixed_weights: Tensor | None
    moving_weights: Tensor | None
    half_mm: Tensor

    def downsample(self, factor: int) -> CommonGrid:
        """Return the images averaged over blocks of `factor` voxels along each axis."""
        fixed, moving, in_fixed, in_moving = (
            None if image is None else functional.avg_pool3d(image, factor)
            for image in (self.fixed, self.moving, self.fixed_weights, self.moving_weights)
        )
        if fixed is None or moving is None:
            raise AssertionError("an image was lost")
        return CommonGrid(fixed, moving, in_fixed, in_moving, self.half_mm)

    def warp(self, map_mm: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the moving image warped by a map (3, 4) about the grid's centre, and the weights.

        The map is in mm along the grid's x, y, z. Outside its field of view the moving image is
        zero, with weight 1 unless there are masks.
        """
        scale = torch.cat([self.half_mm, self.half_mm.new_ones(1)])
        normalized = map_mm * scale / self.half_mm[:, None]
        where = functional.affine_grid(
            normalized[None], list(self.fixed.shape), align_corners=False
        )
        warped = functional.grid_sample(self.moving, where, align_corners=False)
        if self.moving_weights is None:
            return warped, self.fixed_weights
        there = functional.grid_sample(self.moving_weights, where.detach(), align_corners=False)
        return warped, there if self.fixed_weights is None else there * self.fixed_weights


# A loss of a map (3, 4) in mm, between given images.
Loss = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Descent:
    """Result of the schedule.

    Parameters
    ----------
    map_mm
        Map about the centre of the grid, mm along its x, y, z, shape (3, 4).
    losses
        Last loss of each scale.
    before, after
        Losses at full resolution of no motion and of the motion found.
    """

    map_mm: Tensor
    losses: tuple[float, ...]
    before: float
    after: float


def descend(
    images: CommonGrid,
    loss_of: Callable[[CommonGrid], Loss],
    model: Model = "affine",
    rate: float = RATE,
    *,
    factors: tuple[int, ...] = FACTORS,
    iterations: tuple[int, ...] = ITERATIONS,
) -> Descent:
    """Run the schedule from no motion.

    As published, the map returned is that of the last loss computed, before the last step.

    Parameters
    ----------
    images
        Images to align.
    loss_of
        Function from images to the loss of a map (3, 4) in mm.
    model
        Transform model. ``affine`` has all fifteen published parameters. The others rotate in
        millimetres, as the published rotation does on a cubic grid only.
    rate
        Learning rate of Adam. The published 1e-4 changes a parameter by 0.06 at most.
    factors, iterations
        Downsampling factors and numbers of steps of the scales.
    """
    free = torch.zeros(FREE[model], dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Adam([free], lr=rate)
    losses, last = [], free.detach().clone()
    for factor, count in zip(factors, iterations, strict=True):
        loss = loss_of(images.downsample(factor))
        for _ in range(count):
            optimizer.zero_grad()
            last = free.detach().clone()
            value = loss(map_of(free, model, images.half_mm))
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        losses.append(float(value.detach()))
    with torch.no_grad():
        still = torch.zeros_like(last)
        found, stay = (map_of(numbers, model, images.half_mm) for numbers in (last, still))
        loss = loss_of(images)
        before, after = (float(loss(motion)) for motion in (stay, found))
    return Descent(found.cpu(), tuple(losses), before, after)


def map_of(free: Tensor, model: Model, half_mm: Tensor) -> Tensor:
    """Return the map (3, 4) in mm of a model's free parameters, which are on the CPU."""
    if model == "affine":
        unit, raw = half_mm, free
    else:
        unit = half_mm.max().expand(3)
        raw = free.new_zeros(NUMBERS)
        raw[ROTATION], raw[TRANSLATION] = free[:3], free[3:6]
        if model == "similarity":
            raw[SCALE] = free[6]
    matrix = raw_matrix(raw).to(half_mm)
    return matrix * unit[:, None] / torch.cat([unit, unit.new_ones(1)])
