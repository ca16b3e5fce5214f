"""Attention gates: deeper features weight the skip connection.

Oktay et al. 2018, arXiv:1804.03999, as in the public 3-D network.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regkit.learning.layers import Norm
from regkit_msstunet.networks.layers import enlarged, norm_layer

# Voxels of the skip connection that share a weight, along each axis.
STRIDE = 2


class AttentionGate(nn.Module):
    """Weights the features of a skip connection by a gating signal.

    Parameters
    ----------
    channels
        Number of channels of the skip connection.
    gate
        Number of channels of the gating signal, whose map may be smaller.
    norm
        ``batch`` as published, or ``group``.
    """

    def __init__(self, channels: int, gate: int, norm: Norm) -> None:
        super().__init__()
        self.theta = nn.Conv3d(channels, channels, STRIDE, stride=STRIDE, bias=False)
        self.phi = nn.Conv3d(gate, channels, 1)
        self.psi = nn.Conv3d(channels, 1, 1)
        self.weigh = nn.Sequential(nn.Conv3d(channels, channels, 1), norm_layer(norm, channels))
        self.combine = nn.Sequential(
            nn.Conv3d(channels, channels, 1), norm_layer(norm, channels), nn.ReLU(inplace=True)
        )

    def forward(self, skipped: Tensor, gate: Tensor) -> Tensor:
        """Return the weighted features of the skip connection."""
        projected = self.theta(skipped)
        joint = torch.relu(projected + enlarged(self.phi(gate), projected))
        attention = enlarged(torch.sigmoid(self.psi(joint)), skipped)
        weighted: Tensor = self.combine(self.weigh(attention * skipped))
        return weighted
