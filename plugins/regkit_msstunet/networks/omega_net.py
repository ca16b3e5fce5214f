"""A cascade in the manner of Omega-Net. Vigneault et al. 2018, doi:10.1016/j.media.2018.05.008.

A U-Net labels the volume as it comes; its deepest features say the pose. Two more U-Nets label
the volume in that pose, each shown what the one before found.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, cat, nn

from regkit_msstunet.networks.folding import folded, unfolded
from regkit_msstunet.networks.localiser import pose_head
from regkit_msstunet.networks.plain_unet import UNet
from regkit_msstunet.networks.pose import looked_up, pull_back
from regkit_msstunet.networks.reorienter import Reorienter
from regkit_msstunet.networks.segmenter import CLASSES, Segmenter, Size, to_classes

HIDDEN = 384


class Hourglasses(Segmenter):
    """Two U-Nets one after the other on one look, and on what was found before.

    Parameters
    ----------
    size
        How large they are.
    """

    def __init__(self, size: Size) -> None:
        super().__init__(size, zooms=(1.0, 1.0))
        shown = size.fold**3 * (1 + CLASSES)
        nets = [UNet(shown, size.width) for _ in range(2)]
        self.nets = nn.ModuleList(nets)
        self.outputs = nn.ModuleList(to_classes(net.channels[0], size.fold) for net in nets)

    def forward(
        self,
        looks: Sequence[Tensor],
        numbers: Sequence[Tensor],  # noqa: ARG002
        finest: int = 0,
    ) -> tuple[Tensor, ...]:
        """Return logits of the last U-Net and of the one before."""
        look, found = (folded(look, self.size.fold) for look in looks)
        logits = []
        for net, output in zip(self.nets, self.outputs, strict=True):
            found = output(net(cat([look, found], 1))[0])
            logits.append(unfolded(found, self.size.fold))
        return tuple(reversed(logits))[finest:]


class OmegaNet(Reorienter):
    """The cascade.

    Parameters
    ----------
    size
        How large it is.
    mean
        Six numbers that it says before it has learnt any.
    """

    def __init__(self, size: Size, mean: Sequence[float]) -> None:
        super().__init__(size, None, Hourglasses(size))
        self.joint = True
        self.first = UNet(size.fold**3, size.width)
        self.first_output = to_classes(self.first.channels[0], size.fold)
        side = size.grid // size.fold >> (len(self.first.channels) - 1)
        hidden = max(16, round(HIDDEN * size.width))
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(self.first.channels[-1] * side**3, hidden), nn.ReLU()
        )
        self.head = pose_head(hidden, mean)

    @property
    def needs_pose(self) -> bool:
        """It finds the pose by itself."""
        return False

    def locate(self, volume: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Return numbers (batch, 1, 6) of one look, and logits of the volume as it came."""
        features = self.first(folded(volume, self.size.fold))
        numbers = self.head(self.hidden(features[-1]))[:, None]
        return [numbers], unfolded(self.first_output(features[0]), self.size.fold)

    def segment(
        self, volume: Tensor, numbers: Tensor, context: Tensor | None = None, finest: int = 0
    ) -> tuple[Tensor, ...]:
        """Return logits of both later U-Nets, through numbers (batch, 1, 6)."""
        found = self.locate(volume)[1] if context is None else context
        assert found is not None  # noqa: S101 - as `locate` returned it
        matrices = pull_back(numbers[:, 0], 1.0)
        looks = [looked_up(seen, matrices, self.size.grid) for seen in (volume, found)]
        logits: tuple[Tensor, ...] = self.segmenter(looks, [numbers[:, 0]], finest)
        return logits
