"""What the network sees of pooled cases: one exact resampling of each image, then intensities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from regkit.grid import Grid
from regkit.learning.prepare import WINDOWS, slice_axis
from regkit.transform import AffineTransform, Transform
from regkit_pairnets.train.draws import Draw, Slab
from regkit_pairnets.train.pool import PooledCase, PooledImage
from regkit_pairnets.train.preset import Preset

UNKNOWN = -0.5


@dataclass(frozen=True, eq=False)
class Batch:
    """Inputs (batch, 1, ...) in the order of the network, and what it should say (batch, 6)."""

    first: Tensor
    second: Tensor
    target: Tensor


class Views:
    """Resamples pooled cases as a network sees them.

    Parameters
    ----------
    preset
        The network's grid and conventions.
    cases
        The pool.
    """

    def __init__(self, preset: Preset, cases: Sequence[PooledCase]) -> None:
        self.preset = preset
        self.cases = cases
        nx, ny, nz = preset.shape_zyx[::-1]
        sx, sy, sz = preset.spacing
        origin = (-(nx - 1) / 2 * sx, -(ny - 1) / 2 * sy, -(nz - 1) / 2 * sz)
        self.grid = Grid(preset.shape_zyx, preset.spacing, origin)
        index = np.moveaxis(np.indices(preset.shape_zyx), 0, -1).reshape(-1, 3)
        self.points = self.grid.to_physical(index)

    def batch(self, draws: Sequence[Draw]) -> Batch:
        """Return the inputs and targets of drawn cases."""
        pairs = [self.pair(draw) for draw in draws]
        units = np.asarray(self.preset.units)
        numbers = [self.preset.numbers.from_transform(d.motion, self.grid) for d in draws]
        target = torch.tensor(np.stack(numbers) / units, dtype=torch.float32)
        return Batch(*self.ordered(pairs), target)

    def ordered(self, pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Return pairs of fixed and moving images (z, y, x) as a batch in the network's order."""
        fixed, moving = (torch.stack(images)[:, None] for images in zip(*pairs, strict=True))
        if self.preset.numbers.axes == "xyz":
            fixed, moving = (t.permute(0, 1, 4, 3, 2).contiguous() for t in (fixed, moving))
        return (fixed, moving) if self.preset.first == "fixed" else (moving, fixed)

    def pair(self, draw: Draw) -> tuple[Tensor, Tensor]:
        """Return the fixed and the moving image (z, y, x) of a drawn case, ready for a network."""
        return tuple(  # type: ignore[return-value]
            self._intensities(image, draw, place) for place, image in enumerate(self.seen(draw))
        )

    def seen(self, draw: Draw) -> tuple[Tensor, Tensor]:
        """Return the fixed and the moving image (z, y, x) of a drawn case, NaN where unknown."""
        case = self.cases[draw.case]
        placed = AffineTransform.shift(case.fixed.grid.centre) @ draw.joint
        fixed = self.look(case.fixed, placed)
        moving = self.look(case.moving, case.truth @ placed @ draw.motion.inverse())
        return fixed, moving if draw.slab is None else self._cut(moving, draw.slab)

    def look(self, image: PooledImage, through: Transform) -> Tensor:
        """Resample an image onto the grid, `through` from the grid's points to the image's.

        Beside its slices an image goes on as air, or as at its border; beyond the first and last
        one it is unknown, NaN.
        """
        index = image.grid.to_index(through.map_points(self.points))
        sizes = np.asarray(image.grid.shape_zyx)
        # align_corners: -1 and 1 are the centres of the outermost voxels.
        places = (2 * index / np.maximum(sizes - 1, 1) - 1)[:, ::-1]
        where = torch.from_numpy(places.astype(np.float32)).view(1, *self.grid.shape_zyx, 3)
        values = functional.grid_sample(
            image.tensor.float(), where, padding_mode="border", align_corners=True
        )[0, 0]
        axis = slice_axis(image.grid)
        beyond = np.logical_or(index < -0.5, index > sizes - 0.5)
        if image.in_air:  # beside what a mask hides there is no air either
            air = self._blanked(values, np.any(np.delete(beyond, axis, 1), axis=1), 0.0)
            values = torch.where(values.isnan(), values, air)
        return self._blanked(values, beyond[:, axis])

    def _cut(self, values: Tensor, slab: Slab) -> Tensor:
        z = slab.pose.map_points(self.points)[:, 2]
        return self._blanked(values, (z < slab.low) | (z > slab.high))

    def _blanked(
        self, values: Tensor, beyond: NDArray[np.bool_], by: float = float("nan")
    ) -> Tensor:
        mask = torch.from_numpy(beyond.reshape(self.grid.shape_zyx))
        return values.masked_fill(mask, by)

    def _intensities(self, image: Tensor, draw: Draw, place: int) -> Tensor:
        modality = self.cases[draw.case].facts[("fixed", "moving")[place]]["modality"]
        if modality not in WINDOWS:  # absolute units are what they are
            image = image ** draw.gamma[place]
        if draw.noise[place] > 0:
            source = torch.Generator().manual_seed(draw.seed + place)
            image = image + draw.noise[place] * torch.randn(image.shape, generator=source)
        return torch.nan_to_num(image, nan=UNKNOWN)
