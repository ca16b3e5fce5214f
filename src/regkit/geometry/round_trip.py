"""Exactness of an inverse: where points are after a transform and its inverse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.transform import DisplacementField, Transform, TransformChain

# Points at which a field is measured; of as many, the 95 % quantile is the one of 94.7 to 95.3 %
# (two standard errors of a proportion).
SAMPLES = 20_000


@dataclass(frozen=True)
class RoundTrip:
    """Distance of points from themselves after displacement fields and their inverses.

    Parameters
    ----------
    mean_mm, q95_mm, largest_mm
        Mean, 95 % quantile and largest distance, mm, of points that stay within their field; NaN
        if none does.
    left_fraction
        Fraction of the points that a field maps outside its grid, where the inverse does not move
        points.
    points
        Number of the points.
    """

    mean_mm: float
    q95_mm: float
    largest_mm: float
    left_fraction: float
    points: int

    @property
    def summary(self) -> str:
        """The distances in one line."""
        text = (
            f"the inverse of the displacement field is exact to {self.mean_mm:.2g} mm on average, "
            f"{self.q95_mm:.2g} mm for 95 %, {self.largest_mm:.2g} mm at most (round trip of "
            f"{self.points} points)"
        )
        if self.left_fraction == 0:
            return text
        return f"{text}; {self.left_fraction:.2%} of the points leave the field and are left out"


def round_trip(transform: Transform, inverse: Transform) -> RoundTrip | None:
    """Measure how exact the inverse of a transform is.

    Parameters
    ----------
    transform
        Any transform.
    inverse
        Its inverse, of as many steps.

    Returns
    -------
    RoundTrip or None
        Over all displacement fields, each within its own grid; None for a linear transform.
    """
    pairs = zip(_steps(transform), reversed(_steps(inverse)), strict=True)
    fields = [(step, back) for step, back in pairs if isinstance(step, DisplacementField)]
    if not fields:
        return None
    measured = [_distances(field, back) for field, back in fields]
    distances = np.concatenate([inside for inside, _ in measured])
    count = sum(total for _, total in measured)
    mean, q95, largest = (
        (distances.mean(), np.quantile(distances, 0.95), distances.max())
        if distances.size
        else (np.nan, np.nan, np.nan)
    )
    return RoundTrip(float(mean), float(q95), float(largest), 1 - distances.size / count, count)


def _distances(field: DisplacementField, back: Transform) -> tuple[FloatArray, int]:
    points = _points(field.grid)
    mapped = field.map_points(points)
    stays = field.grid.contains(mapped)
    returned = back.map_points(mapped[stays])
    return np.linalg.norm(returned - points[stays], axis=1), len(points)


def _points(grid: Grid) -> FloatArray:
    """Return random points between the outermost voxel centres, always the same, in LPS mm."""
    upper = np.subtract(grid.shape_zyx, 1)
    return grid.to_physical(np.random.default_rng(0).uniform(0, upper, (SAMPLES, 3)))


def _steps(transform: Transform) -> tuple[Transform, ...]:
    return transform.transforms if isinstance(transform, TransformChain) else (transform,)
