"""Layers that several networks are made of, and networks by name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from torch import Tensor, nn

from regkit.errors import ParameterError

Norm: TypeAlias = Literal["batch", "group"]
MAX_GROUPS = 8  # of a group normalization; chosen by hand


def scale_channels(channels: int, width: float) -> int:
    """Return a number of channels times a factor, at least one."""
    return max(1, round(channels * width))


def normalization(norm: Norm, channels: int, max_groups: int = MAX_GROUPS) -> nn.Module:
    """Build a normalization of 5-D tensors with two parameters per channel.

    Parameters
    ----------
    norm
        ``batch``, or ``group`` for small batches: it does the same in training as in use, and in
        one process as in several.
    channels
        Number of channels.
    max_groups
        Greatest number of groups; the number used divides that of the channels.

    Raises
    ------
    ParameterError
        There is no such normalization.
    """
    if norm == "batch":
        return nn.BatchNorm3d(channels)
    if norm == "group":
        return nn.GroupNorm(math.gcd(max_groups, channels), channels)
    raise ParameterError(f"norm takes 'batch' or 'group', got '{norm}'")


def space_to_depth(volume: Tensor, size: int) -> Tensor:
    """Turn blocks of voxels into channels; nothing is lost.

    First and last layers at full resolution cost most of a small network's time: an image of
    96 x 96 x 96 voxels becomes one of 32 x 32 x 32 with 27 channels.

    Parameters
    ----------
    volume
        Tensor (batch, channels, d1, d2, d3).
    size
        Voxels of a block along each axis.

    Returns
    -------
    Tensor
        Tensor (batch, channels * size ** 3, d1 / size, d2 / size, d3 / size).
    """
    if size == 1:
        return volume
    batch, channels, *shape = volume.shape
    x, y, z = (n // size for n in shape)
    blocks = volume.reshape(batch, channels, x, size, y, size, z, size)
    return blocks.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(batch, -1, x, y, z)


def depth_to_space(features: Tensor, size: int) -> Tensor:
    """Turn channels into blocks of voxels: the inverse of `space_to_depth`."""
    if size == 1:
        return features
    f = size
    batch, channels, x, y, z = features.shape
    blocks = features.reshape(batch, channels // f**3, f, f, f, x, y, z)
    return blocks.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, -1, x * f, y * f, z * f)


def check_switches(network: type[nn.Module], name: str, switches: Mapping[str, Any]) -> None:
    """Refuse switches that the class of a network does not have.

    Parameters
    ----------
    network
        Class of the network; its first parameter is the grid.
    name
        Name of the network, for the error.
    switches
        Parameters to build it with.

    Raises
    ------
    ParameterError
        There is no such switch.
    """
    known = list(inspect.signature(network).parameters)[1:]
    for switch in switches:
        if switch not in known:
            raise ParameterError(f"{name} has no switch '{switch}'; it has {', '.join(known)}")
