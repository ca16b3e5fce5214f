"""The multi-scale U-Net: deeper levels see the ventricle larger, not coarser."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, cat

from regkit.errors import ParameterError
from regkit_msstunet.networks.attention_unet import AttentionUNet
from regkit_msstunet.networks.pose import between, sample_cube
from regkit_msstunet.networks.segmenter import NetworkSize, voxels_within

# Voxels a side of a look that can be halved twice.
SMALLEST = 4


class MSUNet(AttentionUNet):
    """Attention U-Net whose levels are joined by scale transformers ("Seg Op2" of Ni et al.).

    Three looks at the volume, in voxels of one size: of all, half and a quarter of the field of
    view as published. A scale transformer brings features of one look into the frame of the next;
    its inverse brings them back, zero outside. Neither has weights, nor hands gradients to the
    numbers. A folded network folds closer looks less, as far as they are smaller; its blocks get
    back one point each of what was seen closer, so that its labels are better read from there.

    Parameters
    ----------
    size
        Size of the network.

    Raises
    ------
    ParameterError
        A look is too small, or cannot be folded.
    """

    def __init__(self, size: NetworkSize) -> None:
        sides = [voxels_within(size.grid, zoom) for zoom in size.zooms]
        folds = [max(1, size.space_to_depth * side // size.grid) for side in sides]
        _check(sides, folds)
        joined = [fold**3 for fold in folds[1:]]
        super().__init__(size, size.zooms, size.zooms, folds, joined)
        self._steps = [b / a for a, b in pairwise(size.zooms)]
        self._reaches = [_block_reach(n, fold) for n, fold in zip(sides, folds, strict=True)]

    def deeper(
        self, features: Tensor, level: int, seen: Sequence[Tensor], numbers: Sequence[Tensor]
    ) -> Tensor:
        """Bring features into the frame of the next look, and join that look itself."""
        source, target = (numbers[i].detach() for i in (level, level + 1))
        matrices = self._folded(between(source, target, self._steps[level]), level, level + 1)
        look = seen[level + 1]
        return cat([look, sample_cube(features, matrices, look.shape[-1])], 1)

    def shallower(self, features: Tensor, like: Tensor, level: int) -> Tensor:
        """Bring features back into the frame of a level, zero beyond theirs."""
        still = features.new_zeros(len(features), 6)
        matrices = self._folded(between(still, still, 1 / self._steps[level]), level + 1, level)
        return sample_cube(features, matrices, like.shape[-1])

    def _folded(self, matrices: Tensor, source: int, target: int) -> Tensor:
        """Return matrices of volumes as those of their folded maps, which reach less far."""
        reach = matrices.new_tensor([self._reaches[target]] * 3 + [1.0])
        return matrices * reach / self._reaches[source]


def _check(sides: Sequence[int], folds: Sequence[int]) -> None:
    for side, fold in zip(sides, folds, strict=True):
        if side % fold or side < SMALLEST * fold:
            raise ParameterError(
                f"a look of {side} voxels a side cannot be folded by {fold} and halved twice; "
                "choose other zooms, or another grid"
            )


def _block_reach(voxels: int, size: int) -> float:
    """Return where the centre of a volume's last block is, if its last voxel's centre is at 1.

    Normalised coordinates (align_corners) of a folded map reach less far than the volume's.
    """
    return 1 - (size - 1) / (voxels - 1)
