"""DenseNet whose streams attend to each other: a reconstruction from the published count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from regkit.learning.layers import Norm
from regkit_pairnets.networks.convolution import Convolution
from regkit_pairnets.networks.cross_attention import MutualAttention
from regkit_pairnets.networks.pair_network import GridShape
from regkit_pairnets.networks.two_streams import HIDDEN, LEVELS, NoExchange, TwoStreamNetwork

RECONSTRUCTED_HIDDEN = (128, 16)


class MutualFusion(nn.Module):
    """A 3 x 3 x 3 convolution per stream over both streams, with the stream's features first.

    Parameters
    ----------
    channels
        Number of channels of each stream.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = Convolution(2 * channels, channels, 3, padding=1)
        self.second = Convolution(2 * channels, channels, 3, padding=1)

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Return both streams' maps (batch, channels, ...)."""
        return (
            self.first(torch.cat([first, second], dim=1)),
            self.second(torch.cat([second, first], dim=1)),
        )


class AttendThenFuse(nn.Module):
    """Mutual attention, then mutual fusion.

    Parameters
    ----------
    channels
        Number of channels of each stream.
    norm
        Kind of normalization.
    """

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.attention = MutualAttention(channels, norm)
        self.fusion = MutualFusion(channels)

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Return both streams' maps (batch, channels, ...)."""
        return cast("tuple[Tensor, Tensor]", self.fusion(*self.attention(first, second)))


class NonLocalDenseNet(TwoStreamNetwork):
    """DenseNet with cross attention on its third level, benchmark of Chen et al. 2022 (MICCAI).

    The layers were never published: this is a reconstruction that has the published count.

    Parameters
    ----------
    grid_shape
        Voxels along x, y, z; at least 4 (8 if `plain`). Attention costs the square of the voxels
        that two poolings leave.
    width
        Factor on the channels.
    norm
        ``batch`` as published, or ``group``.
    plain
        Only add the two attentions to DenseNet: fewer parameters than published.
    space_to_depth
        Voxels a side that become channels of one: 1 as published, 2 for small models.
    """

    def __init__(
        self,
        grid_shape: GridShape,
        width: float = 1.0,
        norm: Norm = "batch",
        *,
        plain: bool = False,
        space_to_depth: int = 1,
    ) -> None:
        def attention_only(channels: int) -> Sequence[nn.Module]:
            return NoExchange(), NoExchange(), MutualAttention(channels, norm)

        def reconstructed(channels: int) -> Sequence[nn.Module]:
            fusions = (MutualFusion(channels) for _ in range(LEVELS - 1))
            return *fusions, AttendThenFuse(channels, norm)

        super().__init__(
            grid_shape,
            width,
            norm,
            space_to_depth,
            exchanges=attention_only if plain else reconstructed,
            poolings=LEVELS if plain else LEVELS - 1,
            hidden=HIDDEN if plain else RECONSTRUCTED_HIDDEN,
        )
