"""Model of a gamma camera: rotate the patient, attenuate, blur, sum along the depth."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from functools import lru_cache

import numpy as np
import torch

from regkit.errors import GeometryError
from regkit.geometry.grid import Grid
from regkit_nuclear.spect.geometry import LEHR, Collimator, Orbit, check_axial
from regkit_nuclear.spect.loops import sum_following
from regkit_nuclear.spect.resolution import DepthBlur, depth_blur, no_blur
from regkit_nuclear.spect.rotation import CompiledRotation, Rotation, detector_rotation

MM_PER_CM = 10.0
# Slices are processed in parts of about this many voxels, so that a part stays in the processor's
# cache; chosen by hand.
PART_VOXELS = 2**19
# Mean variance that bilinear interpolation at random positions adds along a line, in pixels^2:
# the mean of f (1 - f) over 0 <= f <= 1.
BILINEAR_VARIANCE = 1 / 6
# Lower limit of the variance that is left for the blur, in pixels^2; chosen by hand.
MIN_VARIANCE = 0.01


class Projector:
    """A parallel-hole SPECT system and its exact adjoint, batched, on any device.

    Images are tensors (batch, z, y, x), projections (batch, view, z, bin) with the bins and
    angles of `geometry`. A projection is the sum over the depth of the activities of the voxels,
    each weighted with its attenuation towards the detector; without attenuation the sum of a view
    is the sum of the volume, if the volume is well inside the field of view.

    Parameters
    ----------
    grid
        Grid of the images, with square slices along the patient's axes; the axis of rotation is
        parallel to z through its centre.
    orbit
        Angles and radius of the views.
    collimator
        Collimator; None for a camera without blur.
    device, dtype
        Device on which torch computes, and precision.

    Raises
    ------
    GeometryError
        The grid cannot be rotated about z slice by slice.
    """

    def __init__(
        self,
        grid: Grid,
        orbit: Orbit,
        collimator: Collimator | None = LEHR,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        check_axial(grid)
        self.grid, self.orbit, self.collimator = grid, orbit, collimator
        self.device, self.dtype = torch.device(device), dtype
        self._size = grid.shape_zyx[2]
        self._step_cm = grid.spacing[0] / MM_PER_CM
        self._part = PART_VOXELS // self._size**2 or 1
        if self.device.type != "cpu":
            self._part = grid.shape_zyx[0]
        self._blurs = [
            _blur(grid, radius, collimator, self.device, dtype) for radius in _modeled_radii(orbit)
        ]
        self._mu: list[torch.Tensor] = []
        self._keeps = True
        self._factors: dict[tuple[int, int], torch.Tensor] = {}

    @property
    def views(self) -> range:
        """Indices of all views."""
        return range(len(self.orbit.angles_deg))

    def attenuated_by(self, mu: torch.Tensor, keep: bool = True) -> Projector:
        """Return the same camera with the attenuation of a patient.

        Parameters
        ----------
        mu
            Linear attenuation coefficients in 1/cm, shape (batch, z, y, x); a batch of one
            is used for all images.
        keep
            Whether to keep the attenuation factors of each view in memory (an image per view),
            which pays when iterating.
        """
        other: Projector = copy(self)
        other._mu = [part.contiguous() for part in self._parts(mu)]
        other._keeps, other._factors = keep, {}
        return other

    def image(self, value: float, batch: int = 1) -> torch.Tensor:
        """Return a uniform image (batch, z, y, x) with the memory layout that `forward` needs."""
        slices, *pixels = self.grid.shape_zyx
        columns = (*pixels, batch, slices)
        filled = torch.full(columns, value, device=self.device, dtype=self.dtype)
        return filled.permute(2, 3, 0, 1)

    @torch.no_grad()
    def forward(self, image: torch.Tensor, views: Sequence[int] | None = None) -> torch.Tensor:
        """Project an image (batch, z, y, x) to (batch, view, z, bin), all views by default."""
        parts = [part.contiguous() for part in self._parts(image)]
        projected = [self._project(parts, view) for view in self._chosen(views)]
        return torch.stack(projected).permute(2, 0, 3, 1).contiguous()

    @torch.no_grad()
    def back(self, projections: torch.Tensor, views: Sequence[int] | None = None) -> torch.Tensor:
        """Apply the adjoint of `forward`: (batch, view, z, bin) to (batch, z, y, x)."""
        chosen, batch = self._chosen(views), len(projections)
        if projections.ndim != 4 or projections.shape[1] != len(chosen):
            raise GeometryError(
                f"expected projections (batch, {len(chosen)}, z, bin), "
                f"got {tuple(projections.shape)}"
            )
        per_view = projections.to(self.device, self.dtype).permute(1, 3, 0, 2).contiguous()
        # Parts of their own, not views of an image: a loop needs columns without gaps.
        totals = [torch.zeros_like(p).contiguous() for p in self._parts(self.image(0.0, batch))]
        for projection, view in zip(per_view, chosen, strict=True):
            self._add_backprojection(totals, projection, view)
        slices, *pixels = self.grid.shape_zyx
        return torch.cat(totals, dim=-1).view(*pixels, batch, slices).permute(2, 3, 0, 1)

    def _project(self, parts: list[torch.Tensor], view: int) -> torch.Tensor:
        """Project the parts of images to (bin, batch, z)."""
        sums = [self._mixed(part, view, number) for number, part in enumerate(parts)]
        return self._blurs[view].filter(torch.cat(sums, dim=-1))

    def _mixed(self, part: torch.Tensor, view: int, number: int) -> torch.Tensor:
        """Rotate, attenuate and mix a part of images to (filters, bin, batch, z)."""
        rotation = self._rotation(view)
        columns = part.flatten(1)
        if self._mu and not self._keeps and isinstance(rotation, CompiledRotation):
            mu = self._mu[number].expand(part.shape).flatten(1)
            sums = rotation.attenuated_sums(columns, mu, self._blurs[view].mixing, self._step_cm)
            return sums.view(*sums.shape[:2], *part.shape[1:])
        planes = rotation.forward(columns).view(self._size, self._size, *part.shape[1:])
        return self._blurs[view].mix(self._attenuate(planes, view, number))

    def _add_backprojection(
        self, totals: list[torch.Tensor], projection: torch.Tensor, view: int
    ) -> None:
        """Add the back-projection of (bin, batch, z) to the parts of images."""
        sums = torch.split(self._blurs[view].filter_adjoint(projection), self._part, dim=-1)
        for number, (total, part) in enumerate(zip(totals, sums, strict=True)):
            planes = self._attenuate(self._blurs[view].mix_adjoint(part), view, number)
            rows = planes.view(self._size**2, -1)
            self._rotation(view).add_adjoint(rows, total.view(self._size**2, -1))

    def _attenuate(self, planes: torch.Tensor, view: int, number: int) -> torch.Tensor:
        """Multiply (depth, bin, batch, z) in place by the fraction that reaches the detector."""
        return planes.mul_(self._factor(view, number)) if self._mu else planes

    def _factor(self, view: int, number: int) -> torch.Tensor:
        if (view, number) in self._factors:
            return self._factors[view, number]
        mu = self._mu[number]
        rotated = self._rotation(view).forward(mu.flatten(1))
        factor = _sum_to_detector(rotated.view(self._size, -1)).mul_(-self._step_cm).exp_()
        factor = factor.view(self._size, self._size, *mu.shape[1:])
        if self._keeps:
            self._factors[view, number] = factor
        return factor

    def _rotation(self, view: int) -> Rotation:
        return _rotation(self._size, self.orbit.angles_deg[view], self.device, self.dtype)

    def _parts(self, image: torch.Tensor) -> list[torch.Tensor]:
        """Return views of a few slices at a time, as columns: (pixels, batch, z)."""
        if image.ndim != 4 or image.shape[1:] != self.grid.shape_zyx:
            raise GeometryError(
                f"expected images (batch, {', '.join(map(str, self.grid.shape_zyx))}), "
                f"got {tuple(image.shape)}"
            )
        moved = image.to(self.device, self.dtype).permute(2, 3, 0, 1)
        columns = moved.reshape(self._size**2, *moved.shape[2:])
        return list(torch.split(columns, self._part, dim=-1))

    def _chosen(self, views: Sequence[int] | None) -> Sequence[int]:
        return self.views if views is None else views


def _sum_to_detector(planes: torch.Tensor) -> torch.Tensor:
    """Turn each plane (depth, ...) into the sum of all following planes and half of itself.

    On average, photons start in the middle of their voxel.
    """
    if planes.device.type == "cpu":
        sum_following(planes.numpy())
        return planes
    return planes.flip(0).cumsum(0).flip(0) - planes / 2


# Rotations depend only on size and angle and are shared by all projectors of a process. Two orbits
# of 60 views at 128 pixels are kept, 0.1 GB.
@lru_cache(maxsize=128)
def _rotation(size: int, angle: float, device: torch.device, dtype: torch.dtype) -> Rotation:
    return detector_rotation(size, angle, device, dtype)


def _modeled_radii(orbit: Orbit) -> tuple[float, ...]:
    """Return the radius of each view; those that differ, to whole mm.

    The resolution changes by less than 0.05 mm over 1 mm, and each radius has filters of its own.
    """
    if isinstance(orbit.radius_mm, tuple):
        return tuple(float(round(radius)) for radius in orbit.radii_mm)
    return orbit.radii_mm


# Filters of all the radii of an orbit.
@lru_cache(maxsize=128)
def _blur(
    grid: Grid,
    radius_mm: float,
    collimator: Collimator | None,
    device: torch.device,
    dtype: torch.dtype,
) -> DepthBlur:
    slices, _, bins = grid.shape_zyx
    if collimator is None:
        return no_blur((bins, slices), device, dtype)
    depth_mm = (np.arange(bins) - (bins - 1) / 2) * grid.spacing[0]
    sigma_mm = collimator.sigma_mm(radius_mm - depth_mm)
    # The interpolation of the rotation already blurs along the bins, not along the slices.
    sharper = np.maximum((sigma_mm / grid.spacing[0]) ** 2 - BILINEAR_VARIANCE, MIN_VARIANCE)
    sigmas = (np.sqrt(sharper), sigma_mm / grid.spacing[2])
    return depth_blur(*sigmas, (bins, slices), device, dtype)
