"""Batches of TransMorph: one resampling of each cached image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from regkit.geometry.transform import AffineTransform
from regkit.learning import CachedImage, CachedPair
from regkit_transmorph.train.config import TransMorphConfig
from regkit_transmorph.train.misplacement import Misplacement


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """The images of a batch.

    Parameters
    ----------
    moving, fixed
        Images (batch, 1, z, y, x) from 0 to 1, NaN outside their fields of view.
    seed
        Seed of everything random in the loss.
    """

    moving: Tensor
    fixed: Tensor
    seed: int = 0

    def inputs(self) -> tuple[Tensor, Tensor]:
        """Return the moving and the fixed images as the network takes them."""
        return torch.nan_to_num(self.moving), torch.nan_to_num(self.fixed)


class ImageSampler:
    """Resamples cached pairs as a network sees them.

    Parameters
    ----------
    config
        Grid of the network.
    cases
        The cached pairs.
    device
        Device that keeps and resamples them; the CPU if None.
    """

    def __init__(
        self,
        config: TransMorphConfig,
        cases: Sequence[CachedPair],
        device: torch.device | None = None,
    ) -> None:
        self.config, self.grid = config, config.grid
        self.device = device or torch.device("cpu")
        self.cases = [case.on(self.device) for case in cases]

    def batch(self, misplacements: Sequence[Misplacement], seed: int = 0) -> ImageBatch:
        """Return the images of a batch."""
        fixed, moving = zip(*(self.pair(one) for one in misplacements), strict=True)
        return ImageBatch(torch.cat(moving), torch.cat(fixed), seed)

    def pair(self, misplacement: Misplacement) -> tuple[Tensor, Tensor]:
        """Return the fixed and the moving image (1, 1, z, y, x) of a case."""
        case = self.cases[misplacement.case]
        # Patients lie where their scans say; the network's grid is around the fixed one.
        placed = AffineTransform.shift(case.fixed.grid.centre)
        fixed = self.resample(case.fixed, placed @ misplacement.fixed)
        return fixed, self.resample(case.moving, case.truth @ placed @ misplacement.moving)

    def resample(self, image: CachedImage, through: AffineTransform) -> Tensor:
        """Resample an image onto the grid, (1, 1, z, y, x), NaN outside its field of view.

        Parameters
        ----------
        image
            The image.
        through
            Map of the grid's points to the image's.
        """
        return image.resampled(self.grid, through).clamp(0, 1)[:, None]
