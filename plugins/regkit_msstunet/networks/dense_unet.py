"""A densely connected U-Net after Khened et al. 2019, doi:10.1016/j.media.2018.10.004.

As in the paper: parallel kernels of 3, 5 and 7 see the image; dense blocks go down; on the way up,
skipped features are projected and added, not concatenated, beside a shortcut around each block, so
that there are fewer feature maps; exponential linear units. Ours: three dimensions instead of two,
the numbers of layers and channels, and no dropout, which a resumed training would not repeat.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, cat, nn

from regkit.learning.layers import Norm, depth_to_space, scale_channels, space_to_depth
from regkit_msstunet.networks.layers import norm_layer
from regkit_msstunet.networks.segmenter import NetworkSize, Segmenter, to_classes

KERNELS = (3, 5, 7)
# Channels that each kernel of the first layer and each layer of a dense block adds.
FIRST, GROWTH = 12, 16
# Layers of the dense blocks, from the finest level to the deepest.
LAYERS = (2, 3, 4, 5)


class DenseBlock(nn.Module):
    """Densely connected 3 x 3 x 3 convolutions; returns what they add.

    Parameters
    ----------
    inputs, growth, count
        Channels of the input, channels that each layer adds, and number of layers.
    norm
        ``batch`` as published, or ``group``.
    """

    def __init__(self, inputs: int, growth: int, count: int, norm: Norm) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _activated(inputs + number * growth, growth, 3, norm) for number in range(count)
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the new channels of a map of the same size."""
        found: list[Tensor] = []
        for layer in self.layers:
            found.append(layer(cat([features, *found], 1)))
        return cat(found, 1)


class DenseUNet(Segmenter):
    """Dense U-Net on one view of the volume.

    Parameters
    ----------
    size
        Size of the network.
    """

    def __init__(self, size: NetworkSize) -> None:
        super().__init__(size)
        norm, growth = size.norm, scale_channels(GROWTH, size.width)
        first = scale_channels(FIRST, size.width)
        self.first = nn.ModuleList(
            nn.Conv3d(size.space_to_depth**3, first, kernel, padding=kernel // 2)
            for kernel in KERNELS
        )
        channels, skipped = first * len(KERNELS), []
        self.down, self.halve = nn.ModuleList(), nn.ModuleList()
        for count in LAYERS[:-1]:
            self.down.append(DenseBlock(channels, growth, count, norm))
            channels += count * growth
            skipped.append(channels)
            self.halve.append(
                nn.Sequential(_activated(channels, channels, 1, norm), nn.MaxPool3d(2))
            )
        self.deepest = DenseBlock(channels, growth, LAYERS[-1], norm)
        added = [count * growth for count in LAYERS]
        self.widen = nn.ModuleList(
            nn.ConvTranspose3d(deeper, own, 3, stride=2, padding=1, output_padding=1)
            for own, deeper in itertools.pairwise(added)
        )
        self.project = nn.ModuleList(
            _activated(skip, own, 1, norm) for skip, own in zip(skipped, added[:-1], strict=True)
        )
        self.up = nn.ModuleList(
            DenseBlock(own, growth, count, norm)
            for own, count in zip(added[:-1], LAYERS[:-1], strict=True)
        )
        self.output = to_classes(added[0], size.space_to_depth)

    def forward(
        self,
        views: Sequence[Tensor],
        numbers: Sequence[Tensor],  # noqa: ARG002
        finest: int = 0,  # noqa: ARG002
    ) -> tuple[Tensor, ...]:
        """Return logits of the whole field of view."""
        image = space_to_depth(views[0], self.size.space_to_depth)
        features = cat([layer(image) for layer in self.first], 1)
        skipped = []
        for dense, halve in zip(self.down, self.halve, strict=True):
            skipped.append(cat([features, dense(features)], 1))
            features = halve(skipped[-1])
        features = self.deepest(features)
        for level in reversed(range(len(skipped))):
            both = self.widen[level](features) + self.project[level](skipped[level])
            features = both + self.up[level](both)
        return (depth_to_space(self.output(features), self.size.space_to_depth),)


def _activated(inputs: int, outputs: int, kernel: int, norm: Norm) -> nn.Sequential:
    return nn.Sequential(
        norm_layer(norm, inputs),
        nn.ELU(),
        nn.Conv3d(inputs, outputs, kernel, padding=kernel // 2),
    )
