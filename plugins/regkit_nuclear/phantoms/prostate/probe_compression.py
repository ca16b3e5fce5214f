"""How a probe in the rectum deforms the gland."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from regkit.errors import ParameterError
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.transform import DisplacementField, Transform

LARGEST_MM = 20.0
# Each iteration of the inverse divides its error by at least 1.6 for the largest push.
_ITERATIONS = 60


@dataclass(frozen=True)
class ProbeCompression(Transform):
    """Map points of the pushed tissue to where they are without the probe.

    The wall of the rectum is moved by `push_mm` to anterior and the push fades with distance,
    so that the gland is flattened.

    Parameters
    ----------
    push_mm
        Displacement at the wall, 0 to 20; far larger ones would fold the tissue.
    wall_y
        Where the wall is along y, in LPS mm of the pushed tissue.

    Raises
    ------
    ParameterError
        A push beyond these limits.
    """

    push_mm: float
    wall_y: float

    def __post_init__(self) -> None:
        if not 0 <= self.push_mm <= LARGEST_MM:
            raise ParameterError(
                f"a probe's push must be 0 to {LARGEST_MM:g} mm, got {self.push_mm:g}"
            )

    def map_points(self, points: ArrayLike) -> FloatArray:
        """Move points (..., 3) back to posterior."""
        moved = np.array(points, dtype=np.float64)
        moved[..., 1] += self._push(moved)
        return moved

    def inverse(self) -> Transform:
        """Return the map from unpushed to pushed tissue."""
        return _Pushed(self)

    def _push(self, points: FloatArray) -> FloatArray:
        x, ahead, z = points[..., 0], points[..., 1] - self.wall_y, points[..., 2]
        return np.asarray(
            self.push_mm * np.exp(-((x / 30) ** 2 + (ahead / 28) ** 2 + (z / 32) ** 2))
        )


@dataclass(frozen=True)
class _Pushed(Transform):
    """The inverse of a push, by fixed-point iteration."""

    push: ProbeCompression

    def map_points(self, points: ArrayLike) -> FloatArray:
        target = np.array(points, dtype=np.float64)
        source = target.copy()
        for _ in range(_ITERATIONS):
            source -= self.push.map_points(source) - target
        return source

    def inverse(self) -> Transform:
        return self.push


def to_displacement_field(transform: Transform, grid: Grid) -> DisplacementField:
    """Return a transform as displacements at a grid's voxels, which files and ITK can hold."""
    index = np.moveaxis(np.indices(grid.shape_zyx, dtype=np.float64), 0, -1)
    points = grid.to_physical(index)
    return DisplacementField(transform.map_points(points) - points, grid)
