"""The Swin transformer that is the encoder of TransMorph.

Chen et al. 2022, doi:10.1016/j.media.2022.102615, without the convolutional decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from regkit_transmorph.networks.attention import WindowAttention
from regkit_transmorph.networks.windows import (
    Size,
    merge_windows,
    pad_to_windows,
    partition_windows,
    shifted_window_mask,
)

# Drop probability of the residual branches of the last block in training (stochastic depth).
MAX_DROP_PROB = 0.3
MLP_RATIO = 4

Shifts: TypeAlias = tuple[Size, ...]


class PatchEmbedding(nn.Module):
    """Embeds blocks of voxels as tokens: a strided convolution and a layer normalization.

    Parameters
    ----------
    images
        Channels of the input.
    channels
        Number of channels of the tokens.
    patch
        Voxels of a block along each axis; volumes are padded with zeros.
    """

    def __init__(self, images: int, channels: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.project = nn.Conv3d(images, channels, patch, patch)
        self.norm = nn.LayerNorm(channels)

    def forward(self, volumes: Tensor) -> Tensor:
        """Return a map (batch, d1, d2, d3, channels) of volumes (batch, images, ...)."""
        missing = [-n % self.patch for n in volumes.shape[:1:-1]]
        ends = [n for m in missing for n in (0, m)]
        tokens = self.project(functional.pad(volumes, ends) if any(missing) else volumes)
        normed: Tensor = self.norm(tokens.permute(0, 2, 3, 4, 1))
        return normed


class PatchMerging(nn.Module):
    """Merges eight neighboring tokens into one with twice the channels."""

    # Order in which the neighbors are concatenated, as offsets along the three axes.
    ORDER = (
        (0, 0, 0),
        (1, 0, 0),
        (0, 1, 0),
        (0, 0, 1),
        (1, 1, 0),
        (0, 1, 1),
        (1, 0, 1),
        (1, 1, 1),
    )

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(8 * channels)
        self.reduce = nn.Linear(8 * channels, 2 * channels, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return a map of half the size, rounded up."""
        even = pad_to_windows(tokens, (2, 2, 2))
        eighths = [even[:, i::2, j::2, k::2] for i, j, k in self.ORDER]
        merged: Tensor = self.reduce(self.norm(torch.cat(eighths, dim=-1)))
        return merged


class Block(nn.Module):
    """Window attention, then a two-layer perceptron per token, each with a residual connection.

    Parameters
    ----------
    channels, heads, window
        Parameters of `WindowAttention`.
    shift
        Shift of the windows in tokens.
    drop_prob
        Probability that a residual branch is dropped in training.
    """

    def __init__(
        self, channels: int, heads: int, window: Size, shift: Size, drop_prob: float
    ) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.norm_attention = nn.LayerNorm(channels)
        self.attention = WindowAttention(channels, heads, window)
        self.drop = DropBranch(drop_prob)
        self.norm_mlp = nn.LayerNorm(channels)
        hidden = MLP_RATIO * channels
        self.mlp = nn.Sequential(
            nn.Linear(channels, hidden), nn.GELU(), nn.Linear(hidden, channels)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return a map of the same shape."""
        tokens = tokens + self.drop(self._attend(self.norm_attention(tokens)))
        result: Tensor = tokens + self.drop(self.mlp(self.norm_mlp(tokens)))
        return result

    def _attend(self, tokens: Tensor) -> Tensor:
        a, b, c = tokens.shape[1:4]
        whole = pad_to_windows(tokens, self.window)
        size: Size = whole.shape[1:4]  # type: ignore[assignment]
        apart = None
        if any(self.shift):
            whole = whole.roll([-s for s in self.shift], (1, 2, 3))
            apart = shifted_window_mask(size, self.window, self.shift, tokens.device)
        found = merge_windows(
            self.attention(partition_windows(whole, self.window), apart), size, self.window
        )
        return found.roll(self.shift, (1, 2, 3))[:, :a, :b, :c]


class DropBranch(nn.Module):
    """Stochastic depth: drops a residual branch for random samples of a batch, in training only.

    Huang et al. 2016, doi:10.1007/978-3-319-46493-0_39.

    Parameters
    ----------
    probability
        Probability that the branch is dropped.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        """Return the branch, zero for dropped samples and scaled up for the others."""
        if not self.training or self.probability == 0:
            return branch
        kept = torch.empty(branch.shape[0], *[1] * (branch.ndim - 1), device=branch.device)
        keep_prob = 1 - self.probability
        return branch * kept.bernoulli_(keep_prob).to(branch) / keep_prob


class Swin(nn.Module):
    """Stages of blocks; between stages tokens are merged.

    Parameters
    ----------
    images
        Channels of the input.
    channels
        Number of channels of the first stage; each later one has twice as many.
    depths, heads
        Numbers of blocks and of heads of each stage.
    window
        Tokens along each axis, at every stage.
    patch
        Voxels of a token along each axis.
    checkpointing
        Whether training computes blocks again instead of keeping them: slower, with a fraction
        of the memory.
    """

    def __init__(
        self,
        images: int,
        channels: int,
        *,
        depths: Sequence[int],
        heads: Sequence[int],
        window: Size,
        patch: int = 4,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.checkpointing = checkpointing
        self.embed = PatchEmbedding(images, channels, patch)
        drop_probs = iter(torch.linspace(0, MAX_DROP_PROB, sum(depths), device="cpu").tolist())
        half: Size = tuple(w // 2 for w in window)  # type: ignore[assignment]
        shifts: Shifts = ((0, 0, 0), half)
        self.stages = nn.ModuleList(
            nn.ModuleList(
                Block(channels << stage, heads[stage], window, shifts[i % 2], next(drop_probs))
                for i in range(depth)
            )
            for stage, depth in enumerate(depths)
        )
        self.merge = nn.ModuleList(PatchMerging(channels << i) for i in range(len(depths) - 1))
        # As published, every stage has one, though only that of the last is used.
        self.norms = nn.ModuleList(nn.LayerNorm(channels << i) for i in range(len(depths)))

    def forward(self, volumes: Tensor) -> Tensor:
        """Return the features of the last stage, (batch, channels, d1, d2, d3)."""
        tokens = self.embed(volumes)
        for number, blocks in enumerate(self.stages):
            if number:
                tokens = self.merge[number - 1](tokens)
            for block in blocks:  # type: ignore[attr-defined]
                tokens = self._through(block, tokens)
        features: Tensor = self.norms[-1](tokens)
        return features.permute(0, 4, 1, 2, 3)

    def _through(self, block: nn.Module, tokens: Tensor) -> Tensor:
        if self.checkpointing and torch.is_grad_enabled():
            kept: Tensor = checkpoint(block, tokens, use_reentrant=False)
            return kept
        found: Tensor = block(tokens)
        return found


def reached(size: Size, patch: int, stages: int) -> Size:
    """Return the tokens along each axis that a volume has in the last stage."""
    reduced = [-(-n // patch) for n in size]
    for _ in range(stages - 1):
        reduced = [-(-n // 2) for n in reduced]
    a, b, c = reduced
    return a, b, c
