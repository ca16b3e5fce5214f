"""The layers that all networks here are made of."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from torch import Tensor, nn
from torch.nn import functional

from regkit.errors import ParameterError

Norm: TypeAlias = Literal["batch", "group"]
# Of channels that are normalised together: fewer lose how bright one is beside the others.
MOST_GROUPS, LEAST_CHANNELS = 8, 4


def scaled(channels: int, width: float) -> int:
    """Return a number of channels times a factor, at least one."""
    return max(1, round(channels * width))


def normalisation(norm: Norm, channels: int) -> nn.Module:
    """Build a normalisation: over the ``batch`` as published, or of channels in ``group``.

    The latter does the same in training as in use, and suits batches of a few.

    Raises
    ------
    ParameterError
        There is no such normalisation.
    """
    if norm == "batch":
        return nn.BatchNorm3d(channels)
    if norm == "group":
        most = min(MOST_GROUPS, max(1, channels // LEAST_CHANNELS))
        return nn.GroupNorm(math.gcd(most, channels), channels)
    raise ParameterError(f"norm takes 'batch' or 'group', got '{norm}'")


def double_conv(inputs: int, outputs: int, norm: Norm) -> nn.Sequential:
    """Build two convolutions over 3 x 3 x 3 voxels, normalised and rectified."""
    layers: list[nn.Module] = []
    for before in (inputs, outputs):
        convolution = nn.Conv3d(before, outputs, 3, padding=1)
        layers += [convolution, normalisation(norm, outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def enlarged(volume: Tensor, like: Tensor) -> Tensor:
    """Interpolate a map to the size of another one; voxels keep their edges."""
    return functional.interpolate(volume, like.shape[2:], mode="trilinear", align_corners=False)
