"""The multi-scale U-Net: deeper levels see the ventricle larger, not coarser."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, cat

from regkit_msstunet.networks.attention_unet import AttentionUNet
from regkit_msstunet.networks.folding import block_reach
from regkit_msstunet.networks.pose import between, looked_up
from regkit_msstunet.networks.segmenter import Size

ZOOMS = (1.0, 0.5, 0.25)
STEP = 0.5


class MSUNet(AttentionUNet):
    """Attention U-Net whose levels are joined by scale transformers ("Seg Op2" of Ni et al.).

    Three looks at the volume, whole, half and a quarter of the field of view in voxels of one
    size. A scale transformer brings features of one look into the frame of the next; its inverse
    brings them back, zero outside. Neither has weights, nor hands gradients to the numbers. Only
    the look at the whole is folded; its blocks get back one point each of what was seen closer, so
    that a folded network's labels are better read from there.

    Parameters
    ----------
    size
        How large it is.
    """

    def __init__(self, size: Size) -> None:
        folds = (size.fold, 1, 1)  # looks from closer are small enough
        super().__init__(size, ZOOMS, ZOOMS, folds, joined=1)
        sides = (int(size.grid * zoom) for zoom in ZOOMS)
        self._reaches = [block_reach(n, fold) for n, fold in zip(sides, folds, strict=True)]

    def deeper(
        self, features: Tensor, level: int, seen: Sequence[Tensor], numbers: Sequence[Tensor]
    ) -> Tensor:
        """Bring features into the frame of the next look, and join that look itself."""
        source, target = (numbers[i].detach() for i in (level, level + 1))
        matrices = self._folded(between(source, target, STEP), level, level + 1)
        look = seen[level + 1]
        return cat([look, looked_up(features, matrices, look.shape[-1])], 1)

    def shallower(self, features: Tensor, like: Tensor, level: int) -> Tensor:
        """Bring features back into the frame of a level, zero beyond theirs."""
        still = features.new_zeros(len(features), 6)
        matrices = self._folded(between(still, still, 1 / STEP), level + 1, level)
        return looked_up(features, matrices, like.shape[-1])

    def _folded(self, matrices: Tensor, source: int, target: int) -> Tensor:
        """Return matrices of volumes as those of their folded maps, which reach less far."""
        reach = matrices.new_tensor([self._reaches[target]] * 3 + [1.0])
        return matrices * reach / self._reaches[source]
