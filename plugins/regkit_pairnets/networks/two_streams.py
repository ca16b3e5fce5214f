"""The base of the DenseNets: a stream for each image, and the registration after them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from regkit.learning.layers import Norm, normalization, scale_channels
from regkit_pairnets.networks.convolution import Convolution
from regkit_pairnets.networks.heads import head
from regkit_pairnets.networks.initialise import narrow_normal
from regkit_pairnets.networks.pair_network import (
    GridShape,
    PairNetwork,
    pooled_shape,
    voxel_count,
)
from regkit_pairnets.networks.residual_dense import ResidualDenseBlock

CHANNELS, REGISTERED, LEVELS = 32, 16, 3
HIDDEN = (1024, 128, 16)

# Builds one module for each level, from two maps (batch, channels, ...) to two alike.
Exchanges: TypeAlias = Callable[[int], Sequence[nn.Module]]


class TwoStreamNetwork(PairNetwork):
    """Two densely connected streams that may exchange features, joined, and six numbers.

    No activation stands between the fully connected layers, as published.

    Parameters
    ----------
    grid_shape
        Voxels along the axes of the tensors, at least two to the power of the poolings.
    width
        Factor on the channels.
    norm
        Kind of normalization.
    exchanges
        Builders of the module by which the streams exchange features on each of the three levels,
        given a number of channels.
    poolings
        Number of levels after which features are averaged over 2 x 2 x 2 voxels.
    hidden
        Features between the fully connected layers.
    space_to_depth
        Side of the blocks of `PairNetwork`; poolings that they stand for are left out.
    """

    def __init__(
        self,
        grid_shape: GridShape,
        width: float,
        norm: Norm,
        space_to_depth: int,
        *,
        exchanges: Exchanges,
        poolings: int = LEVELS,
        hidden: Sequence[int] = HIDDEN,
    ) -> None:
        super().__init__(
            grid_shape, width, (2**poolings, 2**poolings, 2**poolings), space_to_depth
        )
        poolings = max(0, poolings - (space_to_depth.bit_length() - 1))
        channels, registered = scale_channels(CHANNELS, width), scale_channels(REGISTERED, width)
        self.streams = TwoStreams(self.inputs, channels, norm, exchanges(channels), poolings)
        self.registration = nn.Sequential(
            ResidualDenseBlock(2 * channels, norm),
            *_convolution(2 * channels, channels, norm),
            Convolution(channels, registered, 3, padding=1),
        )
        self.head = head(
            registered * voxel_count(pooled_shape(self.seen_shape, poolings)), hidden, width
        )
        narrow_normal(self)

    def numbers(self, first: Tensor, second: Tensor) -> Tensor:
        """Return translations in voxels and angles in degrees."""
        return cast("Tensor", self.head(self.registration(self.streams(first, second))))


class TwoStreams(nn.Module):
    """A convolution, then on each level a residual dense block, an exchange and a pooling.

    Parameters
    ----------
    inputs
        Channels of each volume.
    channels
        Number of channels of each stream on every level.
    norm
        Kind of normalization.
    exchanges
        One module for each level, from two maps to two maps of the same shapes.
    poolings
        Number of levels that end with a pooling.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        norm: Norm,
        exchanges: Sequence[nn.Module],
        poolings: int,
    ) -> None:
        super().__init__()
        self.first = _stream(inputs, channels, norm, len(exchanges))
        self.second = _stream(inputs, channels, norm, len(exchanges))
        self.exchanges = nn.ModuleList(exchanges)
        self.poolings = poolings

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the features of two volumes (batch, inputs, ...), the first one's first."""
        first, second = self.first[0](first), self.second[0](second)
        for level, exchange in enumerate(self.exchanges, start=1):
            first, second = exchange(self.first[level](first), self.second[level](second))
            if level <= self.poolings:
                first, second = (functional.avg_pool3d(f, 2) for f in (first, second))
        return torch.cat([first, second], dim=1)


class NoExchange(nn.Module):
    """Streams that do not exchange features."""

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Return both as they are."""
        return first, second


def _stream(inputs: int, channels: int, norm: Norm, levels: int) -> nn.ModuleList:
    blocks = (ResidualDenseBlock(channels, norm) for _ in range(levels))
    return nn.ModuleList([nn.Sequential(*_convolution(inputs, channels, norm)), *blocks])


def _convolution(before: int, after: int, norm: Norm) -> tuple[nn.Module, ...]:
    return Convolution(before, after, 3, padding=1), normalization(norm, after), nn.ReLU()
