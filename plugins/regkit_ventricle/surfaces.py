"""The two surfaces of a ventricle's wall as signed distances, so that they can be moved."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, distance_transform_edt, gaussian_filter

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.volume import LabelMap, Volume
from regkit_ventricle.axis import LongAxis
from regkit_ventricle.labels import BLOOD_POOL, MYOCARDIUM, Mask, Ventricle

# Gaussian smoothing of the distances, mm: the staircase of label voxels is not part of a surface.
# Chosen by hand.
SMOOTH_MM = 1.3
# A surface belongs to the base if the cosine of the angle between its normal and the long axis is
# larger than this (45 degrees); chosen by hand.
FACING_BASE_COSINE = 0.7
# Above this value of `movable` a voxel is beyond the smooth border of the base; chosen by hand.
AWAY_FROM_BASE = 0.95


@dataclass(frozen=True, eq=False)
class Surfaces:
    """Signed distances in mm from the surfaces of a wall, negative inside, on one grid.

    Parameters
    ----------
    epicardium
        Distance from the outer surface of wall and cavity together.
    endocardium
        Distance from the inner surface of the wall. The cavity continues beyond its basal opening,
        which has no wall.
    movable
        1 where the epicardium may move; 0 at the base, which is a cut, not a surface of the wall.
    """

    epicardium: Volume
    endocardium: Volume
    movable: Volume

    def moved(self, epicardium_mm: float, endocardium_mm: float) -> LabelMap:
        """Return the labels of the ventricle with its surfaces moved outwards."""
        outside = self.epicardium.array - epicardium_mm * self.movable.array
        labels = np.where(outside < 0, MYOCARDIUM, 0).astype(np.uint8)
        labels[(outside < 0) & (self.endocardium.array < endocardium_mm)] = BLOOD_POOL
        return LabelMap(labels, self.epicardium.grid)

    def leak_voxels(self, labels: LabelMap) -> int:
        """Return the number of cavity voxels that touch the outside elsewhere than at the base."""
        beyond = binary_dilation(labels.array == 0)
        away_from_base = self.movable.array > AWAY_FROM_BASE
        return int((beyond & away_from_base & (labels.array == BLOOD_POOL)).sum())


def surfaces_of(ventricle: Ventricle, axis: LongAxis, around_mm: float) -> Surfaces:
    """Return the surfaces of a ventricle on its grid, padded by `around_mm` on every side."""
    grid = ventricle.labels.grid
    rim = np.ceil(np.divide(around_mm, grid.spacing[::-1])).astype(int)
    x, y, z = grid.to_physical(-rim).tolist()
    whole, cavity = (
        np.pad(mask, [(int(n), int(n)) for n in rim])
        for mask in (ventricle.whole, ventricle.cavity)
    )
    wider = replace(grid, shape_zyx=whole.shape, origin=(x, y, z))
    outside, nearest = distance_transform_edt(~whole, wider.spacing[::-1], return_indices=True)
    inside, farthest = distance_transform_edt(whole, wider.spacing[::-1], return_indices=True)
    base = np.where(
        whole, _towards(farthest, axis.direction, wider), -_towards(nearest, axis.direction, wider)
    ) > FACING_BASE_COSINE * (outside + inside)
    opening = base & ~whole & cavity[tuple(nearest)]
    return Surfaces(
        _smooth(_between(outside, inside, wider), wider),
        _smooth(_distance(cavity | opening, wider), wider),
        _smooth(np.where(base, 0.0, 1.0), wider),
    )


def _towards(index: NDArray[np.integer], direction: FloatArray, grid: Grid) -> NDArray[np.float64]:
    """Return the component along a direction of the way from every voxel to another one, mm."""
    steps = index - np.indices(grid.shape_zyx)
    return np.asarray(np.tensordot(direction @ grid.affine[:3, :3], steps, 1))


def _distance(mask: Mask, grid: Grid) -> NDArray[np.float64]:
    """Return the distance in mm from the surface of a mask."""
    outside, inside = (distance_transform_edt(m, grid.spacing[::-1]) for m in (~mask, mask))
    return _between(outside, inside, grid)


def _between(
    outside: NDArray[np.float64], inside: NDArray[np.float64], grid: Grid
) -> NDArray[np.float64]:
    """Return signed distances from the surface, given those between voxel centres."""
    half = float(np.prod(grid.spacing)) ** (1 / 3) / 2
    return np.where(inside > 0, half - inside, outside - half)


def _smooth(array: NDArray[np.float64], grid: Grid) -> Volume:
    widths = np.divide(SMOOTH_MM, grid.spacing[::-1])
    return Volume(gaussian_filter(array.astype(np.float32), widths), grid)
