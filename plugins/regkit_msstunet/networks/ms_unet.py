"""The multi-scale U-Net: deeper levels read closer views instead of coarser ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, cat

from regkit.errors import ParameterError
from regkit_msstunet.networks.attention_unet import AttentionUNet
from regkit_msstunet.networks.pose import between, sample_cube
from regkit_msstunet.networks.segmenter import NetworkSize, voxels_within

# Least number of blocks along a side of a view, which is halved twice.
SMALLEST = 4


class MSUNet(AttentionUNet):
    """Attention U-Net whose levels are joined by scale transformers ("Seg Op2" of Ni et al.).

    The inputs are three views of the volume with voxels of one size: the whole, half and a quarter
    of the field of view as published. A scale transformer resamples the features of one view in
    the frame of the next; its inverse resamples them back, zero outside. Neither has weights, nor
    passes gradients to the poses. Space-to-depth factors shrink with the zoomed views. With a
    factor above 1, each block of a wider view receives the features of one point of a closer view
    only, so the labels of the closer views are the more accurate ones.

    Parameters
    ----------
    size
        Size of the network.

    Raises
    ------
    ParameterError
        A view cannot be split into blocks and halved twice.
    """

    def __init__(self, size: NetworkSize) -> None:
        sides = [voxels_within(size.grid, zoom) for zoom in size.zooms]
        blocks = [max(1, size.space_to_depth * side // size.grid) for side in sides]
        _check(sides, blocks)
        extra = [block**3 for block in blocks[1:]]
        super().__init__(size, size.zooms, size.zooms, blocks, extra)
        self._steps = [b / a for a, b in pairwise(size.zooms)]
        self._extents = [_block_extent(n, block) for n, block in zip(sides, blocks, strict=True)]

    def deeper(
        self, features: Tensor, level: int, inputs: Sequence[Tensor], numbers: Sequence[Tensor]
    ) -> Tensor:
        """Resample features in the frame of the next view, and concatenate them to that view."""
        source, target = (numbers[i].detach() for i in (level, level + 1))
        matrices = self._of_blocks(between(source, target, self._steps[level]), level, level + 1)
        view = inputs[level + 1]
        return cat([view, sample_cube(features, matrices, view.shape[-1])], 1)

    def shallower(self, features: Tensor, like: Tensor, level: int) -> Tensor:
        """Resample features back in the frame of a level, zero outside their field of view."""
        identity = features.new_zeros(len(features), 6)
        step = 1 / self._steps[level]
        matrices = self._of_blocks(between(identity, identity, step), level + 1, level)
        return sample_cube(features, matrices, like.shape[-1])

    def _of_blocks(self, matrices: Tensor, source: int, target: int) -> Tensor:
        """Return maps between normalized coordinates of voxels as maps between those of blocks."""
        extent = matrices.new_tensor([self._extents[target]] * 3 + [1.0])
        return matrices * extent / self._extents[source]


def _check(sides: Sequence[int], blocks: Sequence[int]) -> None:
    for side, block in zip(sides, blocks, strict=True):
        if side % block or side < SMALLEST * block:
            raise ParameterError(
                f"a view of {side} voxels cannot be split into blocks of {block} and halved "
                "twice; choose other zooms or another grid"
            )


def _block_extent(voxels: int, size: int) -> float:
    """Return the normalized coordinate (align_corners) of the center of a volume's last block.

    The center of its last voxel is at 1; that of its last block of `size` voxels is further in.
    """
    return 1 - (size - 1) / (voxels - 1)
