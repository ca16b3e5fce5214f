"""A localizer that learns from few images: first the position, then, closer, the pose. Our own.

The published trunk predicts position and rotation from the whole field of view, where the
ventricle is a few blocks wide. Here a U-Net marks its center: the expected position under the
mark, which is no number to be learnt. Then a small encoder sees a closer view in the pose found so
far and predicts the correction. That is repeated, so that the encoder mostly sees ventricles in
similar poses.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from regkit.learning.layers import scale_channels
from regkit_msstunet.networks.localizer import MEAN_POSE, pose_head
from regkit_msstunet.networks.plain_unet import CHANNELS, UNet, block
from regkit_msstunet.networks.pose import NUMBERS, compose_motion, pull_back, sample_cube

# Voxels a side of the whole and the closer views, and the fraction of the field of view that the
# latter cover; chosen by hand, like all sizes below.
SIDE, ZOOM = 32, 0.4
# Number of closer views, one after the other.
CLOSER_LOOKS = 3
# Levels of the encoder, and hidden units between its features and the six numbers.
LEVELS, HIDDEN = 4, 256
# Standard deviation of the expected center around the mean, in half-widths.
EXPECTED = 0.2
# Rotation in rad and translation in half-widths of one unit of the encoder's output.
UNIT = 0.2


class ZoomingLocalizer(nn.Module):
    """A U-Net for the place, an encoder for what is left.

    Before any training it predicts the mean pose.

    Parameters
    ----------
    scales
        Number of sets of six numbers; closer views are taken in the pose of the first set.
    grid
        Voxels along each side of the volume.
    width
        Factor on the channels.
    mean
        Pose that the untrained network predicts.
    """

    mean: Tensor
    points: Tensor

    def __init__(
        self, scales: int, grid: int, width: float, mean: Sequence[float] = MEAN_POSE
    ) -> None:
        super().__init__()
        self.scales = scales
        self.finder = UNet(1, width)
        self.mark = nn.Conv3d(self.finder.channels[0], 1, 1)
        for parameter in self.mark.parameters():
            nn.init.zeros_(parameter)
        channels = [1, *(scale_channels(n, width) for n in CHANNELS[:LEVELS])]
        self.encoder = nn.Sequential(
            *(
                block(a, b, stride=1 if level == 0 else 2)
                for level, (a, b) in enumerate(pairwise(channels))
            ),
            nn.Flatten(),
            nn.Linear(channels[-1] * (SIDE >> (LEVELS - 1)) ** 3, HIDDEN),
            nn.LeakyReLU(0.1),
        )
        still = (0.0,) * NUMBERS
        self.heads = nn.ModuleList(pose_head(HIDDEN, still) for _ in range(scales))
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("points", _centres_of_blocks(grid), persistent=False)

    def forward(self, volume: Tensor) -> list[Tensor]:
        """Return numbers (batch, scales, 6) of one look after the other; the last are the best."""
        centre = self._centre(volume)
        angles = self.mean[:3].expand_as(centre)
        found = [torch.cat([angles, centre], 1)[:, None].expand(-1, self.scales, -1)]
        for _ in range(CLOSER_LOOKS):
            pose = found[-1][:, 0].detach()
            features = self.encoder(sample_cube(volume, pull_back(pose, ZOOM), SIDE))
            left = torch.stack([UNIT * head(features) for head in self.heads], dim=1)
            with torch.autocast(volume.device.type, enabled=False):
                found.append(compose_motion(pose[:, None], left.float(), self.mean[:3]))
        return found

    def _centre(self, volume: Tensor) -> Tensor:
        """Return the mean place of the mark, x y z in normalised coordinates (batch, 3)."""
        whole = functional.adaptive_avg_pool3d(volume, SIDE)
        away = (self.points - self.mean[3:]).square().sum(-1)
        mark = self.mark(self.finder(whole)[0]).flatten(1) - away / (2 * EXPECTED**2)
        with torch.autocast(volume.device.type, enabled=False):
            return torch.softmax(mark.float(), dim=1) @ self.points


def _centres_of_blocks(grid: int) -> Tensor:
    """Return x y z of blocks of a volume in its normalised coordinates, (blocks, 3)."""
    places = (torch.arange(SIDE) + 0.5) * grid / SIDE - 0.5
    axis = 2 * places / (grid - 1) - 1
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    return torch.stack([x, y, z], -1).reshape(-1, 3)
