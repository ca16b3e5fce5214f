"""What the network sees of kept cases: one resampling of each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from regkit.geometry.transform import AffineTransform
from regkit.learning.grid_sampling import beyond, look_up, places
from regkit_transmorph.card import grid_around
from regkit_transmorph.train.cases import KeptCase, KeptImage
from regkit_transmorph.train.choices import Choices
from regkit_transmorph.train.draws import Draw


@dataclass(frozen=True, eq=False)
class Batch:
    """Images (batch, 1, z, y, x) from 0 to 1, NaN where a scan shows nothing.

    `seed` is of what is drawn of them in the loss.
    """

    moving: Tensor
    fixed: Tensor
    seed: int = 0

    def seen(self) -> tuple[Tensor, Tensor]:
        """Return the moving and the fixed images as the network takes them."""
        return torch.nan_to_num(self.moving), torch.nan_to_num(self.fixed)


class Views:
    """Resamples kept cases as a network sees them.

    Parameters
    ----------
    choices
        The network's grid.
    cases
        In the pool.
    device
        Where to keep the cases and resample them; the CPU if None.
    """

    def __init__(
        self, choices: Choices, cases: Sequence[KeptCase], device: torch.device | None = None
    ) -> None:
        self.choices = choices
        self.device = device or torch.device("cpu")
        self.cases = [case.on(self.device) for case in cases]
        self.grid = grid_around((0.0, 0.0, 0.0), choices.shape_zyx, choices.spacing)

    def batch(self, draws: Sequence[Draw], seed: int = 0) -> Batch:
        """Return the images of drawn cases."""
        fixed, moving = zip(*(self.pair(draw) for draw in draws), strict=True)
        return Batch(torch.cat(moving), torch.cat(fixed), seed)

    def pair(self, draw: Draw) -> tuple[Tensor, Tensor]:
        """Return the fixed and the moving image (1, 1, z, y, x) of a drawn case."""
        case = self.cases[draw.case]
        # Patients lie where their scans say; the network's grid is around the fixed one.
        placed = AffineTransform.shift(case.fixed.grid.centre)
        fixed = self.look(case.fixed, placed @ draw.fixed)
        return fixed, self.look(case.moving, case.truth @ placed @ draw.moving)

    def look(self, image: KeptImage, through: AffineTransform) -> Tensor:
        """Resample an image, `through` from the grid's points to the image's; NaN beyond it."""
        where = places([through], self.grid, [image.grid], self.device)
        values = look_up([image.tensor], where).clamp(0, 1)
        outside = beyond(where, [image.grid]).any(dim=0)
        return values.masked_fill(outside, float("nan"))[:, None]
