"""Fully connected layers from a feature map to the six numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from regkit.learning.layers import scale_channels
from regkit_pairnets.networks.pair_network import OUTPUTS

# Fewer, and a chain of linear layers could not give six independent numbers with some to spare.
NARROWEST = 16


def head(inputs: int, hidden: Sequence[int], width: float, relu: bool = False) -> nn.Sequential:
    """Build flatten, linear layers through `hidden` features, and one to the six numbers.

    Parameters
    ----------
    inputs
        Features after flattening.
    hidden
        Features between the layers at width one.
    width
        Factor on them; none goes below 16.
    relu
        Whether rectifiers stand before the first layer and between the layers.
    """
    sizes = [inputs, *(max(min(n, NARROWEST), scale_channels(n, width)) for n in hidden), OUTPUTS]
    layers: list[nn.Module] = [nn.Flatten()]
    for before, after in pairwise(sizes):
        layers += [nn.ReLU(), nn.Linear(before, after)] if relu else [nn.Linear(before, after)]
    return nn.Sequential(*layers)
