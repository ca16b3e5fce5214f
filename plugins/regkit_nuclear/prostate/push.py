"""How a probe in the rectum deforms the gland."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from regkit.errors import NotInvertibleError
from regkit.grid import FloatArray
from regkit.transform import Transform


@dataclass(frozen=True)
class ProbePush(Transform):
    """Map points of the pushed tissue to where they are without the probe.

    The wall of the rectum is moved by `push_mm` to anterior and the push fades with distance,
    so that the gland is flattened.

    Parameters
    ----------
    push_mm
        Displacement at the wall; must be less than 14 for the map to have an inverse.
    wall_y
        Where the wall is along y, in LPS mm of the pushed tissue.
    """

    push_mm: float
    wall_y: float

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

    push: ProbePush

    def map_points(self, points: ArrayLike) -> FloatArray:
        target = np.array(points, dtype=np.float64)
        source = target.copy()
        for _ in range(200):
            miss = self.push.map_points(source) - target
            source -= miss
            if np.abs(miss).max(initial=0) < 1e-9:
                return source
        raise NotInvertibleError(
            f"a push of {self.push.push_mm:g} mm folds the tissue; use less than 14 mm"
        )

    def inverse(self) -> Transform:
        return self.push
