"""What the network sees of pooled cases: one exact resampling of each image, then intensities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regkit.geometry.grid import Grid
from regkit.geometry.transform import AffineTransform
from regkit.learning.grid_sampling import beyond, look_up, places
from regkit.learning.preprocessing import WINDOWS, slice_axis
from regkit_pairnets.train.draws import Draw, Field
from regkit_pairnets.train.pool import PooledCase, PooledImage
from regkit_pairnets.train.preset import Preset

UNKNOWN = -0.5
EVERYTHING = Field((-np.inf,) * 3, (np.inf,) * 3)


@dataclass(frozen=True, eq=False)
class Batch:
    """Inputs (batch, 1, ...) in the order of the network, and what it should say (batch, 6).

    `seed` is of what is drawn of them in the loss.
    """

    first: Tensor
    second: Tensor
    target: Tensor
    seed: int = 0


class Views:
    """Resamples pooled cases as a network sees them.

    Parameters
    ----------
    preset
        The network's grid and conventions.
    cases
        The pool.
    device
        Where to keep the cases and resample them; the CPU if None.
    """

    def __init__(
        self, preset: Preset, cases: Sequence[PooledCase], device: torch.device | None = None
    ) -> None:
        self.preset = preset
        self.device = device or torch.device("cpu")
        self.cases = [case.on(self.device) for case in cases]
        nx, ny, nz = preset.shape_zyx[::-1]
        sx, sy, sz = preset.spacing
        origin = (-(nx - 1) / 2 * sx, -(ny - 1) / 2 * sy, -(nz - 1) / 2 * sz)
        self.grid = Grid(preset.shape_zyx, preset.spacing, origin)

    def batch(self, draws: Sequence[Draw], seed: int = 0) -> Batch:
        """Return the inputs and targets of drawn cases."""
        units = np.asarray(self.preset.units)
        numbers = [self.preset.numbers.from_transform(d.motion, self.grid) for d in draws]
        target = torch.tensor(np.stack(numbers) / units, dtype=torch.float32, device=self.device)
        return Batch(*self.inputs(draws), target, seed)

    def inputs(self, draws: Sequence[Draw]) -> tuple[Tensor, Tensor]:
        """Return the images of drawn cases (batch, 1, ...) in the network's order and axes."""
        fixed, moving = (images[:, None] for images in self.pairs(draws))
        if self.preset.numbers.axes == "xyz":
            fixed, moving = (t.permute(0, 1, 4, 3, 2).contiguous() for t in (fixed, moving))
        return (fixed, moving) if self.preset.first == "fixed" else (moving, fixed)

    def pairs(self, draws: Sequence[Draw]) -> tuple[Tensor, Tensor]:
        """Return fixed and moving images (batch, z, y, x) of drawn cases, ready for a network."""
        fixed, moving = (
            self._intensities(images, draws, place)
            for place, images in enumerate(self.seen(draws))
        )
        return fixed, moving

    def seen(self, draws: Sequence[Draw]) -> tuple[Tensor, Tensor]:
        """Return fixed and moving images (batch, z, y, x) of drawn cases, NaN where unknown."""
        cases = [self.cases[draw.case] for draw in draws]
        placed = [
            AffineTransform.shift(case.fixed.grid.centre) @ draw.joint
            for case, draw in zip(cases, draws, strict=True)
        ]
        moved = [
            case.truth @ place @ draw.motion.inverse()
            for case, place, draw in zip(cases, placed, draws, strict=True)
        ]
        fixed = self.look([case.fixed for case in cases], placed)
        moving = self.look([case.moving for case in cases], moved)
        fields = [draw.field or EVERYTHING for draw in draws]
        return fixed, self._shown(moving, fields, [case.moving for case in cases])

    def look(self, images: Sequence[PooledImage], throughs: Sequence[AffineTransform]) -> Tensor:
        """Resample images onto the grid (batch, z, y, x), `throughs` from its points to theirs.

        Beside its slices an image goes on as air, or as at its border; beyond the first and last
        one it is unknown, NaN.
        """
        grids = [image.grid for image in images]
        where = places(throughs, self.grid, grids, self.device)
        values = look_up([image.tensor for image in images], where)
        outside = beyond(where, grids)
        across = self._each([[i == slice_axis(grid) for i in range(3)] for grid in grids])
        values = self._beside(values, (outside & ~across).any(dim=0), images)
        return values.masked_fill((outside & across).any(dim=0), float("nan"))

    def _shown(
        self, values: Tensor, fields: Sequence[Field], images: Sequence[PooledImage]
    ) -> Tensor:
        """Leave of images what their fields of view show: unknown beyond slices, air beside."""
        rows = [(field.pose.matrix @ self.grid.affine)[:3].ravel() for field in fields]
        n1, n2, n3 = (torch.arange(n, device=self.device) for n in self.grid.shape_zyx)
        a, b, c, shift = self._each(rows).view(3, 4, len(rows), 1, 1, 1).unbind(1)
        points = a * n1[:, None, None] + b * n2[:, None] + c * n3 + shift
        low, high = (self._each([getattr(f, end) for f in fields]) for end in ("low", "high"))
        x, y, z = (points < low) | (points > high)
        return self._beside(values, x | y, images).masked_fill(z, float("nan"))

    def _beside(self, values: Tensor, where: Tensor, images: Sequence[PooledImage]) -> Tensor:
        """Put air beside the slices of images that have it; beside what a mask hides is none."""
        in_air = self._each([[image.in_air] for image in images])[0]
        return values.masked_fill(where & in_air & ~values.isnan(), 0.0)

    def _intensities(self, images: Tensor, draws: Sequence[Draw], place: int) -> Tensor:
        role = ("fixed", "moving")[place]
        modalities = (self.cases[draw.case].facts[role]["modality"] for draw in draws)
        # Absolute units are what they are.
        gammas = [
            1.0 if modality in WINDOWS else draw.gamma[place]
            for modality, draw in zip(modalities, draws, strict=True)
        ]
        images = images ** self._each([[gamma] for gamma in gammas])[0]
        images = images + torch.stack([self._noise(draw, place) for draw in draws])
        return torch.nan_to_num(images, nan=UNKNOWN)

    def _noise(self, draw: Draw, place: int) -> Tensor:
        if draw.noise[place] == 0:
            return torch.zeros(self.grid.shape_zyx, device=self.device)
        source = torch.Generator(self.device).manual_seed(draw.seed + place)
        noise = torch.randn(self.grid.shape_zyx, generator=source, device=self.device)
        return draw.noise[place] * noise

    def _each(self, rows: Sequence[Sequence[float] | NDArray[np.float64]]) -> Tensor:
        """Return numbers or booleans of every image, (numbers, images, 1, 1, 1)."""
        columns = torch.from_numpy(np.asarray(rows).T.copy()).to(self.device)
        columns = columns.float() if columns.is_floating_point() else columns
        return columns[..., None, None, None]
