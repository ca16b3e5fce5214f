"""Normalized gradient fields: edges of both images with equal or opposite directions.

Haber and Modersitzki 2006, doi:10.1007/11866763_89.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from regkit_instance.torch_backend.point_sampler import PointSampler, SampledValues


@dataclass(frozen=True, eq=False)
class GradientFields:
    """The mean squared cosine between gradients, from 0 to 1, counting weak ones less.

    Parameters
    ----------
    sampler
        Sampler of the gradients of the moving images by mm (x, y, z): three images of every pair,
        one after the other, each with the points of its pair.
    directions
        Gradients of the fixed image at the points, divided by the root of squared length plus
        squared weak length, so that weak ones are short; shape (pairs, 3, points).
    weak
        Length of a moving gradient below which it counts as weak, shape (pairs,).
    min_points
        Smallest number of points inside the moving image for a score.
    """

    sampler: PointSampler
    directions: Tensor
    weak: Tensor
    min_points: int

    def values(self, maps: Tensor) -> Tensor:
        """Return the scores (pairs, maps) of maps (pairs, maps, 3, 4), all float64."""
        return self._run(maps, with_gradients=False)[0]

    def values_and_gradients(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores and their derivatives by the entries of the maps."""
        return self._run(maps, with_gradients=True)

    def _run(self, maps: Tensor, with_gradients: bool) -> tuple[Tensor, Tensor]:
        per_axis = maps.repeat_interleave(3, dim=0)
        counted, total = (maps.new_zeros(maps.shape[:2]) for _ in range(2))
        gradients = torch.zeros_like(maps)
        for sampled in self.sampler.sample(per_axis):
            count, cosines, by_value, by_linear = self._compare(sampled, maps)
            counted += count
            total += cosines
            if with_gradients:
                by_maps = self.sampler.backpropagate(sampled, by_value, per_axis)
                gradients += by_maps.view(-1, 3, *by_maps.shape[1:]).sum(1)
                gradients[..., :3] += by_linear
        known = (counted >= self.min_points) & (total > 0)
        weight = 1 / counted.clamp(min=1)
        scores = torch.where(known, total * weight, -torch.inf)
        return scores, torch.where(
            known[..., None, None], gradients * weight[..., None, None], 0.0
        )

    def _compare(
        self, sampled: SampledValues, maps: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return count and sum of cosines, and derivatives by gradients and linear parts."""
        pairs, count, points = len(maps), maps.shape[1], sampled.values.shape[2]
        field = sampled.values.view(pairs, 3, count, points).transpose(1, 2)
        known = field.isfinite().all(dim=2, keepdim=True)
        field = torch.where(known, field, 0.0)
        linear = maps[..., :3].to(field.dtype)
        # Gradient of the warped image, by the chain rule.
        warped = linear.mT @ field
        fixed = torch.where(known, self.directions[:, None, :, sampled.columns], 0.0)
        length = (
            warped.square().sum(2, keepdim=True)
            + self.weak.to(field)[:, None, None, None].square()
        )
        dot = (warped * fixed).sum(2, keepdim=True)
        cosines = dot.square() / length
        by_warped = 2 / length * (dot * fixed - cosines * warped)
        by_field = (linear @ by_warped).transpose(1, 2).reshape(sampled.values.shape)
        by_linear = (field @ by_warped.mT).double()
        return known.sum((2, 3)), cosines.double().sum((2, 3)), by_field, by_linear


def gradient_images(moving: Tensor, to_index: Tensor) -> Tensor:
    """Return the gradients by mm of padded images, by central differences.

    Parameters
    ----------
    moving, to_index
        Images and maps, as for `PointSampler`.

    Returns
    -------
    Tensor
        Shape (pairs x 3, z + 2, y + 2, x + 2), x, y, z after each other for every pair.
    """
    by_index = torch.zeros(
        len(moving), 3, *moving.shape[1:], dtype=moving.dtype, device=moving.device
    )
    for axis in range(3):
        size = moving.shape[axis + 1]
        inner = by_index[:, axis].narrow(axis + 1, 1, size - 2)
        inner += moving.narrow(axis + 1, 2, size - 2)
        inner -= moving.narrow(axis + 1, 0, size - 2)
        inner /= 2
        for edge, next_to_it in ((0, 1), (size - 1, size - 2)):
            by_index[:, axis].select(axis + 1, edge).copy_(
                by_index[:, axis].select(axis + 1, next_to_it)
            )
    by_mm = torch.einsum("pij,pi...->pj...", to_index[:, :, :3].to(moving.dtype), by_index)
    return by_mm.reshape(-1, *moving.shape[1:])
