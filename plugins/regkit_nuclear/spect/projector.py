"""What a gamma camera would count: rotate the patient, attenuate, blur, add up along the depth."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch

from regkit.errors import GeometryError
from regkit.grid import Grid
from regkit_nuclear.spect.geometry import LEHR, Collimator, Orbit, check_axial
from regkit_nuclear.spect.resolution import DepthBlur, depth_blur
from regkit_nuclear.spect.rotation import Rotation, rotation

MM_PER_CM = 10.0
# Mean variance that bilinear interpolation at random positions adds along a line, in pixels^2:
# the mean of f (1 - f) over 0 <= f <= 1.
BILINEAR_VARIANCE = 1 / 6
LEAST_VARIANCE = 0.01


class Projector:
    """A parallel-hole SPECT system and its exact adjoint, batched, on any device.

    Images are tensors (batch, z, y, x), projections (batch, view, z, bin) with the bins and
    angles of `geometry`. A projection is the plain sum over the depth of what the voxels hold,
    each weighted with its attenuation towards the detector; without attenuation a view of a
    volume that is well inside the field of view holds the volume's total.

    Parameters
    ----------
    grid
        Where the voxels are: square slices along the patient's axes; the axis of rotation is
        parallel to z through the centre.
    orbit
        Views and radius.
    collimator
        Resolution; None for a camera that sees without blur.
    device, dtype
        Where and how precisely to compute.

    Raises
    ------
    GeometryError
        A grid that cannot be turned about z slice by slice.
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
        self._blur = _blur(grid, orbit.radius_mm, collimator, self.device, dtype)
        # Minus the path through each plane towards the detector, the own one half: photons start,
        # on average, in the middle of their voxel.
        own = torch.eye(self._size, device=self.device, dtype=dtype) / 2
        towards = torch.ones_like(own).triu(1) + own
        self._minus_path = -towards * (grid.spacing[0] / MM_PER_CM)
        self._mu: torch.Tensor | None = None
        self._keeps = True
        self._factors: dict[int, torch.Tensor] = {}

    @property
    def views(self) -> range:
        """Indices of all views."""
        return range(len(self.orbit.angles_deg))

    def attenuated_by(self, mu: torch.Tensor, keep: bool = True) -> Projector:
        """Return the same camera looking through a patient.

        Parameters
        ----------
        mu
            Linear attenuation coefficients in 1/cm, shape (batch, z, y, x); a batch of one
            serves images of any batch.
        keep
            Whether to keep the factors of each view for the next time: the size of an image
            per view, worth it when iterating.
        """
        other = Projector(self.grid, self.orbit, self.collimator, self.device, self.dtype)
        other._mu, other._keeps = self._columns(mu), keep
        return other

    @torch.no_grad()
    def forward(self, image: torch.Tensor, views: Sequence[int] | None = None) -> torch.Tensor:
        """Project an image (batch, z, y, x) to (batch, view, z, bin), all views by default."""
        columns = self._columns(image)
        seen = [self._project(columns, view) for view in self._chosen(views)]
        return torch.stack(seen).permute(2, 0, 3, 1).contiguous()

    @torch.no_grad()
    def back(self, projections: torch.Tensor, views: Sequence[int] | None = None) -> torch.Tensor:
        """Apply the adjoint of `forward`: (batch, view, z, bin) to (batch, z, y, x)."""
        chosen = self._chosen(views)
        if projections.ndim != 4 or projections.shape[1] != len(chosen):
            raise GeometryError(
                f"expected projections (batch, {len(chosen)}, z, bin), "
                f"got {tuple(projections.shape)}"
            )
        per_view = projections.to(self.device, self.dtype).permute(1, 3, 0, 2).contiguous()
        total = sum(self._spread(p, view) for p, view in zip(per_view, chosen, strict=True))
        n, batch = self._size, len(projections)
        return torch.as_tensor(total).view(n, n, batch, -1).permute(2, 3, 0, 1).contiguous()

    def _project(self, columns: torch.Tensor, view: int) -> torch.Tensor:
        turned = self._rotation(view).forward @ columns.flatten(1)
        planes = turned.view(self._size, self._size, *columns.shape[1:])
        if self._mu is not None:
            planes.mul_(self._factor(view, self._mu))
        return planes.sum(0) if self._blur is None else self._blur.project(planes)

    def _spread(self, projection: torch.Tensor, view: int) -> torch.Tensor:
        if self._blur is None:
            planes = projection.expand(self._size, *projection.shape)
        else:
            planes = self._blur.spread(projection)
        if self._mu is not None:
            planes = planes * self._factor(view, self._mu)
        return self._rotation(view).transposed @ planes.reshape(self._size**2, -1)

    def _factor(self, view: int, mu: torch.Tensor) -> torch.Tensor:
        """Share of the photons that reach the detector, (depth, bin, batch, z)."""
        if view in self._factors:
            return self._factors[view]
        turned = self._rotation(view).forward @ mu.flatten(1)
        paths = self._minus_path @ turned.view(self._size, -1)
        factor = paths.exp_().view(self._size, self._size, *mu.shape[1:])
        if self._keeps:
            self._factors[view] = factor
        return factor

    def _rotation(self, view: int) -> Rotation:
        return _rotation(self._size, self.orbit.angles_deg[view], self.device, self.dtype)

    def _columns(self, image: torch.Tensor) -> torch.Tensor:
        """Put the slices of all volumes in columns: (pixels, batch, z)."""
        if image.ndim != 4 or image.shape[1:] != self.grid.shape_zyx:
            raise GeometryError(
                f"expected images (batch, {', '.join(map(str, self.grid.shape_zyx))}), "
                f"got {tuple(image.shape)}"
            )
        moved = image.to(self.device, self.dtype).permute(2, 3, 0, 1)
        return moved.reshape(self._size**2, *moved.shape[2:])

    def _chosen(self, views: Sequence[int] | None) -> Sequence[int]:
        return self.views if views is None else views


# Rotations depend only on size and angle: every projector of a process shares them. Two orbits
# of 60 views at 128 pixels are kept, 0.1 GB.
@lru_cache(maxsize=128)
def _rotation(size: int, angle: float, device: torch.device, dtype: torch.dtype) -> Rotation:
    return rotation(size, angle, device, dtype)


@lru_cache(maxsize=8)
def _blur(
    grid: Grid,
    radius_mm: float,
    collimator: Collimator | None,
    device: torch.device,
    dtype: torch.dtype,
) -> DepthBlur | None:
    if collimator is None:
        return None
    slices, _, bins = grid.shape_zyx
    depth_mm = (np.arange(bins) - (bins - 1) / 2) * grid.spacing[0]
    sigma_mm = collimator.sigma_mm(radius_mm - depth_mm)
    # The rotation's interpolation blurs the bins already; the slices it leaves alone.
    sharper = np.maximum((sigma_mm / grid.spacing[0]) ** 2 - BILINEAR_VARIANCE, LEAST_VARIANCE)
    sigmas = (np.sqrt(sharper), sigma_mm / grid.spacing[2])
    return depth_blur(*sigmas, (bins, slices), device, dtype)
