"""Sample points of fixed images, and moving images interpolated at the mapped points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor

from regkit.geometry.grid import SINGLE_EDGE_TOLERANCE

# Values interpolated per batch: as many as fit a cache, or keep a GPU busy. Chosen by hand.
BATCH_VALUES = {"cpu": 1 << 15, "cuda": 1 << 22}


@dataclass(frozen=True, eq=False)
class SampledValues:
    """Moving images at mapped points.

    Parameters
    ----------
    values
        Values, shape (pairs, maps, points); NaN outside the field of view and near unknown voxels.
    gradients
        Derivatives by the index (z, y, x), shape (pairs, maps, 3, points).
    columns
        Slice of the sample points.
    """

    values: Tensor
    gradients: Tensor
    columns: slice


@dataclass(frozen=True, eq=False)
class PointSampler:
    """Sample points of fixed images and the moving images of many pairs, on one device.

    Every pair has its own points and image, of the same number and shape.

    Parameters
    ----------
    points
        Sample points of the fixed bodies, mm (x, y, z) from their centres, shape (pairs, 3,
        points).
    moving
        Moving images in 0..1, shape (pairs, z + 2, y + 2, x + 2): edges repeated on every side;
        NaN is unknown.
    to_index
        Affine maps from moving points, mm (x, y, z), to indices (z, y, x) of the padded images,
        float64, shape (pairs, 3, 4).
    """

    points: Tensor
    moving: Tensor
    to_index: Tensor

    def sample(self, maps: Tensor, patch_size: int = 1) -> Iterator[SampledValues]:
        """Interpolate the moving images at the mapped points, in batches of points.

        Batches of other sizes give values that agree to rounding, not exactly.

        Parameters
        ----------
        maps
            Affine maps from fixed to moving points, float64, shape (pairs, maps, 3, 4).
        patch_size
            Number of points of a patch; each batch has whole patches.
        """
        to_index = self._to_volume_index(maps)
        count, rows = self.points.shape[2], maps.shape[0] * maps.shape[1]
        step = max(1, BATCH_VALUES[self.moving.device.type] // (rows * patch_size)) * patch_size
        for start in range(0, count, step):
            yield self._sample_columns(to_index, slice(start, min(start + step, count)))

    def backpropagate(self, sampled: SampledValues, slopes: Tensor, maps: Tensor) -> Tensor:
        """Turn derivatives by values into derivatives by the entries of the maps.

        Parameters
        ----------
        sampled
            Values from `sample`.
        slopes
            Derivatives by the values, shape (pairs, maps, points); ignored where the value is NaN.
        maps
            Affine maps, as for `sample`.

        Returns
        -------
        Tensor
            float64, shape (pairs, maps, 3, 4).
        """
        known = sampled.values.isfinite()[:, :, None]
        by_index = torch.where(known, sampled.gradients * slopes[:, :, None], 0.0)
        points = self.points[:, None, :, sampled.columns].expand(-1, maps.shape[1], -1, -1)
        by_linear = (by_index @ points.mT).double()
        by_shift = by_index.sum(-1, keepdim=True).double()
        return self.to_index[:, None, :, :3].mT @ torch.cat([by_linear, by_shift], dim=-1)

    def _to_volume_index(self, maps: Tensor) -> Tensor:
        """Return the maps from fixed points to indices of the padded images."""
        linear, shift = self.to_index[:, None, :, :3], self.to_index[:, None, :, 3:]
        to_index = linear @ maps
        to_index[..., 3:] += shift
        return to_index

    def _sample_columns(self, to_index: Tensor, columns: slice) -> SampledValues:
        points = self.points[:, None, :, columns]
        to_index = to_index.to(points.dtype)
        index = to_index[..., :3] @ points + to_index[..., 3:]
        # An image ends half a voxel beyond the outermost centres; rounding loses no edge.
        sides = zip(index.unbind(2), self.moving.shape[1:], strict=True)
        first, end = 0.5 - SINGLE_EDGE_TOLERANCE, 1.5 - SINGLE_EDGE_TOLERANCE
        z, y, x = ((at >= first) & (at <= size - end) for at, size in sides)
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


def _trilinear(corners: list[Tensor], fractions: tuple[Tensor, ...]) -> tuple[Tensor, Tensor]:
    """Interpolate between eight corners; return values and derivatives by z, y, x."""
    wz, wy, wx = fractions
    by_x = [corners[i + 1] - corners[i] for i in range(0, 8, 2)]
    edges = [torch.addcmul(corners[2 * i], by_x[i], wx) for i in range(4)]
    by_y = [edges[1] - edges[0], edges[3] - edges[2]]
    faces = [torch.addcmul(edges[2 * i], by_y[i], wy) for i in range(2)]
    by_z = faces[1] - faces[0]
    x_faces = [torch.lerp(by_x[2 * i], by_x[2 * i + 1], wy) for i in range(2)]
    gradients = [by_z, torch.lerp(by_y[0], by_y[1], wz), torch.lerp(x_faces[0], x_faces[1], wz)]
    return torch.addcmul(faces[0], by_z, wz), torch.stack(gradients, dim=2)
