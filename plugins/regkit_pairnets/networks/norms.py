"""Normalisation of channels, over the batch as published or within each volume."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from torch import nn

from regkit.errors import ParameterError

Norm: TypeAlias = Literal["batch", "group"]
MOST_GROUPS = 8


def normalisation(norm: Norm, channels: int) -> nn.Module:
    """Build a normalisation of 5-D tensors; both kinds have two parameters per channel.

    Parameters
    ----------
    norm
        ``batch``, as all these networks were published; ``group`` for small batches: it does the
        same in training as in use, and in one process as in several.
    channels
        Number of channels.

    Raises
    ------
    ParameterError
        There is no such normalisation.
    """
    if norm == "batch":
        return nn.BatchNorm3d(channels)
    if norm == "group":
        return nn.GroupNorm(math.gcd(MOST_GROUPS, channels), channels)
    raise ParameterError(f"norm takes 'batch' or 'group', got '{norm}'")
