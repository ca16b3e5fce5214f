"""Bottlenecks of ResNeXt in three dimensions."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from regkit.learning.layers import Norm, normalization
from regkit_pairnets.networks.convolution import Convolution

EXPANSION = 2
CARDINALITY = 16
CHANNELS_PER_GROUP_OF = 32


class ResNeXtBottleneck(nn.Module):
    """Narrow, convolve in 16 groups, widen, and add the input.

    Xie et al. 2017, doi:10.1109/CVPR.2017.634.

    Parameters
    ----------
    before
        Channels of the input.
    planes
        Half the channels of the output.
    stride
        Stride of the grouped convolution.
    norm
        Kind of normalization.
    """

    def __init__(self, before: int, planes: int, stride: int, norm: Norm) -> None:
        super().__init__()
        inner = CARDINALITY * max(1, planes // CHANNELS_PER_GROUP_OF)
        after = EXPANSION * planes
        self.correction = nn.Sequential(
            Convolution(before, inner, 1, bias=False),
            normalization(norm, inner),
            nn.ReLU(),
            Convolution(inner, inner, 3, stride, 1, groups=CARDINALITY, bias=False),
            normalization(norm, inner),
            nn.ReLU(),
            Convolution(inner, after, 1, bias=False),
            normalization(norm, after),
        )
        self.shortcut = (
            nn.Identity()
            if stride == 1 and before == after
            else nn.Sequential(
                Convolution(before, after, 1, stride, bias=False), normalization(norm, after)
            )
        )
        self.relu = nn.ReLU()

    def forward(self, features: Tensor) -> Tensor:
        """Return features with twice `planes` channels."""
        return cast("Tensor", self.relu(self.correction(features) + self.shortcut(features)))


def stage(blocks: int, before: int, planes: int, stride: int, norm: Norm) -> nn.Sequential:
    """Build bottlenecks one after the other; only the first changes channels and stride."""
    after = EXPANSION * planes
    return nn.Sequential(
        ResNeXtBottleneck(before, planes, stride, norm),
        *(ResNeXtBottleneck(after, planes, 1, norm) for _ in range(blocks - 1)),
    )
