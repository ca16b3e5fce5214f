"""MSReg as its authors had it for prostates: one stage of a chain of registrations."""

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

STEM, PLANES, FEWER_PLANES, REGISTERED, HIDDEN = 32, 64, 32, 16, (128, 32)
# Convolutions of 5 voxels without padding take four off each side that strides have left.
BORDER = 4


class OriginalMSReg(PairNetwork):
    """A stage of Guo et al. 2020: MR first, ultrasound second.

    Parameters
    ----------
    grid_shape
        Voxels along z, y, x; 32, 96, 96 as published, at least 9, 17, 17.
    width
        Factor on the channels.
    norm
        ``batch`` as published, or ``group``.
    """

    def __init__(self, grid_shape: GridShape, width: float = 1.0, norm: Norm = "batch") -> None:
        super().__init__(grid_shape, width, least=(9, 17, 17))
        stem, planes, fewer = (scale_channels(c, width) for c in (STEM, PLANES, FEWER_PLANES))
        registered = scale_channels(REGISTERED, width)
        self.stem = nn.Sequential(
            Convolution(2, stem, 3, padding=1, bias=False),
            normalization(norm, stem),
            nn.ReLU(),
            nn.MaxPool3d(3, stride=1, padding=1),
            Convolution(stem, planes, 3, (1, 2, 2), 1, bias=False),
        )
        self.side = Convolution(planes, planes, 3, 2, 1, bias=False)
        self.main = nn.Sequential(
            stage(3, planes, planes, 1, norm),
            stage(4, EXPANSION * planes, planes, 1, norm),
            stage(4, EXPANSION * planes, fewer, 2, norm),
        )
        both = planes + EXPANSION * fewer
        self.registration = nn.Sequential(
            normalization(norm, both),
            Convolution(both, both, 3, padding=1),
            nn.ReLU(),
            Convolution(both, registered, BORDER + 1),
        )
        self.head = head(
            registered * voxel_count(_left(self.grid_shape)), HIDDEN, width, relu=True
        )
        kaiming_normal(self)

    def numbers(self, first: Tensor, second: Tensor) -> Tensor:
        """Return translations in millimetres and angles in degrees."""
        shared = self.stem(torch.cat([first, second], dim=1))
        both = torch.cat([self.side(shared), self.main(shared)], dim=1)
        return cast("Tensor", self.head(self.registration(both)))


def _left(shape: GridShape) -> GridShape:
    """Return the grid that strides (1, 2, 2) and 2, and the last convolution leave."""
    z, y, x = strided_shape(shape, (2, 4, 4))
    return z - BORDER, y - BORDER, x - BORDER
