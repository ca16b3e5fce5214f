"""MSReg as benchmarked with DuSFE: a ResNeXt, a reconstruction from the published count."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from regkit.learning.layers import Norm, normalization, scale_channels
from regkit_pairnets.networks.convolution import Convolution
from regkit_pairnets.networks.heads import head
from regkit_pairnets.networks.initialise import kaiming_normal
from regkit_pairnets.networks.pair_network import (
    GridShape,
    PairNetwork,
    strided_shape,
    voxel_count,
)
from regkit_pairnets.networks.resnext import EXPANSION, stage

STEM, REGISTERED, HIDDEN = 64, 16, (128, 16)
# Bottlenecks, planes and stride of each stage.
STAGES = ((3, 64, 1), (4, 128, 1), (6, 256, 2), (3, 512, 2))


class MSReg(PairNetwork):
    """Early fusion and one stage of registration, benchmark of Chen et al. 2022 (MICCAI).

    After Guo et al. 2020. The layers were never published: this is a reconstruction that has the
    published count, a ResNeXt-50 of cardinality 16.

    Parameters
    ----------
    grid_shape
        Voxels along x, y, z. The published count belongs to 80, 80, 40.
    width
        Factor on the channels.
    norm
        ``batch`` as published, or ``group``.
    space_to_depth
        Voxels a side that become channels of one: 1 as published, 2 for small models.
    """

    def __init__(
        self,
        grid_shape: GridShape,
        width: float = 1.0,
        norm: Norm = "batch",
        space_to_depth: int = 1,
    ) -> None:
        super().__init__(grid_shape, width, space_to_depth=space_to_depth)
        channels, registered = scale_channels(STEM, width), scale_channels(REGISTERED, width)
        layers: list[nn.Module] = [
            Convolution(2 * self.inputs, channels, 5, padding=2, bias=False),
            normalization(norm, channels),
            nn.ReLU(),
            nn.MaxPool3d(3, stride=1, padding=1),
        ]
        left = self.seen_shape
        for blocks, full, stride in STAGES:
            planes = scale_channels(full, width)
            layers.append(stage(blocks, channels, planes, stride, norm))
            channels = EXPANSION * planes
            left = strided_shape(left, (stride, stride, stride))
        layers.append(Convolution(channels, registered, 1))
        self.features = nn.Sequential(*layers)
        self.head = head(registered * voxel_count(left), HIDDEN, width)
        kaiming_normal(self)

    def numbers(self, first: Tensor, second: Tensor) -> Tensor:
        """Return translations in voxels and angles in degrees."""
        return cast("Tensor", self.head(self.features(torch.cat([first, second], dim=1))))
