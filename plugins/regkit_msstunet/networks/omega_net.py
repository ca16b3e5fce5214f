"""A cascade after Omega-Net. Vigneault et al. 2018, doi:10.1016/j.media.2018.05.008.

As in the paper: a first U-Net labels the volume as it is, the pose is predicted from its deepest
features, a spatial transformer resamples the volume in it, U-Nets in a row label the result, and
all are trained together, the first segmentation too. Ours: three dimensions and six pose
parameters instead of two dimensions; two U-Nets at the end (the paper compares several), each
seeing the segmentation of the previous one; their sizes, and that the loss of the first
segmentation is taken after it was resampled in the pose.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, cat, nn

from regkit.learning.layers import depth_to_space, space_to_depth
from regkit_msstunet.networks.localizer import pose_head
from regkit_msstunet.networks.plain_unet import UNet
from regkit_msstunet.networks.pose import pull_back, sample_cube
from regkit_msstunet.networks.reorienter import Reorienter
from regkit_msstunet.networks.segmenter import CLASSES, NetworkSize, Segmenter, to_classes

HIDDEN = 384


class Hourglasses(Segmenter):
    """Two U-Nets one after the other, each on the image and the previous segmentation.

    Parameters
    ----------
    size
        Size of the networks.
    """

    def __init__(self, size: NetworkSize) -> None:
        super().__init__(size, zooms=(1.0, 1.0, 1.0))
        channels = size.space_to_depth**3 * (1 + CLASSES)
        nets = [UNet(channels, size.width) for _ in range(2)]
        self.nets = nn.ModuleList(nets)
        self.outputs = nn.ModuleList(
            to_classes(net.channels[0], size.space_to_depth) for net in nets
        )

    def forward(
        self,
        views: Sequence[Tensor],
        numbers: Sequence[Tensor],  # noqa: ARG002
        finest: int = 0,
    ) -> tuple[Tensor, ...]:
        """Return logits of the last U-Net, of the one before, and of the first as it sees them."""
        image, previous = (space_to_depth(view, self.size.space_to_depth) for view in views)
        logits = [views[1]]
        for net, output in zip(self.nets, self.outputs, strict=True):
            previous = output(net(cat([image, previous], 1))[0])
            logits.append(depth_to_space(previous, self.size.space_to_depth))
        return tuple(reversed(logits))[finest:]


class OmegaNet(Reorienter):
    """A U-Net that also predicts the pose, followed by two U-Nets in that pose.

    Parameters
    ----------
    size
        Size of the network.
    mean
        Pose predicted by the untrained network, six parameters.
    """

    def __init__(self, size: NetworkSize, mean: Sequence[float]) -> None:
        super().__init__(size, None, Hourglasses(size))
        self.joint = True
        self.first = UNet(size.space_to_depth**3, size.width)
        self.first_output = to_classes(self.first.channels[0], size.space_to_depth)
        side = size.grid // size.space_to_depth >> (len(self.first.channels) - 1)
        hidden = max(16, round(HIDDEN * size.width))
        self.hidden = nn.Sequential(
            nn.Flatten(), nn.Linear(self.first.channels[-1] * side**3, hidden), nn.ReLU()
        )
        self.head = pose_head(hidden, mean)

    @property
    def needs_pose(self) -> bool:
        """False: the first U-Net predicts the pose."""
        return False

    def locate(self, volume: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Return one estimate of the pose (batch, 1, 6), and logits of the unrotated volume."""
        features = self.first(space_to_depth(volume, self.size.space_to_depth))
        numbers = self.head(self.hidden(features[-1]))[:, None]
        return [numbers], depth_to_space(self.first_output(features[0]), self.size.space_to_depth)

    def segment(
        self, volume: Tensor, numbers: Tensor, context: Tensor | None = None, finest: int = 0
    ) -> tuple[Tensor, ...]:
        """Return logits of both later U-Nets in the pose of numbers (batch, 1, 6)."""
        unrotated = self.locate(volume)[1] if context is None else context
        assert unrotated is not None  # noqa: S101 - as `locate` returned it
        matrices = pull_back(numbers[:, 0], 1.0)
        views = [sample_cube(one, matrices, self.size.grid) for one in (volume, unrotated)]
        logits: tuple[Tensor, ...] = self.segmenter(views, [numbers[:, 0]], finest)
        return logits
