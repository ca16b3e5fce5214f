"""Token maps cut into windows, and which tokens of a shifted window belong together."""

from __future__ import annotations

from itertools import product
from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

Size: TypeAlias = tuple[int, int, int]
# What attention between tokens that are no neighbours is lowered by.
APART = -100.0


def partition_windows(tokens: Tensor, window: Size) -> Tensor:
    """Cut a map (batch, d1, d2, d3, channels) into windows (batch * windows, tokens, channels)."""
    channels = tokens.shape[-1]
    (a, i), (b, j), (c, k) = _split(tokens.shape[1:4], window)
    blocks = tokens.reshape(-1, a, i, b, j, c, k, channels)
    return blocks.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, i * j * k, channels)


def merge_windows(windows: Tensor, size: Size, window: Size) -> Tensor:
    """Put windows back together to a map (batch, *size, channels)."""
    channels = windows.shape[-1]
    (a, i), (b, j), (c, k) = _split(size, window)
    blocks = windows.reshape(-1, a, b, c, i, j, k, channels)
    return blocks.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(-1, *size, channels)


def pad_to_windows(tokens: Tensor, window: Size) -> Tensor:
    """Add zeros at the ends of the axes of a map, up to multiples of the window."""
    missing = [-n % w for n, w in zip(tokens.shape[1:4], window, strict=True)]
    a, b, c = missing
    return functional.pad(tokens, [0, 0, 0, c, 0, b, 0, a]) if any(missing) else tokens


def shifted_window_mask(size: Size, window: Size, shift: Size, device: torch.device) -> Tensor:
    """Return what is added to the attention within the windows of a shifted map.

    After a circular shift the last windows hold tokens from both ends of the map, which must not
    see each other.

    Parameters
    ----------
    size
        Size of the map, a multiple of the window's.
    window, shift
        Size and shift of the windows in tokens.
    device
        Device of the result.

    Returns
    -------
    Tensor
        Shape (windows, tokens, tokens): zero, or `APART`.
    """
    region = torch.zeros((1, *size, 1), device=device)
    parts = [
        (slice(0, -w), slice(-w, -s), slice(-s, None)) if s else (slice(None),)
        for w, s in zip(window, shift, strict=True)
    ]
    for number, (a, b, c) in enumerate(product(*parts)):
        region[:, a, b, c] = number
    numbers = partition_windows(region, window)[..., 0]
    return APART * (numbers[:, None] != numbers[:, :, None]).float()


def _split(size: torch.Size | Size, window: Size) -> list[tuple[int, int]]:
    return [(n // w, w) for n, w in zip(size, window, strict=True)]
