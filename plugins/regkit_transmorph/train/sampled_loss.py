"""A loss of voxels drawn anew in each step: a hundredth of the work of the published one.

An affine map has a few numbers only, whose derivatives need no dense image: some thousand voxels
say as well how alike two images are. What is beyond a scan is unknown and does not count.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from regkit_instance.torch_backend.autograd import differentiable_scores
from regkit_instance.torch_backend.measure import DenseMeasure
from regkit_instance.torch_backend.metrics import point_metric
from regkit_instance.torch_backend.point_sampler import PointSampler
from regkit_transmorph.networks.affine import inverses


@dataclass(frozen=True)
class SampledLoss:
    """Negative similarity of the images at sampled points, averaged over both directions.

    Parameters
    ----------
    measure
        ``cr`` or ``mi``, as of `regkit_instance.torch_backend.metrics.point_metric`.
    samples
        Voxels of each image.
    bins
        Number of histogram bins of each image.
    """

    measure: str
    samples: int
    bins: int

    def __call__(self, moving: Tensor, fixed: Tensor, maps: Tensor, seed: int = 0) -> Tensor:
        """Return the loss.

        Parameters
        ----------
        moving, fixed
            Images from 0 to 1 on one grid, (batch, 1, d1, d2, d3), NaN where unknown.
        maps
            One map of fixed to moving normalized coordinates for each case, (batch, 3, 4).
        seed
            Seed of the voxels drawn.
        """
        source = torch.Generator(fixed.device).manual_seed(seed)
        forth = self._similarity(moving, fixed, maps, source)
        back = self._similarity(fixed, moving, inverses(maps), source)
        return -(forth + back).mean() / 2

    def _similarity(
        self, moving: Tensor, fixed: Tensor, maps: Tensor, source: torch.Generator
    ) -> Tensor:
        """Return the similarity (batch,); zero where the images hardly meet."""
        points, values = self._drawn(fixed[:, 0], source)
        padded = functional.pad(moving, [1] * 6, mode="replicate")[:, 0]
        to_index = _to_index(moving).expand(len(moving), 3, 4)
        rule = point_metric(self.measure, values, self.bins)
        measure = DenseMeasure(PointSampler(points, padded, to_index), rule)
        scores = differentiable_scores(measure, maps[:, None])[:, 0]
        return torch.where(scores.isfinite(), scores, torch.zeros_like(scores))

    def _drawn(self, images: Tensor, source: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw voxels that show something.

        Returns
        -------
        points
            Normalised coordinates (x, y, z), shape (batch, 3, samples).
        values
            Shape (batch, samples).
        """
        flat = images.flatten(1)
        points, values = [], []
        for image in flat:
            known = image.isfinite().nonzero()[:, 0]
            indices = torch.randint(
                len(known), (self.samples,), generator=source, device=images.device
            )
            chosen = known[indices]
            points.append(_normalised(chosen, images.shape[1:]))
            values.append(image[chosen])
        return torch.stack(points), torch.stack(values)


def _normalised(flat: Tensor, shape: torch.Size) -> Tensor:
    """Return the normalised coordinates (x, y, z), (3, n), of voxels by their flat numbers."""
    _, d2, d3 = shape
    index = torch.stack([flat % d3, flat // d3 % d2, flat // (d3 * d2)])
    sizes = torch.tensor(shape[::-1], device=flat.device)[:, None]
    return (2 * index + 1).float() / sizes - 1


def _to_index(images: Tensor) -> Tensor:
    """Return the map (1, 3, 4) of normalised coordinates to indices of images padded by one."""
    sizes = torch.tensor(images.shape[2:], dtype=torch.float64)
    linear = torch.diag(sizes / 2).flip(1)
    return torch.cat([linear, (sizes[:, None] + 1) / 2], dim=1)[None].to(images.device)
