"""Attention-Reg: two shallow streams, cross attention, and a registration after it."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from regkit.learning.layers import Norm, normalization, scale_channels
from regkit_pairnets.networks.convolution import Convolution
from regkit_pairnets.networks.cross_attention import MutualAttention
from regkit_pairnets.networks.heads import head
from regkit_pairnets.networks.initialise import kaiming_normal
from regkit_pairnets.networks.pair_network import (
    GridShape,
    PairNetwork,
    strided_shape,
    voxel_count,
)

CHANNELS, NARROWING, HIDDEN = 32, (16, 4), (128, 32)
# Voxels from one position of the attention to the next; the first one is at the first voxel.
STRIDES: GridShape = (2, 4, 4)


class AttentionReg(PairNetwork):
    """The network of Song et al. 2022, doi:10.1016/j.media.2022.102612: MR first, TRUS second.

    Parameters
    ----------
    grid_shape
        Voxels along z, y, x; 32, 96, 96 as published. Attention costs the square of the voxels
        that the poolings leave.
    width
        Factor on the channels.
    norm
        ``batch`` as published, or ``group``.
    attention
        Without it this is the paper's ablation, FeatureReg.
    """

    def __init__(
        self,
        grid_shape: GridShape,
        width: float = 1.0,
        norm: Norm = "batch",
        attention: bool = True,
    ) -> None:
        super().__init__(grid_shape, width)
        channels, (some, few) = (
            scale_channels(CHANNELS, width),
            (scale_channels(c, width) for c in NARROWING),
        )
        self.first, self.second = _stream(channels, norm), _stream(channels, norm)
        self.attention = MutualAttention(channels, norm) if attention else None
        self.registration = nn.Sequential(
            normalization(norm, 2 * channels),
            Convolution(2 * channels, some, 1),
            nn.ReLU(),
            Convolution(some, few, 3, padding=1),
            nn.ReLU(),
            Convolution(few, 1, 3, padding=1),
            normalization(norm, 1),
        )
        self.head = head(voxel_count(strided_shape(grid_shape, STRIDES)), HIDDEN, width, relu=True)
        kaiming_normal(self)

    def features(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Return the streams' maps (batch, channels, ...), as contrastive training takes them."""
        return self.first(first), self.second(second)

    def numbers(self, first: Tensor, second: Tensor) -> Tensor:
        """Return translations in millimetres and angles in degrees."""
        streams = self.features(first, second)
        if self.attention is not None:
            streams = cast("tuple[Tensor, Tensor]", self.attention(*streams))
        both = torch.cat([functional.relu(f) for f in streams], dim=1)
        return cast("Tensor", self.head(self.registration(both)))


def _stream(channels: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        Convolution(1, channels, 3, padding=1, bias=False),
        normalization(norm, channels),
        nn.ReLU(),
        nn.MaxPool3d(3, stride=2, padding=1),
        Convolution(channels, channels, 3, padding=1, bias=False),
        normalization(norm, channels),
        nn.ReLU(),
        nn.MaxPool3d(3, stride=(1, 2, 2), padding=1),
    )
