"""Deformation of the gland by a probe in the rectum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from regkit.errors import ParameterError
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.transform import DisplacementField, Transform

# Largest displacement, mm; far larger ones would fold the tissue.
MAX_PUSH_MM = 20.0
# Each iteration of the inverse divides its error by at least 1.6 for the largest push.
_ITERATIONS = 60


@dataclass(frozen=True)
class ProbeCompression(Transform):
    """The map of points of the compressed tissue to points of the uncompressed tissue.

    The rectal wall is displaced to anterior by `push_mm`; the displacement fades with distance, so
    that the gland is flattened.

    Parameters
    ----------
    push_mm
        Displacement of the wall, 0 to 20 mm.
    wall_y
        The y of the wall in the compressed tissue, LPS mm.

    Raises
    ------
    ParameterError
        The displacement is beyond these limits.
    """

    push_mm: float
    wall_y: float

    def __post_init__(self) -> None:
        if not 0 <= self.push_mm <= MAX_PUSH_MM:
            raise ParameterError(
                f"push_mm of the probe takes 0 to {MAX_PUSH_MM:g}, got {self.push_mm:g}"
            )

    def map_points(self, points: ArrayLike) -> FloatArray:
        """Map points (..., 3) back to posterior."""
        moved = np.array(points, dtype=np.float64)
        moved[..., 1] += self._push(moved)
        return moved

    def inverse(self) -> Transform:
        """Return the map from uncompressed to compressed tissue."""
        return _InverseCompression(self)

    def _push(self, points: FloatArray) -> FloatArray:
        x, distance, z = points[..., 0], points[..., 1] - self.wall_y, points[..., 2]
        return np.asarray(
            self.push_mm * np.exp(-((x / 30) ** 2 + (distance / 28) ** 2 + (z / 32) ** 2))
        )


@dataclass(frozen=True)
class _InverseCompression(Transform):
    """The inverse of a compression, by fixed-point iteration."""

    compression: ProbeCompression

    def map_points(self, points: ArrayLike) -> FloatArray:
        target = np.array(points, dtype=np.float64)
        source = target.copy()
        for _ in range(_ITERATIONS):
            source -= self.compression.map_points(source) - target
        return source

    def inverse(self) -> Transform:
        return self.compression


def to_displacement_field(transform: Transform, grid: Grid) -> DisplacementField:
    """Sample a transform at the voxels of a grid as a displacement field, which files can hold."""
    index = np.moveaxis(np.indices(grid.shape_zyx, dtype=np.float64), 0, -1)
    points = grid.to_physical(index)
    return DisplacementField(transform.map_points(points) - points, grid)
