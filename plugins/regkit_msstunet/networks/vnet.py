"""V-Net: residual stages of 5 x 5 x 5 convolutions. Milletari et al. 2016, arXiv:1606.04797."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, cat, nn

from regkit.learning.layers import Norm, depth_to_space, scale_channels, space_to_depth
from regkit_msstunet.networks.layers import norm_layer
from regkit_msstunet.networks.segmenter import NetworkSize, Segmenter, to_classes

CHANNELS = (16, 32, 64, 128, 256)
DOWN = (1, 2, 3, 3, 3)
UP = (1, 2, 3, 3)


class Stage(nn.Module):
    """Some convolutions beside a shortcut."""

    def __init__(self, inputs: int, channels: int, count: int, norm: Norm) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(count):
            before = inputs if number == 0 else channels
            layers += [nn.Conv3d(before, channels, 5, padding=2), norm_layer(norm, channels)]
            layers += [nn.PReLU(channels)] if number < count - 1 else []
        self.body = nn.Sequential(*layers)
        self.rectify = nn.PReLU(channels)

    def forward(self, features: Tensor, shortcut: Tensor) -> Tensor:
        """Return a map of the size of both."""
        rectified: Tensor = self.rectify(self.body(features) + shortcut)
        return rectified


class VNet(Segmenter):
    """V-Net on one view of the volume.

    Parameters
    ----------
    size
        Size of the network.
    """

    def __init__(self, size: NetworkSize) -> None:
        super().__init__(size)
        norm = size.norm
        wide = [scale_channels(n, size.width) for n in CHANNELS]
        self.enter = nn.Conv3d(size.space_to_depth**3, wide[0], 1)
        self.down = nn.ModuleList(
            Stage(n, n, count, norm) for n, count in zip(wide, DOWN, strict=True)
        )
        pairs = list(itertools.pairwise(wide))
        self.halve = nn.ModuleList(nn.Conv3d(a, b, 2, stride=2) for a, b in pairs)
        self.widen = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, stride=2) for a, b in pairs)
        self.up = nn.ModuleList(
            Stage(2 * n, n, count, norm) for n, count in zip(wide[:-1], UP, strict=True)
        )
        self.output = to_classes(wide[0], size.space_to_depth)

    def forward(
        self,
        views: Sequence[Tensor],
        numbers: Sequence[Tensor],  # noqa: ARG002
        finest: int = 0,  # noqa: ARG002
    ) -> tuple[Tensor, ...]:
        """Return logits of the whole field of view."""
        features = self.enter(space_to_depth(views[0], self.size.space_to_depth))
        features = self.down[0](features, features)
        skipped = []
        for halve, stage in zip(self.halve, self.down[1:], strict=True):
            skipped.append(features)
            features = halve(features)
            features = stage(features, features)
        for level in reversed(range(len(skipped))):
            features = self.widen[level](features)
            features = self.up[level](cat([skipped[level], features], 1), features)
        return (depth_to_space(self.output(features), self.size.space_to_depth),)
