"""The refinement of Chen et al. 2024: raw affine numbers, five scales, one Adam for all of them.

arXiv 2409.13863. Both images are on one grid and averaged over 16, 8, 4, 2 and 1 voxels each way;
the numbers of the affine map go on from scale to scale, and so do the moments of the optimiser.
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

FACTORS = (16, 8, 4, 2, 1)
ITERATIONS = (100, 100, 120, 140, 160)
RATE = 1e-4

Model = Literal["rigid", "similarity", "affine"]
FREE: dict[Model, int] = {"rigid": 6, "similarity": 7, "affine": NUMBERS}


@dataclass(frozen=True, eq=False)
class CommonGrid:
    """Two images on one grid, as the network has them.

    Parameters
    ----------
    fixed, moving
        In 0..1, shape (1, 1, z, y, x), every axis a multiple of the largest factor.
    fixed_counts, moving_counts
        What of them counts, of the same shape; None if all does.
    half_mm
        Half the extent of the grid along its x, y, z, shape (3,).
    """

    fixed: Tensor
    moving: Tensor
    fixed_counts: Tensor | None
    moving_counts: Tensor | None
    half_mm: Tensor

    def averaged(self, factor: int) -> CommonGrid:
        """Return the images averaged over blocks of `factor` voxels each way."""
        fixed, moving, in_fixed, in_moving = (
            None if image is None else functional.avg_pool3d(image, factor)
            for image in (self.fixed, self.moving, self.fixed_counts, self.moving_counts)
        )
        if fixed is None or moving is None:
            raise AssertionError("an image was lost")
        return CommonGrid(fixed, moving, in_fixed, in_moving, self.half_mm)

    def warped(self, map_mm: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the moving image under a map (3, 4) about the grid's centre, and what counts.

        The map is in mm along the grid's x, y, z. Beyond its edges the moving image is zero, and
        counts unless masks say what does.
        """
        scale = torch.cat([self.half_mm, self.half_mm.new_ones(1)])
        normalised = map_mm * scale / self.half_mm[:, None]
        where = functional.affine_grid(
            normalised[None], list(self.fixed.shape), align_corners=False
        )
        warped = functional.grid_sample(self.moving, where, align_corners=False)
        if self.moving_counts is None:
            return warped, self.fixed_counts
        there = functional.grid_sample(self.moving_counts, where.detach(), align_corners=False)
        return warped, there if self.fixed_counts is None else there * self.fixed_counts


# Of a map (3, 4) in mm, once the images are known.
Loss = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Descent:
    """Where the schedule ended.

    Parameters
    ----------
    map_mm
        Shape (3, 4), about the centre of the grid, mm along its x, y, z.
    losses
        Of each scale, when it was left.
    before, after
        Loss at full resolution of no motion and of the motion found.
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
    """Follow the schedule from no motion at all.

    As published, the map returned is that of the last loss computed, before the last step.

    Parameters
    ----------
    images
        What to align.
    loss_of
        Returns the loss of a map (3, 4) in mm between images.
    model
        ``affine`` has all fifteen numbers. The rotation of the others is one in millimetres,
        which on a grid that is no cube the published one is not.
    rate
        Of Adam. The published code has 1e-4, which moves a number by 0.06 at most.
    factors, iterations
        Of the scales.
    """
    free = torch.zeros(FREE[model], dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([free], lr=rate)
    losses, last = [], free.detach().clone()
    for factor, count in zip(factors, iterations, strict=True):
        loss = loss_of(images.averaged(factor))
        for _ in range(count):
            optimiser.zero_grad()
            last = free.detach().clone()
            value = loss(map_of(free, model, images.half_mm))
            value.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        losses.append(float(value.detach()))
    with torch.no_grad():
        still = torch.zeros_like(last)
        found, stay = (map_of(numbers, model, images.half_mm) for numbers in (last, still))
        loss = loss_of(images)
        before, after = (float(loss(motion)) for motion in (stay, found))
    return Descent(found.cpu(), tuple(losses), before, after)


def map_of(free: Tensor, model: Model, half_mm: Tensor) -> Tensor:
    """Return the map (3, 4) in mm of a model's free numbers, which are on the CPU."""
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
