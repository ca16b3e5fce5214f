"""Random weights as the networks were published with."""

from __future__ import annotations

from torch import nn

SPREAD = 0.02


def narrow_normal(network: nn.Module) -> None:
    """Draw the weights of convolutions and linear layers from N(0, 0.02); biases stay."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv3d | nn.Linear):
            nn.init.normal_(layer.weight, 0.0, SPREAD)


def kaiming_normal(network: nn.Module) -> None:
    """Draw the weights of convolutions after He et al., by fan-out; linear layers stay.

    doi:10.1109/ICCV.2015.123.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv3d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")


def fan_in_normal(network: nn.Module) -> None:
    """Draw all weights by fan-in, so that features keep their size from layer to layer.

    Not as published, but of use for networks with few channels or small grids: there weights of
    N(0, 0.02) leave nothing of the images in the numbers, and training starts with a long wait.
    """
    for layer in network.modules():
        if isinstance(layer, nn.Conv3d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        if isinstance(layer, nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
