"""What the network sees of kept cases: one resampling of each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from regkit.transform import AffineTransform
from regkit_transmorph.card import grid_around
from regkit_transmorph.physical import from_transform
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

    def on(self, device: torch.device) -> Batch:
        """Return the same on a device."""
        return replace(self, moving=self.moving.to(device), fixed=self.fixed.to(device))


class Views:
    """Resamples kept cases as a network sees them.

    Parameters
    ----------
    choices
        The network's grid.
    cases
        In the pool.
    """

    def __init__(self, choices: Choices, cases: Sequence[KeptCase]) -> None:
        self.choices, self.cases = choices, cases
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
        theta = torch.from_numpy(from_transform(through, self.grid, image.grid))[None].float()
        size = [1, 1, *self.grid.shape_zyx]
        where = functional.affine_grid(theta, size, align_corners=False)
        values = functional.grid_sample(
            image.tensor.float(), where, padding_mode="border", align_corners=False
        )
        beyond = (where.abs() > 1).any(dim=-1)[:, None]
        return values.clamp(0, 1).masked_fill(beyond, float("nan"))
