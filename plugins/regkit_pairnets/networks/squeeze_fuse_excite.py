"""The dual-branch squeeze-fusion-excitation module: streams weigh each other's features."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from regkit.learning.layers import Norm, normalization
from regkit_pairnets.networks.convolution import Convolution


class SqueezeFuseExcite(nn.Module):
    """Recalibrate the features of two streams by what both see, per channel and per voxel.

    Equations 1 to 11 of Chen et al. 2022 (MICCAI).

    Parameters
    ----------
    channels
        Number of channels of each stream.
    norm
        Kind of normalization, for `fuse_batchnorm`.
    fuse_batchnorm
        Whether the sum is normalised, as in the published code and not in the paper.
    dead_fuse_convs
        Whether to hold the two convolutions that the published code builds, the paper counts and
        nothing ever calls.
    """

    def __init__(
        self, channels: int, norm: Norm, fuse_batchnorm: bool, dead_fuse_convs: bool
    ) -> None:
        super().__init__()
        self.fuse_channels = nn.Linear(2 * channels, channels)
        self.excite_channels = _two(lambda: nn.Linear(channels, channels))
        self.squeeze_space = _two(lambda: Convolution(channels, 1, 1))
        self.fuse_space = Convolution(2, 1, 1)
        self.excite_space = _two(lambda: Convolution(1, 1, 3, padding=1))
        self.after = _two(
            lambda: normalization(norm, channels) if fuse_batchnorm else nn.Identity()
        )
        if dead_fuse_convs:
            self.dead = _two(lambda: Convolution(3 * channels, channels, 3, padding=1))

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Return both streams' features (batch, channels, ...) recalibrated."""
        streams = (first, second)
        by_channel, by_voxel = self._channel_weights(*streams), self._voxel_weights(*streams)
        one, two = (
            after(features + features * channel + features * voxel)
            for after, features, channel, voxel in zip(
                self.after, streams, by_channel, by_voxel, strict=True
            )
        )
        return one, two

    def _channel_weights(self, *streams: Tensor) -> list[Tensor]:
        means = torch.cat([f.mean(dim=(2, 3, 4)) for f in streams], dim=1)
        fused = self.fuse_channels(means)
        weights = (torch.sigmoid(excite(fused)) for excite in self.excite_channels)
        return [w[:, :, None, None, None] for w in weights]

    def _voxel_weights(self, *streams: Tensor) -> list[Tensor]:
        maps = [squeeze(f) for squeeze, f in zip(self.squeeze_space, streams, strict=True)]
        fused = self.fuse_space(torch.cat(maps, dim=1))
        return [torch.sigmoid(excite(fused)) for excite in self.excite_space]


def _two(build: Callable[[], nn.Module]) -> nn.ModuleList:
    """Build a module for each of the streams."""
    return nn.ModuleList([build(), build()])
