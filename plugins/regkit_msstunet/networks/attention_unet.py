"""The 3-D attention U-Net, on one view of the volume."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from torch import Tensor, cat, nn
from torch.nn import functional

from regkit.learning.layers import depth_to_space, scale_channels, space_to_depth
from regkit_msstunet.networks.attention_gate import STRIDE, AttentionGate
from regkit_msstunet.networks.layers import double_conv, enlarged, norm_layer
from regkit_msstunet.networks.segmenter import NetworkSize, Segmenter, to_classes

CHANNELS = (16, 32, 64, 128, 256)


class AttentionUNet(Segmenter):
    """Attention U-Net with three outputs: large-scale segmentation, "Seg Op1" of Ni et al.

    Parameters
    ----------
    size
        Size of the network.
    views, zooms
        Fractions of the field of view of inputs and outputs, for subclasses.
    blocks
        Space-to-depth block size in voxels of each view and output, for subclasses; if empty,
        that of `size`.
    extra
        Numbers of additional input channels of the second and third level, for subclasses.
    """

    def __init__(
        self,
        size: NetworkSize,
        views: Sequence[float] = (1.0,),
        zooms: Sequence[float] = (1.0, 1.0, 1.0),
        blocks: Sequence[int] = (),
        extra: Sequence[int] = (0, 0),
    ) -> None:
        super().__init__(size, views, zooms)
        norm = size.norm
        self.blocks = tuple(blocks) or (size.space_to_depth,) * len(zooms)
        a, b, c, d, e = (scale_channels(n, size.width) for n in CHANNELS)
        into = (self.blocks[0] ** 3, a + extra[0], b + extra[1], c, d)
        self.encoders = nn.ModuleList(
            double_conv(i, o, norm) for i, o in zip(into, (a, b, c, d, e), strict=True)
        )
        self.gate = nn.Sequential(nn.Conv3d(e, e, 1), norm_layer(norm, e), nn.ReLU(inplace=True))
        self.gates = nn.ModuleList(
            AttentionGate(skipped, gate, norm) for skipped, gate in ((b, c), (c, d), (d, e))
        )
        self.decoders = nn.ModuleList(
            double_conv(skipped + deeper, skipped, norm)
            for skipped, deeper in ((a, b), (b, c), (c, d), (d, e))
        )
        self.outputs = nn.ModuleList(
            to_classes(n, block) for n, block in zip((a, b, c), self.blocks, strict=True)
        )

    def gated_blocks(self) -> list[tuple[nn.Module, int, int]]:
        """Return each gate's last layer, before the sigmoid, and what its weights stand for.

        That is the index of a view, and the voxels a side of its blocks. Finest gate first.
        """
        found: list[tuple[nn.Module, int, int]] = []
        for level, gate in enumerate(cast("Iterable[AttentionGate]", self.gates), 1):
            view = min(level, len(self.views) - 1)
            found.append((gate.psi, view, STRIDE * self.blocks[view] * 2 ** (level - view)))
        return found

    def forward(
        self,
        views: Sequence[Tensor],
        numbers: Sequence[Tensor],
        finest: int = 0,
    ) -> tuple[Tensor, ...]:
        """Return logits of three levels."""
        inputs = [space_to_depth(v, block) for v, block in zip(views, self.blocks, strict=False)]
        e1 = self.encoders[0](inputs[0])
        e2 = self.encoders[1](self.deeper(e1, 0, inputs, numbers))
        e3 = self.encoders[2](self.deeper(e2, 1, inputs, numbers))
        e4 = self.encoders[3](functional.max_pool3d(e3, 2))
        e5 = self.encoders[4](functional.max_pool3d(e4, 2))
        skipped = self.gates[2](e4, self.gate(e5))
        u4 = self.decoders[3](cat([skipped, enlarged(e5, e4)], 1))
        u3 = self.decoders[2](cat([self.gates[1](e3, u4), enlarged(u4, e3)], 1))
        decoded = [u3]
        if finest < 2:  # outputs that are not needed cost most of the time
            back = self.shallower(u3, e2, 1)
            u2 = self.decoders[1](cat([self.gates[0](e2, back), back], 1))
            decoded.insert(0, u2)
        if finest < 1:
            u1 = self.decoders[0](cat([e1, self.shallower(decoded[0], e1, 0)], 1))
            decoded.insert(0, u1)
        first = len(self.outputs) - len(decoded)
        logits = [
            depth_to_space(self.outputs[level](features), self.blocks[level])
            for level, features in enumerate(decoded, first)
        ]
        return tuple(logits[finest - first :])

    def deeper(
        self,
        features: Tensor,
        level: int,  # noqa: ARG002 - for subclasses
        inputs: Sequence[Tensor],  # noqa: ARG002
        numbers: Sequence[Tensor],  # noqa: ARG002
    ) -> Tensor:
        """Return the input of the next level from a level's features."""
        return functional.max_pool3d(features, 2)

    def shallower(self, features: Tensor, like: Tensor, level: int) -> Tensor:  # noqa: ARG002
        """Return the next level's features on the grid of a level."""
        return enlarged(features, like)
