"""Blocks of voxels become channels, and channels become blocks again; nothing is lost.

First and last layers at full resolution cost most of a network's time: folded, an image of
96 x 96 x 96 voxels is one of 32 x 32 x 32 with 27 channels.
"""

from __future__ import annotations

from torch import Tensor


def folded(volume: Tensor, size: int) -> Tensor:
    """Turn blocks of voxels into channels.

    Parameters
    ----------
    volume
        (batch, channels, x, y, z).
    size
        Voxels of a block along each axis.

    Returns
    -------
    Tensor
        (batch, channels * size ** 3, x / size, y / size, z / size).
    """
    if size == 1:
        return volume
    batch, channels, *shape = volume.shape
    x, y, z = (n // size for n in shape)
    blocks = volume.reshape(batch, channels, x, size, y, size, z, size)
    return blocks.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(batch, -1, x, y, z)


def unfolded(features: Tensor, size: int) -> Tensor:
    """Turn channels into blocks of voxels: undoes `folded`."""
    if size == 1:
        return features
    f = size
    batch, channels, x, y, z = features.shape
    blocks = features.reshape(batch, channels // f**3, f, f, f, x, y, z)
    return blocks.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(batch, -1, x * f, y * f, z * f)


def block_reach(voxels: int, size: int) -> float:
    """Return where the centre of a volume's last block is, if its last voxel's centre is at 1.

    Normalised coordinates (align_corners) of a folded map reach less far than the volume's.
    """
    return 1 - (size - 1) / (voxels - 1)
