"""Batches of a pair network: one exact resampling of each cached image, then intensities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regkit.geometry.transform import AffineTransform
from regkit.learning import (
    CachedImage,
    CachedPair,
    grid_sample,
    outside_mask,
    sampling_grid,
)
from regkit.learning.preprocessing import INTENSITY_WINDOWS, slice_axis
from regkit_pairnets.train.augmentation import Augmentation, FieldOfView
from regkit_pairnets.train.config import PairNetConfig

ROLES = ("fixed", "moving")
# Intensity outside an image: not that of air, 0; chosen by hand.
FILL_VALUE = -0.5
EVERYTHING = FieldOfView((-np.inf,) * 3, (np.inf,) * 3)


@dataclass(frozen=True, eq=False)
class MotionBatch:
    """Inputs and targets of a batch.

    Parameters
    ----------
    input_a, input_b
        Images (batch, 1, ...) in the network's order and axes.
    target
        Outputs (batch, 6) that the network should give.
    seed
        Seed of everything random in the loss.
    """

    input_a: Tensor
    input_b: Tensor
    target: Tensor
    seed: int = 0


class BatchSampler:
    """Resamples cached pairs as a network sees them.

    Parameters
    ----------
    config
        Grid and parameterization of the network.
    cases
        The cached pairs.
    device
        Device that keeps and resamples them; the CPU if None.
    """

    def __init__(
        self,
        config: PairNetConfig,
        cases: Sequence[CachedPair],
        device: torch.device | None = None,
    ) -> None:
        self.config, self.grid = config, config.grid
        self.device = device or torch.device("cpu")
        self.cases = [case.on(self.device) for case in cases]

    def batch(self, augmentations: Sequence[Augmentation], seed: int = 0) -> MotionBatch:
        """Return the inputs and targets of a batch."""
        scale = np.asarray(self.config.output_scale)
        read = self.config.parameterization.from_transform
        numbers = [read(a.motion, self.grid) for a in augmentations]
        target = torch.tensor(np.stack(numbers) / scale, dtype=torch.float32, device=self.device)
        return MotionBatch(*self.inputs(augmentations), target, seed)

    def inputs(self, augmentations: Sequence[Augmentation]) -> tuple[Tensor, Tensor]:
        """Return images (batch, 1, ...) in the network's order and axes."""
        fixed, moving = (images[:, None] for images in self.pairs(augmentations))
        if self.config.parameterization.axes == "xyz":
            fixed, moving = (t.permute(0, 1, 4, 3, 2).contiguous() for t in (fixed, moving))
        return (fixed, moving) if self.config.input_order == "fixed-moving" else (moving, fixed)

    def pairs(self, augmentations: Sequence[Augmentation]) -> tuple[Tensor, Tensor]:
        """Return fixed and moving images (batch, z, y, x) with augmented intensities."""
        fixed, moving = (
            self._augmented(images, augmentations, role)
            for role, images in enumerate(self.resampled(augmentations))
        )
        return fixed, moving

    def resampled(self, augmentations: Sequence[Augmentation]) -> tuple[Tensor, Tensor]:
        """Return fixed and moving images (batch, z, y, x) on the grid, NaN where unknown."""
        cases = [self.cases[a.case] for a in augmentations]
        poses = [
            AffineTransform.shift(case.fixed.grid.centre) @ a.joint
            for case, a in zip(cases, augmentations, strict=True)
        ]
        moved = [
            case.truth @ pose @ a.motion.inverse()
            for case, pose, a in zip(cases, poses, augmentations, strict=True)
        ]
        fixed = self.resample([c.fixed for c in cases], poses, self._in_air(augmentations, 0))
        in_air = self._in_air(augmentations, 1)
        moving = self.resample([c.moving for c in cases], moved, in_air)
        return fixed, self._truncated(
            moving, [a.field or EVERYTHING for a in augmentations], in_air
        )

    def resample(
        self,
        images: Sequence[CachedImage],
        throughs: Sequence[AffineTransform],
        in_air: Sequence[bool],
    ) -> Tensor:
        """Resample images onto the grid, (batch, z, y, x).

        Beside its slices an image is continued by air or by its border; beyond the first and last
        slice it is unknown, NaN.

        Parameters
        ----------
        images
            The images.
        throughs
            One map for each image, of the grid's points to the image's, LPS mm.
        in_air
            Whether each image has air, 0, around the body.
        """
        grids = [image.grid for image in images]
        coordinates = sampling_grid(throughs, self.grid, grids, self.device)
        values = grid_sample([image.tensor for image in images], coordinates)
        outside = outside_mask(coordinates, grids)
        across = self._columns([[i == slice_axis(grid) for i in range(3)] for grid in grids])
        values = self._continued(values, (outside & ~across).any(dim=0), in_air)
        return values.masked_fill((outside & across).any(dim=0), float("nan"))

    def _in_air(self, augmentations: Sequence[Augmentation], role: int) -> list[bool]:
        return [m in INTENSITY_WINDOWS for m in self._modalities(augmentations, role)]

    def _modalities(self, augmentations: Sequence[Augmentation], role: int) -> list[str]:
        return [self.cases[a.case].facts[ROLES[role]]["modality"] for a in augmentations]

    def _truncated(
        self, values: Tensor, fields: Sequence[FieldOfView], in_air: Sequence[bool]
    ) -> Tensor:
        """Hide what is outside the fields of view: unknown beyond slices, air beside."""
        rows = [(field.pose.matrix @ self.grid.affine)[:3].ravel() for field in fields]
        n1, n2, n3 = (torch.arange(n, device=self.device) for n in self.grid.shape_zyx)
        a, b, c, shift = self._columns(rows).view(3, 4, len(rows), 1, 1, 1).unbind(1)
        points = a * n1[:, None, None] + b * n2[:, None] + c * n3 + shift
        low, high = (self._columns([getattr(f, end) for f in fields]) for end in ("low", "high"))
        x, y, z = (points < low) | (points > high)
        return self._continued(values, x | y, in_air).masked_fill(z, float("nan"))

    def _continued(self, values: Tensor, where: Tensor, in_air: Sequence[bool]) -> Tensor:
        """Put air beside the slices of images that have it, but not beside what a mask hides."""
        air = self._columns([[one] for one in in_air])[0]
        return values.masked_fill(where & air & ~values.isnan(), 0.0)

    def _augmented(
        self, images: Tensor, augmentations: Sequence[Augmentation], role: int
    ) -> Tensor:
        # Absolute units stay as they are.
        gammas = [
            1.0 if absolute else a.gamma[role]
            for absolute, a in zip(self._in_air(augmentations, role), augmentations, strict=True)
        ]
        images = images ** self._columns([[gamma] for gamma in gammas])[0]
        images = images + torch.stack([self._noise(a, role) for a in augmentations])
        return torch.nan_to_num(images, nan=FILL_VALUE)

    def _noise(self, augmentation: Augmentation, role: int) -> Tensor:
        if augmentation.noise[role] == 0:
            return torch.zeros(self.grid.shape_zyx, device=self.device)
        source = torch.Generator(self.device).manual_seed(augmentation.seed + role)
        noise = torch.randn(self.grid.shape_zyx, generator=source, device=self.device)
        return augmentation.noise[role] * noise

    def _columns(self, rows: Sequence[Sequence[float] | NDArray[np.float64]]) -> Tensor:
        """Return numbers or booleans of every image, (numbers, images, 1, 1, 1)."""
        columns = torch.from_numpy(np.asarray(rows).T.copy()).to(self.device)
        columns = columns.float() if columns.is_floating_point() else columns
        return columns[..., None, None, None]
