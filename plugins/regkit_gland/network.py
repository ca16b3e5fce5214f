"""Small U-Nets that find one organ, one network for each modality."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from regkit.learning.layers import depth_to_space, normalization, space_to_depth

# Groups of the normalizations, and the slope of the activations below zero; chosen by hand.
GROUPS, SLOPE = 4, 0.1
TINY = 1e-5  # keeps divisions from zero


class OrganFinder(nn.Module):
    """U-Nets that find the same organ in images of different modalities.

    Parameters
    ----------
    modalities
        Modalities, one network each.
    channels
        Channels at each scale, the finest first; every further scale halves the image.
    space_to_depth
        Side of the blocks of voxels that become channels at the finest scale, and come back from
        channels at the end: first and last layers at full resolution would cost most of the time.
    """

    def __init__(
        self, modalities: Sequence[str], channels: Sequence[int], space_to_depth: int = 1
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleDict({n: GlandUNet(channels, space_to_depth) for n in modalities})

    def forward(self, image: Tensor, modality: str) -> Tensor:
        """Return the logits of the organ, of the shape of the image.

        Parameters
        ----------
        image
            Intensities (batch, 1, z, y, x) in any unit, 0 where nothing is known.
        modality
            Modality of the image.
        """
        logits: Tensor = self.networks[modality](standardized(image))
        return logits


class GlandUNet(nn.Module):
    """A U-Net with two convolutions a scale on the way down, one on the way up, and sums.

    Parameters
    ----------
    channels, block
        Channels at each scale, and the side of blocks; see `OrganFinder`.
    """

    def __init__(self, channels: Sequence[int], block: int) -> None:
        super().__init__()
        self.block = block
        self.down = nn.ModuleList(
            nn.Sequential(_convolved(one, two), _convolved(two, two))
            for one, two in pairwise([block**3, *channels])
        )
        upward = list(pairwise(reversed(channels)))
        self.narrow = nn.ModuleList(nn.Conv3d(coarse, fine, 1) for coarse, fine in upward)
        self.up = nn.ModuleList(_convolved(fine, fine) for _, fine in upward)
        self.logits = nn.Conv3d(channels[0], block**3, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Return logits of the shape of an image (batch, 1, z, y, x)."""
        features = self.down[0](space_to_depth(image, self.block))
        finer = []
        for block in self.down[1:]:
            finer.append(features)
            features = block(functional.max_pool3d(features, 2))
        for narrow, up, skipped in zip(self.narrow, self.up, reversed(finer), strict=True):
            wide = functional.interpolate(narrow(features), scale_factor=2.0, mode="trilinear")
            features = up(wide + skipped)
        return depth_to_space(self.logits(features), self.block)


def standardized(image: Tensor) -> Tensor:
    """Return images (batch, 1, z, y, x) with mean 0 and standard deviation 1."""
    axes = (1, 2, 3, 4)
    mean = image.mean(axes, keepdim=True)
    return (image - mean) / (image.std(axes, keepdim=True) + TINY)


@torch.no_grad()
def gland_probability(network: nn.Module, image: Tensor, modality: str) -> Tensor:
    """Return the probability of the organ, the mean of an image and of its mirror image.

    Parameters
    ----------
    network
        An `OrganFinder` in evaluation mode.
    image
        Intensities (batch, 1, z, y, x) with x from right to left: the organ is symmetric.
    modality
        Modality of the image.
    """
    both = torch.cat([image, image.flip(-1)])
    direct, mirrored = torch.sigmoid(network(both, modality)).chunk(2)
    return (direct + mirrored.flip(-1)) / 2


def _convolved(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, padding=1, bias=False),
        normalization("group", outputs, GROUPS),
        nn.LeakyReLU(SLOPE),
    )
