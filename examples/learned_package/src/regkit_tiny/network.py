"""The network: both images as two channels, four convolutions, six numbers."""

from itertools import pairwise

import torch
from torch import Tensor, nn


def halve(inputs: int, outputs: int) -> nn.Module:
    """Return a convolution that halves the number of voxels along each axis."""
    convolution = nn.Conv3d(inputs, outputs, 3, stride=2, padding=1)
    return nn.Sequential(convolution, nn.GroupNorm(4, outputs), nn.SiLU())


class TinyNetwork(nn.Module):
    """Regresses the rigid motion between two images of 32 x 32 x 32 voxels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        channels = [2, width, 2 * width, 4 * width, 8 * width]
        layers = (halve(*pair) for pair in pairwise(channels))
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * width, 6))

    def forward(self, fixed: Tensor, moving: Tensor) -> Tensor:
        """Return six numbers for each pair; images (batch, 1, z, y, x), NaN where unknown."""
        return self.layers(torch.cat([fixed, moving], dim=1).nan_to_num(0.0))
