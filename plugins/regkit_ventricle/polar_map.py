"""The polar map: the brightest myocardium on rays from the long axis, from apex to base."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import Volume
from regkit.similarity.point_sample import values_at
from regkit_ventricle.axis import LongAxis
from regkit_ventricle.labels import Ventricle
from regkit_ventricle.segments import LEVELS, SEGMENTS, Segment, segment_at

# Rings of each level, and directions around: whole numbers of both in every segment.
RINGS, DIRECTIONS = 10, 72
# Steps along a ray, as a share of the finest spacing.
STEP = 0.4
# Interpolated share of myocardium from which on a point is in it: below one half, because a wall
# of little more than a voxel, seen aslant, is nowhere whole.
WALL = 0.4
# Share of the apical wall within which the rays over the apex are too close to each other.
APART = 1 / 3
# The base ends where myocardium is no longer found in this share of the directions.
ALL_ROUND = 0.9


@dataclass(frozen=True, eq=False)
class SegmentValue:
    """What a segment takes up.

    Parameters
    ----------
    segment
        Which one.
    mean, lowest
        Of its samples, in the unit of the image; NaN where no myocardium was found.
    mean_percent, lowest_percent
        The same in percent of the polar map's maximum.
    found
        Share of its rays that met myocardium.
    """

    segment: Segment
    mean: float
    lowest: float
    mean_percent: float
    lowest_percent: float
    found: float


@dataclass(frozen=True, eq=False)
class PolarMap:
    """Uptake of the myocardium by level and direction.

    Parameters
    ----------
    values
        Largest intensity within the myocardium on every ray, shape (4 `RINGS`, `DIRECTIONS`): ten
        rings each of apex, apical, mid-cavity and basal level; NaN where a ray meets none.
    weights
        Area that a sample of each ring stands for, relative to a sample of the cylindrical
        levels, shape (4 `RINGS`,).
    """

    values: FloatArray
    weights: FloatArray

    @property
    def maximum(self) -> float:
        """The largest value."""
        return float(np.nanmax(self.values))

    @cached_property
    def percent(self) -> FloatArray:
        """Values in percent of the maximum."""
        return np.asarray(100 * self.values / self.maximum)

    @cached_property
    def segments(self) -> tuple[SegmentValue, ...]:
        """The 17 segments, 1 first."""
        numbers = segment_numbers()
        return tuple(self._segment(s, numbers == s.number) for s in SEGMENTS)

    def territory_percent(self, territory: str) -> float:
        """Return the mean of a coronary territory (``LAD``, ``LCX``, ``RCA``), percent."""
        mine = [s.number for s in SEGMENTS if s.territory == territory]
        return 100 * self._mean(np.isin(segment_numbers(), mine)) / self.maximum

    def _segment(self, segment: Segment, where: NDArray[np.bool_]) -> SegmentValue:
        values = self.values[where]
        found = np.isfinite(values)
        lowest = float(values[found].min()) if found.any() else float("nan")
        mean = self._mean(where)
        share = 100 / self.maximum
        return SegmentValue(
            segment, mean, lowest, share * mean, share * lowest, float(found.mean())
        )

    def _mean(self, where: NDArray[np.bool_]) -> float:
        where = where & np.isfinite(self.values)
        if not where.any():
            return float("nan")
        weights = np.broadcast_to(self.weights[:, None], self.values.shape)
        return float(np.average(self.values[where], weights=weights[where]))


def angles_deg() -> FloatArray:
    """Return the directions: 0 lateral, 90 anterior, 180 septal, 270 inferior; never a border."""
    return np.asarray((np.arange(DIRECTIONS) + 0.5) * 360 / DIRECTIONS)


def segment_numbers() -> NDArray[np.int64]:
    """Return which segment every sample of a polar map belongs to, shape as its values."""
    levels = [segment_at(level, angles_deg()) for level in range(len(LEVELS))]
    return np.repeat(levels, RINGS, axis=0)


def polar_map(
    image: Volume, ventricle: Ventricle, axis: LongAxis, frame: AffineTransform
) -> PolarMap:
    """Sample the myocardium of an image.

    From the end of the cavity to the base, rays leave the long axis at right angles; beyond the
    end of the cavity they fan out from it over the apex. On every ray the largest intensity within
    the myocardium counts, as in the maximum-count circumferential profiles of nuclear cardiology
    (Garcia et al. 1985, J Nucl Med 26:17-26). The base is the last plane in which myocardium is
    found almost all around.

    Parameters
    ----------
    image
        The image, in the space of the labels.
    ventricle
        Where its myocardium is.
    axis
        Its long axis.
    frame
        Its short-axis frame, whose z lies along the axis; see `regkit_ventricle.frame`.

    Raises
    ------
    RegistrationError
        No plane has myocardium all around, or the myocardium takes up nothing.
    """
    rays = _Rays(image, ventricle, axis, frame)
    end, base = rays.cavity_end, rays.base()
    rings = [
        *(rays.fan(elevation) for elevation in _middles(np.pi / 2, 0.0, RINGS)),
        *(rays.plane(z) for z in _middles(end, base, 3 * RINGS)),
    ]
    values = np.stack(rings)
    if not np.nanmax(values, initial=0.0) > 0:
        raise RegistrationError("the myocardium takes up nothing: every voxel of it is 0 or less")
    # A ring of the fan is the narrower, the nearer it is to the axis.
    narrow = np.cos(np.asarray(list(_middles(np.pi / 2, 0.0, RINGS))))
    return PolarMap(values, np.concatenate([narrow, np.ones(3 * RINGS)]))


@dataclass(frozen=True, eq=False)
class _Rays:
    """Rays from the long axis of a ventricle."""

    image: Volume
    ventricle: Ventricle
    axis: LongAxis
    frame: AffineTransform

    @cached_property
    def cavity_end(self) -> float:
        """Where the cavity ends, on the frame's z."""
        return float(self.frame.inverse().map_points(self.axis.cavity_end)[2])

    @cached_property
    def wall(self) -> Volume:
        """Share of each voxel that is myocardium."""
        ventricle = self.ventricle
        return Volume(ventricle.myocardium.astype(np.float32), ventricle.labels.grid)

    @cached_property
    def radii(self) -> FloatArray:
        """Distances from the axis at which rays are sampled, beyond the farthest wall."""
        outer = self.ventricle.points - self.axis.centre
        step = STEP * min(self.ventricle.labels.grid.spacing)
        farthest = float(np.linalg.norm(outer, axis=1).max())
        return np.asarray(np.arange(0.0, farthest + step, step), np.float64)

    def base(self) -> float:
        """Return the last plane, on the frame's z, that meets myocardium all around."""
        step = STEP * min(self.ventricle.labels.grid.spacing)
        top = float(self.frame.inverse().map_points(self.axis.base)[2]) + 2 * step
        for z in np.arange(top, self.cavity_end + 3 * step, -step):
            if np.isfinite(self.plane(float(z))).mean() >= ALL_ROUND:
                return float(z)
        raise RegistrationError(
            "the labels show no left ventricle: at no level is there myocardium all around the "
            "long axis"
        )

    def plane(self, z: float) -> FloatArray:
        """Return the largest values in the plane at z, shape (`DIRECTIONS`,)."""
        return self._largest(np.array([0.0, 0.0, z]), 0.0)

    def fan(self, elevation: float) -> FloatArray:
        """Return the largest values on rays that lean from the last plane towards the apex.

        Near the axis, where all of these rays are one, none of them looks.
        """
        apical_wall = float(np.linalg.norm(self.axis.apex - self.axis.cavity_end))
        start = np.array([0.0, 0.0, self.cavity_end])
        return self._largest(start, elevation, APART * apical_wall)

    def _largest(self, start: FloatArray, elevation: float, nearest: float = 0.0) -> FloatArray:
        angle = np.deg2rad(angles_deg())
        # Counter-clockwise as seen from the apex, where y points down.
        ways = np.stack(
            [
                np.cos(elevation) * np.cos(angle),
                -np.cos(elevation) * np.sin(angle),
                np.full(DIRECTIONS, -np.sin(elevation)),
            ],
            axis=-1,
        )
        radii = self.radii[self.radii >= nearest]
        points = start + radii[:, None, None] * ways
        mapped = self.frame.map_points(points.reshape(-1, 3))
        wall = values_at(self.wall, mapped) >= WALL
        values = np.where(wall, values_at(self.image, mapped), -np.inf)
        largest = values.reshape(len(radii), DIRECTIONS).max(axis=0)
        return np.where(np.isfinite(largest), largest, np.nan)


def _middles(start: float, end: float, count: int) -> Iterator[float]:
    """Yield the middles of equal parts."""
    yield from (start + (end - start) * (np.arange(count) + 0.5) / count).tolist()
