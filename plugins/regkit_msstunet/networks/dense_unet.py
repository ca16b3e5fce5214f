"""A U-Net of densely connected blocks. After Huang et al. 2017, arXiv:1608.06993."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from torch import Tensor, cat, nn
from torch.nn import functional

from regkit.learning.layers import Norm, depth_to_space, scale_channels, space_to_depth
from regkit_msstunet.networks.layers import enlarged, norm_layer
from regkit_msstunet.networks.segmenter import NetworkSize, Segmenter, to_classes

CHANNELS = (16, 32, 64, 128, 256)
LAYERS = 4


class DenseBlock(nn.Module):
    """Densely connected 3 x 3 x 3 convolutions and a final 1 x 1 x 1 convolution.

    Parameters
    ----------
    inputs, outputs
        Channels; each layer adds a quarter of `outputs`, at least one.
    norm
        ``batch`` or ``group``.
    """

    def __init__(self, inputs: int, outputs: int, norm: Norm) -> None:
        super().__init__()
        growth = max(1, outputs // LAYERS)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.Conv3d(inputs + number * growth, growth, 3, padding=1),
                norm_layer(norm, growth),
                nn.ReLU(inplace=True),
            )
            for number in range(LAYERS)
        )
        self.sum_up = nn.Sequential(
            nn.Conv3d(inputs + LAYERS * growth, outputs, 1),
            norm_layer(norm, outputs),
            nn.ReLU(inplace=True),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return a map of the same size."""
        for layer in self.layers:
            features = cat([features, layer(features)], 1)
        summed: Tensor = self.sum_up(features)
        return summed


class DenseUNet(Segmenter):
    """Dense U-Net on one view of the volume.

    Parameters
    ----------
    size
        Size of the network.
    """

    def __init__(self, size: NetworkSize) -> None:
        super().__init__(size)
        wide = [scale_channels(n, size.width) for n in CHANNELS]
        into = (size.space_to_depth**3, *wide[:-1])
        self.down = nn.ModuleList(
            DenseBlock(i, o, size.norm) for i, o in zip(into, wide, strict=True)
        )
        self.up = nn.ModuleList(
            DenseBlock(a + b, a, size.norm) for a, b in itertools.pairwise(wide)
        )
        self.output = to_classes(wide[0], size.space_to_depth)

    def forward(
        self,
        views: Sequence[Tensor],
        numbers: Sequence[Tensor],  # noqa: ARG002
        finest: int = 0,  # noqa: ARG002
    ) -> tuple[Tensor, ...]:
        """Return logits of the whole field of view."""
        features = self.down[0](space_to_depth(views[0], self.size.space_to_depth))
        skipped = []
        for block in self.down[1:]:
            skipped.append(features)
            features = block(functional.max_pool3d(features, 2))
        for level in reversed(range(len(skipped))):
            both = cat([skipped[level], enlarged(features, skipped[level])], 1)
            features = self.up[level](both)
        return (depth_to_space(self.output(features), self.size.space_to_depth),)
