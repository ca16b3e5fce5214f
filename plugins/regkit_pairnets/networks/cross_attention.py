"""Cross-attention between all positions of the feature maps of two images."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

from regkit.learning.layers import Norm, normalization
from regkit_pairnets.networks.convolution import Convolution


class CrossAttention(nn.Module):
    """Cross-attention of two feature maps (query: other, key and value: this) with a residual.

    Non-local block of Song et al. 2022, doi:10.1016/j.media.2022.102612: embedded Gaussian
    without the usual division by the square root of the number of channels.

    Parameters
    ----------
    channels
        Number of channels of each map; queries, keys and values have half as many.
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
        """Return `this` (batch, channels, ...) plus its values attended to by `other`."""
        attended = functional.scaled_dot_product_attention(
            _flatten(self.query(other)),
            _flatten(self.key(this)),
            _flatten(self.value(this)),
            scale=1.0,
        )
        mapped = attended.transpose(1, 2).reshape(-1, attended.shape[2], *this.shape[2:])
        return this + cast("Tensor", self.out(mapped))


class MutualAttention(nn.Module):
    """Cross-attention in both directions, each from the input maps.

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


def _flatten(features: Tensor) -> Tensor:
    """Return features (batch, channels, ...) as (batch, positions, channels)."""
    return features.flatten(2).transpose(1, 2)
