"""Blocks of voxels become channels, and channels become blocks again; nothing is lost.

First and last layers at full resolution cost most of a network's time: folded, an image of
96 x 96 x 96 voxels is one of 32 x 32 x 32 with 27 channels.
"""

from __future__ import annotations

from torch import Tensor, nn


class Fold(nn.Module):
    """Turn blocks of voxels into channels.

    Parameters
    ----------
    size
        Voxels of a block along each axis.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, volume: Tensor) -> Tensor:
        """Return a map (batch, channels * size ** 3, ...) of a volume (batch, channels, ...)."""
        if self.size == 1:
            return volume
        batch, channels, *shape = volume.shape
        x, y, z = (n // self.size for n in shape)
        f = self.size
        blocks = volume.reshape(batch, channels, x, f, y, f, z, f)
        return blocks.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(batch, -1, x, y, z)


class Unfold(nn.Module):
    """Turn channels into blocks of voxels: undoes `Fold`.

    Parameters
    ----------
    size
        Voxels of a block along each axis.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, features: Tensor) -> Tensor:
        """Return a volume (batch, channels / size ** 3, ...) of a map (batch, channels, ...)."""
        if self.size == 1:
            return features
        f = self.size
        batch, channels, x, y, z = features.shape
        blocks = features.reshape(batch, channels // f**3, f, f, f, x, y, z)
        return blocks.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, -1, x * f, y * f, z * f)


def block_reach(voxels: int, fold: int) -> float:
    """Return where the centre of a volume's last block is, if its last voxel's centre is at 1.

    Normalised coordinates (align_corners) of a folded map reach less far than the volume's.
    """
    return 1 - (fold - 1) / (voxels - 1)
