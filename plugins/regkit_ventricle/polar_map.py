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

# Rings of each level, and directions around the axis: both divide evenly among the segments.
RINGS, DIRECTIONS = 10, 72
# Step along a ray, as a fraction of the finest voxel spacing; chosen by hand.
STEP = 0.4
# The robust maximum is the uptake below which this fraction of the myocardium's area lies; chosen
# by hand.
ROBUST_FRACTION = 0.95
# A point is in the wall if the interpolated mask is at least this: below one half, because the
# mask of an oblique wall little thicker than a voxel reaches 1 nowhere. Chosen by hand.
WALL_FRACTION = 0.4
# Rays of the fan over the apex are sampled from this fraction of the apical wall's thickness on;
# nearer to their common origin they would all sample the same voxels. Chosen by hand.
FAN_START = 1 / 3
# The base is the last plane with myocardium in this fraction of the directions in which the most
# complete plane has some; chosen by hand.
CLOSED_RING = 0.9
# No ventricle has myocardium in fewer directions at every level: about a third of the wall may be
# missing. Chosen by hand.
LEAST_RING = 0.65


@dataclass(frozen=True, eq=False)
class SegmentValue:
    """Uptake of a segment.

    Parameters
    ----------
    segment
        Number, name and territory.
    mean, lowest
        Mean and lowest uptake in the unit of the image; NaN if no ray met myocardium.
    mean_percent, lowest_percent
        The same in percent of the polar map's robust maximum.
    sampled_fraction
        Fraction of its rays that met myocardium.
    """

    segment: Segment
    mean: float
    lowest: float
    mean_percent: float
    lowest_percent: float
    sampled_fraction: float


@dataclass(frozen=True, eq=False)
class PolarMap:
    """Uptake of the myocardium by level and direction.

    Parameters
    ----------
    values
        Highest intensity within the myocardium on every ray, shape (4 `RINGS`, `DIRECTIONS`): ten
        rings each of apex, apical, mid-cavity and basal level; NaN where a ray meets no
        myocardium.
    weights
        Area of a sample in each ring, relative to the area of a sample in the cylindrical levels,
        shape (4 `RINGS`,).
    """

    values: FloatArray
    weights: FloatArray

    @cached_property
    def maximum(self) -> float:
        """Robust maximum: the value below which 95 % of the myocardium's area lies.

        The highest value alone is often noise, or the gut beside the inferior wall: in percent of
        it a healthy heart looks ill.
        """
        known = np.isfinite(self.values)
        areas = np.broadcast_to(self.weights[:, None], self.values.shape)[known]
        values = self.values[known]
        order = np.argsort(values)
        covered = np.cumsum(areas[order]) / areas.sum()
        robust = float(values[order][np.searchsorted(covered, ROBUST_FRACTION)])
        return robust if robust > 0 else float(values.max())

    @cached_property
    def percent(self) -> FloatArray:
        """Values in percent of the robust maximum; a twentieth of the area has 100 or more."""
        return np.asarray(100 * self.values / self.maximum)

    @cached_property
    def segments(self) -> tuple[SegmentValue, ...]:
        """The 17 segments in the order of their numbers."""
        numbers = segment_numbers()
        return tuple(self._segment(s, numbers == s.number) for s in SEGMENTS)

    def territory_percent(self, territory: str) -> float:
        """Return the mean of a coronary territory (``LAD``, ``LCX``, ``RCA``), percent."""
        numbers = [s.number for s in SEGMENTS if s.territory == territory]
        return 100 * self._mean(np.isin(segment_numbers(), numbers)) / self.maximum

    def _segment(self, segment: Segment, where: NDArray[np.bool_]) -> SegmentValue:
        values = self.values[where]
        sampled = np.isfinite(values)
        lowest = float(values[sampled].min()) if sampled.any() else float("nan")
        mean = self._mean(where)
        percent = 100 / self.maximum
        return SegmentValue(
            segment, mean, lowest, percent * mean, percent * lowest, float(sampled.mean())
        )

    def _mean(self, where: NDArray[np.bool_]) -> float:
        where = where & np.isfinite(self.values)
        if not where.any():
            return float("nan")
        weights = np.broadcast_to(self.weights[:, None], self.values.shape)
        return float(np.average(self.values[where], weights=weights[where]))


def angles_deg() -> FloatArray:
    """Return the angles of the rays: 0 lateral, 90 anterior; none lies on a segment's border."""
    return np.asarray((np.arange(DIRECTIONS) + 0.5) * 360 / DIRECTIONS)


def segment_numbers() -> NDArray[np.int64]:
    """Return the number of the segment of every sample of a polar map, shape as its values."""
    levels = [segment_at(level, angles_deg()) for level in range(len(LEVELS))]
    return np.repeat(levels, RINGS, axis=0)


def polar_map(
    image: Volume, ventricle: Ventricle, axis: LongAxis, frame: AffineTransform
) -> PolarMap:
    """Sample the myocardium of an image.

    Between the apical end of the cavity and the base, rays leave the long axis at right angles;
    over the apex they fan out from the end of the cavity. The value of a ray is the highest
    intensity within the myocardium, as in the maximum-count circumferential profiles of nuclear
    cardiology (Garcia et al. 1985, J Nucl Med 26:17-26). The base is the last plane with
    myocardium in almost as many directions as in any.

    Parameters
    ----------
    image
        The image, in the space of the labels.
    ventricle
        Labels of wall and cavity.
    axis
        Long axis of the ventricle.
    frame
        Short-axis frame with z along the axis; see `regkit_ventricle.frame`.

    Raises
    ------
    RegistrationError
        No plane has myocardium around most of the axis, or the myocardium has no uptake.
    """
    rays = _Rays(image, ventricle, axis, frame)
    end, base = rays.cavity_end, rays.base()
    rings = [
        *(rays.fan(elevation) for elevation in _middles(np.pi / 2, 0.0, RINGS)),
        *(rays.plane(z) for z in _middles(end, base, 3 * RINGS)),
    ]
    values = np.stack(rings)
    if not np.nanmax(values, initial=0.0) > 0:
        raise RegistrationError(
            "the myocardium has no uptake, all its voxels are 0 or less; is this the right image?"
        )
    # The circumference of a ring of the fan falls to zero towards the axis.
    circumference = np.cos(np.asarray(list(_middles(np.pi / 2, 0.0, RINGS))))
    return PolarMap(values, np.concatenate([circumference, np.ones(3 * RINGS)]))


@dataclass(frozen=True, eq=False)
class _Rays:
    """Rays from the long axis of a ventricle."""

    image: Volume
    ventricle: Ventricle
    axis: LongAxis
    frame: AffineTransform

    @cached_property
    def cavity_end(self) -> float:
        """Apical end of the cavity on the z axis of the frame, mm."""
        return float(self.frame.inverse().map_points(self.axis.cavity_end)[2])

    @cached_property
    def wall(self) -> Volume:
        """Mask of the myocardium as a volume that can be interpolated."""
        ventricle = self.ventricle
        return Volume(ventricle.myocardium.astype(np.float32), ventricle.labels.grid)

    @cached_property
    def radii(self) -> FloatArray:
        """Distances from the axis at which rays are sampled, to beyond the farthest wall."""
        outer = self.ventricle.points - self.axis.centre
        step = STEP * min(self.ventricle.labels.grid.spacing)
        farthest = float(np.linalg.norm(outer, axis=1).max())
        return np.asarray(np.arange(0.0, farthest + step, step), np.float64)

    def base(self) -> float:
        """Return the z of the last plane, towards the base, that is as good as closed, mm.

        A perfusion defect may leave a hole in the wall at every level.
        """
        step = STEP * min(self.ventricle.labels.grid.spacing)
        top = float(self.frame.inverse().map_points(self.axis.base)[2]) + 2 * step
        bottom = self.cavity_end + 3 * step
        most = max(map(self._met, _middles(bottom, top, RINGS)), default=0.0)
        if most >= LEAST_RING:
            for z in np.arange(top, bottom, -step):
                if self._met(float(z)) >= CLOSED_RING * most:
                    return float(z)
        raise RegistrationError(
            "the labels show no left ventricle: at no level is there myocardium around most of "
            "the long axis; check the labels"
        )

    def _met(self, z: float) -> float:
        """Return the fraction of the directions with myocardium in the plane at z."""
        return float(np.isfinite(self.plane(z)).mean())

    def plane(self, z: float) -> FloatArray:
        """Return the highest values in the plane at z, shape (`DIRECTIONS`,)."""
        return self._highest(np.array([0.0, 0.0, z]), 0.0)

    def fan(self, elevation: float) -> FloatArray:
        """Return the highest values on rays from the apical end of the cavity over the apex.

        They are sampled from a distance on, because near their origin they all coincide.
        """
        apical_wall = float(np.linalg.norm(self.axis.apex - self.axis.cavity_end))
        start = np.array([0.0, 0.0, self.cavity_end])
        return self._highest(start, elevation, FAN_START * apical_wall)

    def _highest(self, start: FloatArray, elevation: float, nearest: float = 0.0) -> FloatArray:
        angle = np.deg2rad(angles_deg())
        # Counter-clockwise as seen from the apex, where y points down.
        directions = np.stack(
            [
                np.cos(elevation) * np.cos(angle),
                -np.cos(elevation) * np.sin(angle),
                np.full(DIRECTIONS, -np.sin(elevation)),
            ],
            axis=-1,
        )
        radii = self.radii[self.radii >= nearest]
        points = start + radii[:, None, None] * directions
        mapped = self.frame.map_points(points.reshape(-1, 3))
        wall = values_at(self.wall, mapped) >= WALL_FRACTION
        values = np.where(wall, values_at(self.image, mapped), -np.inf)
        highest = values.reshape(len(radii), DIRECTIONS).max(axis=0)
        return np.where(np.isfinite(highest), highest, np.nan)


def _middles(start: float, end: float, count: int) -> Iterator[float]:
    """Yield the midpoints of equal parts of an interval."""
    yield from (start + (end - start) * (np.arange(count) + 0.5) / count).tolist()
