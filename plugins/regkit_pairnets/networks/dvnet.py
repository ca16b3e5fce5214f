"""DVNet: two plain streams and a plain fusion, a reconstruction from the published count."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from regkit.learning.layers import scale_channels
from regkit_pairnets.networks.convolution import Convolution
from regkit_pairnets.networks.heads import head
from regkit_pairnets.networks.initialise import narrow_normal
from regkit_pairnets.networks.pair_network import (
    OUTPUTS,
    GridShape,
    PairNetwork,
    pooled_shape,
    voxel_count,
)

STREAM, FUSION, HIDDEN = (32, 64, 128), (128, 256), (128, 16)
POOLINGS = 2


class DVNet(PairNetwork):
    """Late fusion of shallow convolutions, benchmark of Chen et al. 2022 (MICCAI).

    After Sun et al. 2018. The layers were never published: this is a reconstruction that has the
    published count, without any normalization.

    Parameters
    ----------
    grid_shape
        Voxels along x, y, z; at least 4. The published count belongs to 80, 80, 40.
    width
        Factor on the channels.
    """

    def __init__(self, grid_shape: GridShape, width: float = 1.0) -> None:
        super().__init__(grid_shape, width, least=(4, 4, 4))
        stream, fusion = (
            [scale_channels(c, width) for c in channels] for channels in (STREAM, FUSION)
        )
        self.first, self.second = _stream(stream), _stream(stream)
        self.fusion = nn.Sequential(
            *_rectified(2 * stream[-1], fusion[0]),
            *_rectified(fusion[0], fusion[1]),
            Convolution(fusion[1], OUTPUTS, 3, padding=1),
        )
        self.head = head(
            OUTPUTS * voxel_count(pooled_shape(self.grid_shape, POOLINGS)), HIDDEN, width
        )
        narrow_normal(self)

    def numbers(self, first: Tensor, second: Tensor) -> Tensor:
        """Return translations in voxels and angles in degrees."""
        both = torch.cat([self.first(first), self.second(second)], dim=1)
        return cast("Tensor", self.head(self.fusion(both)))


def _stream(channels: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for level, (before, after) in enumerate(pairwise([1, *channels])):
        layers += _rectified(before, after)
        if level < POOLINGS:
            layers.append(nn.MaxPool3d(2))
    return nn.Sequential(*layers)


def _rectified(before: int, after: int) -> list[nn.Module]:
    return [Convolution(before, after, 3, padding=1), nn.ReLU()]
