"""The cup that fits a segmented ventricle best: two ellipsoids of revolution, cut at the base.

A perfusion defect makes holes in the wall, some larger than the opening at the valve, and the
cavity may leak through them. No single hole, end or axis is relied upon: all parts of both
surfaces are compared with the cup, and those that are far from it count little.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from regkit.geometry.grid import FloatArray, Grid
from regkit_ventricle.labels import Mask, Ventricle

# Points of each surface, and evaluations of each fit; more change the axis of simulated ventricles
# by less than 0.3 degrees.
POINTS, MAX_EVALUATIONS = 400, 40
# Distance from the cup beyond which points count ever less, mm; chosen by hand: a voxel or two.
OUTLIER_MM = 2.0
# Bounds of shifts, tilts and of the logarithms of sizes from a start; chosen by hand.
MAX_SHIFT_MM, MAX_TILT, MAX_LOG = 90.0, 1.5, 1.2
# Where the inner ellipsoid is cut off, as a fraction of its half-axis along the axis: at a start,
# and the bounds, between which there is an opening. Chosen by hand.
CUT, MIN_CUT, MAX_CUT = 0.6, -0.2, 0.95
# Half-axis of a solid ellipsoid in standard deviations of its points along it.
HALF_AXIS_PER_DEVIATION = 5**0.5
# Chosen by hand.
USUAL_WALL_MM = 10.0


@dataclass(frozen=True, eq=False)
class Cup:
    """A shell between two ellipsoids of revolution around one axis, cut off by a plane across it.

    Parameters
    ----------
    middle
        Common centre of the ellipsoids, LPS mm, shape (3,).
    direction
        Unit vector along the axis towards the opening, shape (3,).
    cavity, whole
        Half-axes of the inner and of the outer ellipsoid, across and along the axis, mm.
    cut_mm
        Distance of the opening from `middle` along the axis.
    misfit_mm
        Robust root mean square distance of the two surfaces of the labels from those of the cup.
    """

    middle: FloatArray
    direction: FloatArray
    cavity: tuple[float, float]
    whole: tuple[float, float]
    cut_mm: float
    misfit_mm: float = 0.0

    @property
    def centroid_mm(self) -> float:
        """Position on the axis of the centre of wall and cavity together, mm from `middle`."""
        end = self.whole[1]
        along = np.linspace(-end, min(self.cut_mm, end), 1001)
        return float(np.average(along, weights=1 - (along / end) ** 2 + 1e-9))

    def on_axis(self, mm: float) -> FloatArray:
        """Return the point on the axis so far from `middle` towards the opening, LPS mm."""
        return self.middle + mm * self.direction

    def distances(self, points: FloatArray, half_axes: tuple[float, float]) -> FloatArray:
        """Return the distances of points (N, 3) from the cut ellipsoid of some half-axes, mm.

        They are negative inside, and exact to first order.
        """
        from_middle = points - self.middle
        along = from_middle @ self.direction
        across = np.sqrt(np.maximum((from_middle**2).sum(axis=1) - along**2, 0.0))
        short, long = half_axes
        scaled = np.hypot(across / short, along / long)
        slope = np.maximum(np.hypot(across / short**2, along / long**2), 1e-6)
        return np.asarray(np.maximum(scaled * (scaled - 1) / slope, along - self.cut_mm))


def fit_cup(ventricle: Ventricle) -> Cup:
    """Fit a cup to the labels of a ventricle, from both ends of each of its principal axes."""
    rng = np.random.default_rng(0)
    grid = ventricle.labels.grid
    inner, outer = (surface_points(m, grid, rng) for m in (ventricle.cavity, ventricle.whole))
    fits = (_fitted(start, inner, outer) for start in _starts(ventricle))
    return min(fits, key=lambda cup: cup.misfit_mm)


def surface_points(mask: Mask, grid: Grid, rng: np.random.Generator) -> FloatArray:
    """Return centers of the voxel faces at the surface of a mask, evenly drawn, LPS mm (N, 3)."""
    padded = np.pad(mask, 1).astype(np.int8)
    centres, areas = [], []
    for axis in range(3):
        faces = np.argwhere(np.diff(padded, axis=axis)) - 1.0
        faces[:, axis] += 0.5
        centres.append(faces)
        areas.append(np.full(len(faces), np.prod(np.delete(grid.spacing[::-1], axis))))
    every, area = np.concatenate(centres), np.concatenate(areas)
    count = min(POINTS, len(every))
    return grid.to_physical(
        every[rng.choice(len(every), count, replace=False, p=area / area.sum())]
    )


def _starts(ventricle: Ventricle) -> list[Cup]:
    """Return cups as long as the cavity that open to either end of its principal axes."""
    points = ventricle.labels.grid.to_physical(np.argwhere(ventricle.cavity))
    centre = points.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(points.T))
    starts = []
    for number in range(3):
        across = HALF_AXIS_PER_DEVIATION * float(np.sqrt(np.delete(variances, number).mean()))
        for direction in (axes[:, number], -axes[:, number]):
            along = (points - centre) @ direction
            half = float(np.ptp(along)) / (1 + CUT)
            middle = centre + direction * (float(along.max()) - CUT * half)
            whole = across + USUAL_WALL_MM, half + USUAL_WALL_MM
            starts.append(Cup(middle, direction, (across, half), whole, CUT * half))
    return starts


def _fitted(start: Cup, inner: FloatArray, outer: FloatArray) -> Cup:
    """Return the cup near a start whose surfaces are nearest to points of the labels' surfaces."""
    across = np.linalg.svd(start.direction[None])[2][1:]

    def cup_of(p: FloatArray, misfit_mm: float = 0.0) -> Cup:
        direction = start.direction + p[3:5] @ across
        short, long, outer_short, outer_long = np.exp(p[5:9]) * (*start.cavity, *start.whole)
        return Cup(
            start.middle + MAX_SHIFT_MM * p[:3],
            direction / np.linalg.norm(direction),
            (float(short), float(long)),
            (float(outer_short), float(outer_long)),
            float(p[9] * long),
            misfit_mm,
        )

    def residual(p: FloatArray) -> FloatArray:
        cup = cup_of(p)
        return np.concatenate([cup.distances(inner, cup.cavity), cup.distances(outer, cup.whole)])

    bound = np.array([1.0] * 3 + [MAX_TILT] * 2 + [MAX_LOG] * 4)
    found = least_squares(
        residual,
        np.array([0.0] * 9 + [CUT]),
        bounds=([*-bound, MIN_CUT], [*bound, MAX_CUT]),
        loss="cauchy",
        f_scale=OUTLIER_MM,
        max_nfev=MAX_EVALUATIONS,
        xtol=1e-4,
        ftol=1e-4,
    )
    return cup_of(found.x, float(np.sqrt(2 * found.cost / len(found.fun))))
