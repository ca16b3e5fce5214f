"""Normalised gradient fields: edges of both images point the same way, or the opposite one.

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
    scene
        Of the gradients of the moving images by mm (x, y, z): three images of every pair, one
        after the other, each with the points of its pair.
    directions
        Gradient of the fixed image at each point by mm, divided by its length and somewhat more,
        so that weak ones are short; shape (pairs, 3, points).
    weak
        Length of a gradient of the moving images that counts as weak, shape (pairs,).
    fewest
        Fewest points that must meet the moving image for a score.
    """

    scene: PointSampler
    directions: Tensor
    weak: Tensor
    fewest: int

    def values(self, maps: Tensor) -> Tensor:
        """Return the scores (pairs, maps) of maps (pairs, maps, 3, 4), all float64."""
        return self._run(maps, with_gradients=False)[0]

    def values_and_gradients(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores and their derivatives by the entries of the maps."""
        return self._run(maps, with_gradients=True)

    def _run(self, maps: Tensor, with_gradients: bool) -> tuple[Tensor, Tensor]:
        thrice = maps.repeat_interleave(3, dim=0)
        counted, total = (maps.new_zeros(maps.shape[:2]) for _ in range(2))
        gradients = torch.zeros_like(maps)
        for look in self.scene.looks(thrice):
            count, alike, by_value, by_linear = self._compare(look, maps)
            counted += count
            total += alike
            if with_gradients:
                by_maps = self.scene.carry(look, by_value, thrice)
                gradients += by_maps.view(-1, 3, *by_maps.shape[1:]).sum(1)
                gradients[..., :3] += by_linear
        known = (counted >= self.fewest) & (total > 0)
        share = 1 / counted.clamp(min=1)
        scores = torch.where(known, total * share, -torch.inf)
        return scores, torch.where(known[..., None, None], gradients * share[..., None, None], 0.0)

    def _compare(self, look: SampledValues, maps: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return count and sum of cosines, and derivatives by gradients and linear parts."""
        pairs, count, points = len(maps), maps.shape[1], look.values.shape[2]
        field = look.values.view(pairs, 3, count, points).transpose(1, 2)
        known = field.isfinite().all(dim=2, keepdim=True)
        field = torch.where(known, field, 0.0)
        linear = maps[..., :3].to(field.dtype)
        # The gradient of the warped image: that of the moving one, turned back.
        turned = linear.mT @ field
        still = torch.where(known, self.directions[:, None, :, look.columns], 0.0)
        length = (
            turned.square().sum(2, keepdim=True)
            + self.weak.to(field)[:, None, None, None].square()
        )
        dot = (turned * still).sum(2, keepdim=True)
        alike = dot.square() / length
        by_turned = 2 / length * (dot * still - alike * turned)
        by_field = (linear @ by_turned).transpose(1, 2).reshape(look.values.shape)
        by_linear = (field @ by_turned.mT).double()
        return known.sum((2, 3)), alike.double().sum((2, 3)), by_field, by_linear


def gradient_images(moving: Tensor, to_index: Tensor) -> Tensor:
    """Return the gradients by mm of padded images, by central differences.

    Parameters
    ----------
    moving, to_index
        As of `PointSampler`.

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
