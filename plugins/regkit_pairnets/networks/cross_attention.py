"""Attention between the feature maps of two images, anywhere to anywhere."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from regkit.learning.layers import Norm, normalization
from regkit_pairnets.networks.convolution import Convolution


class CrossAttention(nn.Module):
    """Add to one map its own values, gathered by where the other map's features resemble it.

    Non-local block of Song et al. 2022, doi:10.1016/j.media.2022.102612: embedded Gaussian
    without the usual division by the root of the number of channels. What the other map asks for
    at a position is added to this map at that position.

    Parameters
    ----------
    channels
        Number of channels of each map; attention happens in half as many.
    norm
        Kind of normalization.
    """

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        inner = max(1, channels // 2)
        self.value = Convolution(channels, inner, 1)
        self.key = Convolution(channels, inner, 1)
        self.query = Convolution(channels, inner, 1)
        self.out = nn.Sequential(Convolution(inner, channels, 1), normalization(norm, channels))

    def forward(self, this: Tensor, other: Tensor) -> Tensor:
        """Return `this` (batch, channels, ...) with what `other`, of the same shape, asked for."""
        gathered = functional.scaled_dot_product_attention(
            _listed(self.query(other)),
            _listed(self.key(this)),
            _listed(self.value(this)),
            scale=1.0,
        )
        mapped = gathered.transpose(1, 2).reshape(-1, gathered.shape[2], *this.shape[2:])
        return this + cast("Tensor", self.out(mapped))


class MutualAttention(nn.Module):
    """Two cross attentions; both read the maps as they come in.

    Parameters
    ----------
    channels
        Number of channels of each map.
    norm
        Kind of normalization.
    """

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()
        self.first = CrossAttention(channels, norm)
        self.second = CrossAttention(channels, norm)

    def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Return both maps (batch, channels, ...)."""
        return self.first(first, second), self.second(second, first)


def _listed(features: Tensor) -> Tensor:
    """Return features (batch, channels, ...) as (batch, positions, channels)."""
    return features.flatten(2).transpose(1, 2)
