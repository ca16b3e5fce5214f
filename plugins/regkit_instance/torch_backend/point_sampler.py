"""Sample points of fixed images, and moving images looked up where maps take them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

# Values looked up at a time: those of one step fit a cache, or keep all of a GPU busy.
STEP = {"cpu": 1 << 15, "cuda": 1 << 22}


@dataclass(frozen=True, eq=False)
class SampledValues:
    """Moving images at mapped points.

    Parameters
    ----------
    values
        Shape (pairs, maps, points); NaN outside the field of view and where the image is.
    gradients
        Derivatives by the index (z, y, x), shape (pairs, maps, 3, points).
    columns
        Which points of the sample these are.
    """

    values: Tensor
    gradients: Tensor
    columns: slice


@dataclass(frozen=True, eq=False)
class PointSampler:
    """Samples of fixed images and the moving images they are compared with, on one device.

    Every pair has its own points and image, of the same number and shape.

    Parameters
    ----------
    points
        Of the fixed bodies, mm (x, y, z) from their centres, shape (pairs, 3, points).
    moving
        Images in 0..1, shape (pairs, z + 2, y + 2, x + 2): edges are repeated once all around;
        NaN is unknown.
    to_index
        Maps moving points, mm (x, y, z), to indices (z, y, x) of the padded images; float64,
        shape (pairs, 3, 4).
    """

    points: Tensor
    moving: Tensor
    to_index: Tensor

    def looks(self, maps: Tensor, whole: int = 1) -> Iterator[SampledValues]:
        """Look the moving images up, some of the points after the other.

        Parameters
        ----------
        maps
            Of fixed to moving points, float64, shape (pairs, maps, 3, 4).
        whole
            Points that belong together: each step has a multiple of so many.
        """
        into = self._into_volumes(maps)
        count, rows = self.points.shape[2], maps.shape[0] * maps.shape[1]
        step = max(1, STEP[self.moving.device.type] // (rows * whole)) * whole
        for start in range(0, count, step):
            yield self._look(into, slice(start, min(start + step, count)))

    def carry(self, look: SampledValues, slopes: Tensor, maps: Tensor) -> Tensor:
        """Turn derivatives by values into derivatives by the entries of the maps.

        Parameters
        ----------
        look
            What was looked up.
        slopes
            Derivative by each value, shape (pairs, maps, points); of any number where the value
            is NaN.
        maps
            As for `looks`.

        Returns
        -------
        Tensor
            float64, shape (pairs, maps, 3, 4).
        """
        known = look.values.isfinite()[:, :, None]
        by_index = torch.where(known, look.gradients * slopes[:, :, None], 0.0)
        points = self.points[:, None, :, look.columns].expand(-1, maps.shape[1], -1, -1)
        by_linear = (by_index @ points.mT).double()
        by_shift = by_index.sum(-1, keepdim=True).double()
        return self.to_index[:, None, :, :3].mT @ torch.cat([by_linear, by_shift], dim=-1)

    def _into_volumes(self, maps: Tensor) -> Tensor:
        """Return the maps of fixed points to indices of the padded images."""
        linear, shift = self.to_index[:, None, :, :3], self.to_index[:, None, :, 3:]
        into = linear @ maps
        into[..., 3:] += shift
        return into

    def _look(self, into: Tensor, columns: slice) -> SampledValues:
        points = self.points[:, None, :, columns]
        into = into.to(points.dtype)
        index = into[..., :3] @ points + into[..., 3:]
        # Half a voxel beyond the outermost centres an image ends.
        sides = zip(index.unbind(2), self.moving.shape[1:], strict=True)
        z, y, x = ((at >= 0.5) & (at <= size - 1.5) for at, size in sides)
        within = z & y & x
        index = torch.where(within[:, :, None], index, 1.0)
        low = index.floor()
        corners = self._corners(low.to(torch.int64))
        values, gradients = _trilinear(corners, (index - low).unbind(2))
        return SampledValues(torch.where(within, values, torch.nan), gradients, columns)

    def _corners(self, low: Tensor) -> list[Tensor]:
        """Return the eight neighbours, the last axis running fastest."""
        pairs, nz, ny, nx = self.moving.shape
        first = torch.arange(pairs, device=low.device)[:, None, None] * nz
        flat = ((first + low[:, :, 0]) * ny + low[:, :, 1]) * nx + low[:, :, 2]
        voxels = self.moving.reshape(-1)
        return [
            voxels.index_select(0, (flat + (z * ny + y) * nx + x).reshape(-1)).view(flat.shape)
            for z, y, x in product((0, 1), repeat=3)
        ]


def _trilinear(corners: list[Tensor], shares: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Interpolate between eight corners; return values and derivatives by z, y, x."""
    wz, wy, wx = shares
    by_x = [corners[i + 1] - corners[i] for i in range(0, 8, 2)]
    edges = [torch.addcmul(corners[2 * i], by_x[i], wx) for i in range(4)]
    by_y = [edges[1] - edges[0], edges[3] - edges[2]]
    faces = [torch.addcmul(edges[2 * i], by_y[i], wy) for i in range(2)]
    by_z = faces[1] - faces[0]
    x_faces = [torch.lerp(by_x[2 * i], by_x[2 * i + 1], wy) for i in range(2)]
    gradients = [by_z, torch.lerp(by_y[0], by_y[1], wz), torch.lerp(x_faces[0], x_faces[1], wz)]
    return torch.addcmul(faces[0], by_z, wz), torch.stack(gradients, dim=2)
