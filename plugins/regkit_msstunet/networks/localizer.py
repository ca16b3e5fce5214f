"""The published localizer: it predicts the ventricle's pose, six numbers for each scale."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from regkit.learning.layers import Norm, space_to_depth
from regkit_msstunet.networks.pose import NUMBERS
from regkit_msstunet.networks.resnet import ResNet50

# Of Table 2 of Ni et al. for SPECT, as regkit's simulator poses its patients.
MEAN_POSE = (-0.83, -1.14, 1.22, 0.19, -0.15, 0.29)


class Localizer(nn.Module):
    """A ResNet-50 and one linear layer for each scale.

    Before any training it predicts the mean pose.

    Parameters
    ----------
    scales
        Number of scales.
    width, norm, block_size
        See `regkit_msstunet.networks.reorienter.Reorienter`.
    mean
        Pose that the untrained network predicts.
    """

    def __init__(
        self,
        scales: int,
        width: float,
        norm: Norm,
        block_size: int,
        mean: Sequence[float] = MEAN_POSE,
    ) -> None:
        super().__init__()
        self.block_size = block_size
        self.trunk = ResNet50(block_size**3, width, norm)
        self.heads = nn.ModuleList(pose_head(self.trunk.features, mean) for _ in range(scales))

    def forward(self, volume: Tensor) -> list[Tensor]:
        """Return one estimate of the pose (batch, scales, 6) of volumes (batch, 1, n, n, n)."""
        features = self.trunk(space_to_depth(volume, self.block_size))
        return [torch.stack([head(features) for head in self.heads], dim=1)]


def pose_head(features: int, mean: Sequence[float]) -> nn.Linear:
    """Build a linear layer that predicts the mean pose for any features."""
    head = nn.Linear(features, NUMBERS)
    nn.init.zeros_(head.weight)
    with torch.no_grad():
        head.bias.copy_(torch.tensor(mean))
    return head
