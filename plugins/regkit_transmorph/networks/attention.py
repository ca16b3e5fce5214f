"""Self-attention within windows with a relative position bias."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from regkit_transmorph.networks.windows import Size

# Standard deviation of the random initial biases, as in Swin.
BIAS_STD = 0.02


class WindowAttention(nn.Module):
    """Multi-head attention among the tokens of each window.

    Every head adds a learned relative position bias to its attention logits: Liu et al. 2021,
    doi:10.1109/ICCV48922.2021.00986, in three dimensions.

    Parameters
    ----------
    channels, heads
        Numbers of channels of the tokens and of heads, which divide the channels equally.
    window
        Tokens along each axis of a window.
    """

    def __init__(self, channels: int, heads: int, window: Size) -> None:
        super().__init__()
        self.heads, self.scale = heads, (channels // heads) ** -0.5
        a, b, c = (2 * w - 1 for w in window)
        self.bias = nn.Parameter(torch.empty(a * b * c, heads))
        nn.init.trunc_normal_(self.bias, std=BIAS_STD)
        self.register_buffer("relative", _relative(window), persistent=False)
        # Keys of the weights' files: projection to queries, keys and values; output projection.
        self.ask = nn.Linear(channels, 3 * channels, bias=False)
        self.answer = nn.Linear(channels, channels)

    def forward(self, tokens: Tensor, separation: Tensor | None) -> Tensor:
        """Return new tokens (batch * windows, tokens, channels).

        Parameters
        ----------
        tokens
            Tokens of this shape, with windows running faster than the batch.
        separation
            Additive mask of the attention logits, shape (windows, tokens, tokens); none if None.
        """
        rows, count, channels = tokens.shape
        qkv = self.ask(tokens).reshape(rows, count, 3, self.heads, channels // self.heads)
        queries, keys, values = qkv.permute(2, 0, 3, 1, 4)
        relative: Tensor = self.relative  # type: ignore[assignment]
        mask = self.bias[relative.flatten()].view(count, count, self.heads).permute(2, 0, 1)
        if separation is not None:
            mask = mask + separation[:, None].to(mask)
            mask = mask.repeat(rows // separation.shape[0], 1, 1, 1)
        attended = nn.functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=mask, scale=self.scale
        )
        output: Tensor = self.answer(attended.transpose(1, 2).reshape(rows, count, channels))
        return output


def _relative(window: Size) -> Tensor:
    """Return the index of the bias of each pair of tokens, shape (tokens, tokens)."""
    axes = [torch.arange(w) for w in window]
    positions = torch.stack(torch.meshgrid(*axes, indexing="ij")).flatten(1)
    offsets = positions[:, :, None] - positions[:, None]
    a, b, c = (offsets[i] + window[i] - 1 for i in range(3))
    return (a * (2 * window[1] - 1) + b) * (2 * window[2] - 1) + c
