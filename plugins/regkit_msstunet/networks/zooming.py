"""A localizer that learns from few images: the position first, then the pose at a closer zoom.

This design is not published elsewhere. The published localizer regresses position and rotation
from the whole field of view, where the ventricle is a few voxels of the feature map wide. Here a
U-Net locates its center by a soft-argmax of a heat map, so no coordinate is regressed. Then a
small encoder predicts a correction of the pose from a closer view, resampled in the estimate so
far. The correction is repeated, so that most inputs of the encoder are ventricles in similar
poses.
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

# Voxels along a side of the whole and the closer views, and the fraction of the field of view that
# the latter cover; chosen by hand, like all sizes below.
SIDE, ZOOM = 32, 0.4
# Number of successive corrections of the pose.
CORRECTIONS = 3
# Levels of the encoder, and hidden units between its features and the six pose parameters.
LEVELS, HIDDEN = 4, 256
# Standard deviation of the Gaussian prior of the center around its mean, in half-widths.
PRIOR_STD = 0.2
# Rotation in rad and translation in half-widths of one unit of the encoder's output.
UNIT = 0.2


class ZoomingLocalizer(nn.Module):
    """A U-Net for the center, an encoder for pose corrections.

    The untrained network predicts the mean pose.

    Parameters
    ----------
    scales
        Number of scales, each with a pose; closer views are resampled in the pose of the first.
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
        # These names are keys of the weights' files: `mark` makes the heat map.
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
        identity = (0.0,) * NUMBERS
        self.heads = nn.ModuleList(pose_head(HIDDEN, identity) for _ in range(scales))
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("points", _heat_map_points(grid), persistent=False)

    def forward(self, volume: Tensor) -> list[Tensor]:
        """Return successive estimates of the pose (batch, scales, 6); the last is the best."""
        center = self._center(volume)
        angles = self.mean[:3].expand_as(center)
        estimates = [torch.cat([angles, center], 1)[:, None].expand(-1, self.scales, -1)]
        for _ in range(CORRECTIONS):
            pose = estimates[-1][:, 0].detach()
            features = self.encoder(sample_cube(volume, pull_back(pose, ZOOM), SIDE))
            motion = torch.stack([UNIT * head(features) for head in self.heads], dim=1)
            with torch.autocast(volume.device.type, enabled=False):
                estimates.append(compose_motion(pose[:, None], motion.float(), self.mean[:3]))
        return estimates

    def _center(self, volume: Tensor) -> Tensor:
        """Return the expected position under the heat map, normalized x y z, (batch, 3)."""
        whole = functional.adaptive_avg_pool3d(volume, SIDE)
        squared_distance = (self.points - self.mean[3:]).square().sum(-1)
        penalty = squared_distance / (2 * PRIOR_STD**2)
        heat_map = self.mark(self.finder(whole)[0]).flatten(1) - penalty
        with torch.autocast(volume.device.type, enabled=False):
            return torch.softmax(heat_map.float(), dim=1) @ self.points


def _heat_map_points(grid: int) -> Tensor:
    """Return the centers of the heat map's voxels in normalized coordinates x y z, (voxels, 3)."""
    indices = (torch.arange(SIDE) + 0.5) * grid / SIDE - 0.5
    axis = 2 * indices / (grid - 1) - 1
    z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
    return torch.stack([x, y, z], -1).reshape(-1, 3)
