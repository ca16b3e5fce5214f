"""Self-attention within windows, which knows how tokens lie to each other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regkit_transmorph.networks.windows import Size

SPREAD = 0.02


class WindowAttention(nn.Module):
    """Multi-head attention among the tokens of each window.

    Every head adds a learnt number for the place of one token relative to the other.
    Liu et al. 2021, doi:10.1109/ICCV48922.2021.00986, in three dimensions.

    Parameters
    ----------
    channels, heads
        Numbers of channels of the tokens and of heads; a head has an equal part of the channels.
    window
        Tokens along each axis.
    """

    def __init__(self, channels: int, heads: int, window: Size) -> None:
        super().__init__()
        self.heads, self.scale = heads, (channels // heads) ** -0.5
        places = [2 * w - 1 for w in window]
        self.bias = nn.Parameter(torch.empty(places[0] * places[1] * places[2], heads))
        nn.init.trunc_normal_(self.bias, std=SPREAD)
        self.register_buffer("relative", _relative(window), persistent=False)
        self.ask = nn.Linear(channels, 3 * channels, bias=False)
        self.answer = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor, separation: Tensor | None) -> Tensor:
        """Return new tokens (batch * windows, tokens, channels).

        Parameters
        ----------
        tokens
            Tokens of this shape, with windows running faster than the batch.
        separation
            Added to the attention, shape (windows, tokens, tokens); nothing if None.
        """
        rows, count, channels = tokens.shape
        asked = self.ask(tokens).reshape(rows, count, 3, self.heads, channels // self.heads)
        queries, keys, values = asked.permute(2, 0, 3, 1, 4)
        relative: Tensor = self.relative  # type: ignore[assignment]
        added = self.bias[relative.flatten()].view(count, count, self.heads).permute(2, 0, 1)
        if separation is not None:
            added = added + separation[:, None].to(added)
            added = added.repeat(rows // separation.shape[0], 1, 1, 1)
        found = nn.functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=added, scale=self.scale
        )
        mixed: Tensor = self.answer(found.transpose(1, 2).reshape(rows, count, channels))
        return mixed


def _relative(window: Size) -> Tensor:
    """Return which number belongs to each pair of tokens, shape (tokens, tokens)."""
    axes = [torch.arange(w) for w in window]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij")).flatten(1)
    apart = places[:, :, None] - places[:, None]
    a, b, c = (apart[i] + window[i] - 1 for i in range(3))
    return (a * (2 * window[1] - 1) + b) * (2 * window[2] - 1) + c
