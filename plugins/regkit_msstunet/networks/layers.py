"""The layers common to the networks."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from regkit.learning.layers import MAX_GROUPS, Norm, normalization

# Channels that are normalized together: fewer lose how bright one is beside the others. Chosen by
# hand.
MIN_GROUP_CHANNELS = 4


def norm_layer(norm: Norm, channels: int) -> nn.Module:
    """Build a normalization whose groups, if it has any, are of several channels."""
    max_groups = min(MAX_GROUPS, max(1, channels // MIN_GROUP_CHANNELS))
    return normalization(norm, channels, max_groups)


def double_conv(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    """Build two convolutions over 3 x 3 x 3 voxels, normalised and rectified."""
    layers: list[nn.Module] = []
    for before in (inputs, outputs):
        convolution = nn.Conv3d(before, outputs, 3, padding=1)
        layers += [convolution, norm_layer(norm, outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def enlarged(volume: Tensor, like: Tensor) -> Tensor:
    """Interpolate a map to the size of another one, with the same field of view."""
    return functional.interpolate(volume, like.shape[2:], mode="trilinear", align_corners=False)
