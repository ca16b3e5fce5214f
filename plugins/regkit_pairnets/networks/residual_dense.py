"""The residual dense block: every layer sees all before it, and the sum is a correction."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from regkit.learning.layers import Norm, normalization
from regkit_pairnets.networks.convolution import Convolution


class ResidualDenseBlock(nn.Module):
    """Densely connected 3 x 3 x 3 convolutions, a 1 x 1 x 1 one, and the input added.

    Zhang et al. 2018, doi:10.1109/CVPR.2018.00262, with a normalization in every layer.

    Parameters
    ----------
    channels
        Number of channels of the input, of the output, and of those that every layer adds.
    norm
        Kind of normalization.
    layers
        Number of layers.
    """

    def __init__(self, channels: int, norm: Norm, layers: int = 4) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                Convolution(channels * (i + 1), channels, 3, padding=1, bias=False),
                normalization(norm, channels),
                nn.ReLU(),
            )
            for i in range(layers)
        )
        self.merge = Convolution(channels * (layers + 1), channels, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same shape."""
        concatenated = features
        for layer in self.layers:
            concatenated = torch.cat([concatenated, layer(concatenated)], dim=1)
        return cast("Tensor", self.merge(concatenated)) + features
