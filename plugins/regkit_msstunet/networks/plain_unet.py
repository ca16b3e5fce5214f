"""A plain U-Net in the manner of nnU-Net. Isensee et al. 2021, doi:10.1038/s41592-020-01008-z.

Instance normalisation, leaky rectifiers, strided convolutions down and transposed ones up, and
outputs at three levels; without its configuration from the data.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, cat, nn

from regkit.learning.layers import depth_to_space, scale_channels, space_to_depth
from regkit_msstunet.networks.segmenter import NetworkSize, Segmenter, to_classes

CHANNELS = (16, 32, 64, 128, 256)
LEAK = 0.01
OUTPUTS = 3


def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Build two convolutions, the first of which may halve the map."""
    layers: list[nn.Module] = []
    for before, step in ((inputs, stride), (outputs, 1)):
        layers += [
            nn.Conv3d(before, outputs, 3, stride=step, padding=1),
            # As group normalisation, which also takes maps of one voxel.
            nn.GroupNorm(outputs, outputs),
            nn.LeakyReLU(LEAK, inplace=True),
        ]
    return nn.Sequential(*layers)


class UNet(nn.Module):
    """A U-Net that returns the features of each level; also used within cascades.

    Parameters
    ----------
    inputs
        Channels of the volume.
    width
        Factor on the channels.
    """

    def __init__(self, inputs: int, width: float) -> None:
        super().__init__()
        self.channels = [scale_channels(n, width) for n in CHANNELS]
        pairs = list(zip(self.channels[:-1], self.channels[1:], strict=True))
        self.enter = block(inputs, self.channels[0])
        self.down = nn.ModuleList(block(a, b, stride=2) for a, b in pairs)
        self.widen = nn.ModuleList(nn.ConvTranspose3d(b, a, 2, stride=2) for a, b in pairs)
        self.up = nn.ModuleList(block(2 * a, a) for a, _ in pairs)

    def forward(self, volume: Tensor) -> list[Tensor]:
        """Return features of all levels, the finest first, the deepest last."""
        features = [self.enter(volume)]
        for down in self.down:
            features.append(down(features[-1]))
        for level in reversed(range(len(self.up))):
            deeper = self.widen[level](features[level + 1])
            features[level] = self.up[level](cat([features[level], deeper], 1))
        return features


class PlainUNet(Segmenter):
    """Plain U-Net on one view of the volume.

    Parameters
    ----------
    size
        Size of the network; its normalization is always that of each channel alone.
    """

    def __init__(self, size: NetworkSize) -> None:
        super().__init__(size, zooms=(1.0,) * OUTPUTS)
        self.net = UNet(size.space_to_depth**3, size.width)
        self.outputs = nn.ModuleList(
            to_classes(n, size.space_to_depth) for n in self.net.channels[:OUTPUTS]
        )

    def forward(
        self,
        views: Sequence[Tensor],
        numbers: Sequence[Tensor],  # noqa: ARG002
        finest: int = 0,
    ) -> tuple[Tensor, ...]:
        """Return logits of three levels, all of the whole field of view."""
        levels = list(
            zip(
                self.outputs,
                self.net(space_to_depth(views[0], self.size.space_to_depth)),
                strict=False,
            )
        )
        return tuple(
            depth_to_space(output(maps), self.size.space_to_depth)
            for output, maps in levels[finest:]
        )
