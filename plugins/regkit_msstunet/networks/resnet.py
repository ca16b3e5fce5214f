"""A 3-D ResNet-50 without its last layer: a volume in, one vector out.

He et al. 2016, doi:10.1109/CVPR.2016.90.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regkit.learning.layers import Norm, scale_channels
from regkit_msstunet.networks.layers import norm_layer

STAGES = ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2))
STEM = 64
EXPANSION = 4


class ResNetBottleneck(nn.Module):
    """1 x 1 x 1, 3 x 3 x 3 and 1 x 1 x 1 convolutions beside a shortcut."""

    def __init__(self, inputs: int, planes: int, stride: int, norm: Norm) -> None:
        super().__init__()
        outputs = EXPANSION * planes
        self.body = nn.Sequential(
            *_convolution(inputs, planes, 1, 1, norm),
            nn.ReLU(inplace=True),
            *_convolution(planes, planes, 3, stride, norm),
            nn.ReLU(inplace=True),
            *_convolution(planes, outputs, 1, 1, norm),
        )
        same = stride == 1 and inputs == outputs
        shortcut = [] if same else _convolution(inputs, outputs, 1, stride, norm)
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, features: Tensor) -> Tensor:
        """Return a map; its sides are divided by the stride, rounding up."""
        return torch.relu(self.body(features) + self.shortcut(features))


class ResNet50(nn.Module):
    """Stem, four stages of bottlenecks, and the mean over all that is left of the volume.

    Parameters
    ----------
    inputs
        Number of channels of the volume; above one (space-to-depth), the stem's kernel is 3
        instead of 7.
    width
        Factor on the channels.
    norm
        ``batch`` as published, or ``group``.
    """

    def __init__(self, inputs: int, width: float, norm: Norm) -> None:
        super().__init__()
        channels = scale_channels(STEM, width)
        self.stem = nn.Sequential(
            *_convolution(inputs, channels, 7 if inputs == 1 else 3, 2, norm),
            nn.ReLU(inplace=True),
            nn.MaxPool3d(3, stride=2, padding=1),
        )
        blocks: list[nn.Module] = []
        for count, planes, first in STAGES:
            for stride in (first, *(1,) * (count - 1)):
                blocks.append(
                    ResNetBottleneck(channels, scale_channels(planes, width), stride, norm)
                )
                channels = EXPANSION * scale_channels(planes, width)
        self.stages = nn.Sequential(*blocks)
        self.features = channels

    def forward(self, volume: Tensor) -> Tensor:
        """Return features (batch, channels)."""
        left: Tensor = self.stages(self.stem(volume))
        return left.mean(dim=(2, 3, 4))


def _convolution(
    inputs: int, outputs: int, kernel: int, stride: int, norm: Norm
) -> tuple[nn.Module, nn.Module]:
    convolution = nn.Conv3d(
        inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False
    )
    return convolution, norm_layer(norm, outputs)
