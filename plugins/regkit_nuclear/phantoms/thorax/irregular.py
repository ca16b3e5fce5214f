"""Left ventricles as irregular as those of patients: a half ellipsoid's frame and walls deformed.

The axis is bent, the section no circle, the plane of the valve oblique and uneven, the wall of
uneven thickness with a rough inside, sometimes with an aneurysm. All of the heart is bent with it.

The frame of the pose is that of the labels: its z is the axis of the cup that fits them best, see
`regkit_ventricle.cup`, and its origin that cup's centre.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit.geometry.volume import LabelMap
from regkit_nuclear.painting.random_streams import (
    RandomStream,
    chance,
    generator,
    truncated_normal,
)
from regkit_nuclear.painting.shapes import (
    Capsule,
    Coordinates,
    Field,
    RandomField,
    as_field,
    grid_points,
    intersection,
    smooth_intersection,
    smooth_step,
    union_distance,
    vector,
)
from regkit_nuclear.phantoms.thorax.ventricle import LeftVentricle
from regkit_ventricle.axis import long_axis
from regkit_ventricle.frame import frame_along_axis
from regkit_ventricle.label_probabilities import BLOOD_POOL, MYOCARDIUM

# All numbers of this file were chosen by hand, looking at pictures and at volumes.
_BASE_ROUNDING_MM = 2.0
# Thinnest wall anywhere, which labels in voxels of 3.4 mm still show.
_THINNEST_MM = 4.0
# Beyond this many half-lengths from the middle the axis is straight.
_BENT_WITHIN = 1.3
# Cube in which the long axis of the labels is found, and its voxels, several sizes in turn.
_CUBE_MM, _VOXELS_MM = 160.0, (2.3, 2.6, 2.9, 3.2)
# Direction of the outflow tract from the long axis: to the septum and the anterior wall.
_OUTFLOW = (-0.8, -0.6)
# Angles about the long axis of the papillary muscles: 0 lateral, 90 inferior.
_PAPILLARY_DEG = (-40.0, 115.0)


@dataclass(frozen=True)
class Aneurysm:
    """A bulge of a thin wall: a place in the ventricle's frame, width and height in mm."""

    centre: tuple[float, float, float]
    width: float
    height: float

    def at(self, points: Coordinates) -> Field:
        """Return the share of the bulge at points, 1 in its middle."""
        away = sum((p - c) ** 2 for p, c in zip(points, self.centre, strict=True))
        return as_field(np.exp(-away / (2 * self.width**2)))


@dataclass(frozen=True)
class Irregularities:
    """The deviations of a ventricle from a half ellipsoid.

    Parameters
    ----------
    bend_mm
        Shift of apex and base against the middle, to lateral and inferior.
    oval, taper, flat
        Relative change of the width against the height of the section, of both from the middle to
        the base, and of the depth of its septal half.
    slant
        Slope of the valve plane towards the inferior wall, mm per mm.
    outflow_mm
        Length of the outflow tract, which has no muscle between septum and anterior wall.
    septal_mm
        Thickness that the septum has more.
    warp, thickness, rough, valve
        Random fields: of the place of everything, of the wall's thickness, of its inner surface,
        and of the valve plane.
    papillary
        The papillary muscles.
    aneurysm
        A bulge, or None.
    """

    bend_mm: tuple[float, float]
    oval: float
    taper: float
    flat: float
    slant: float
    outflow_mm: float
    septal_mm: float
    warp: RandomField
    thickness: RandomField
    rough: RandomField
    valve: RandomField
    papillary: tuple[Capsule, ...]
    aneurysm: Aneurysm | None


@dataclass(frozen=True)
class IrregularVentricle(LeftVentricle):
    """A left ventricle with irregularities.

    Parameters
    ----------
    radius, length, wall, apical_thinning, base_slant
        Those of the half ellipsoid that is deformed.
    irregular
        Its irregularities.
    to_shape
        Map of points of the pose's frame to that of the half ellipsoid, rigid.
    """

    irregular: Irregularities
    to_shape: AffineTransform = IDENTITY

    def straightened(self, points: Coordinates) -> Coordinates:
        """Return where points of the pose's frame are in that of the half ellipsoid."""
        odd, turn = self.irregular, self.to_shape.matrix[:3, :3]
        origin = -turn.T @ self.to_shape.matrix[:3, 3]
        placed = points.relative_to(origin, turn.T)
        dx, dy, dz = odd.warp.at(placed)
        z = placed.z + dz
        along = np.clip(z / (self.length / 2), -_BENT_WITHIN, _BENT_WITHIN)
        width = 1 + odd.taper * along
        x = (placed.x + dx - odd.bend_mm[0] * along**2) / (width * (1 + odd.oval))
        y = (placed.y + dy - odd.bend_mm[1] * along**2) / (width * (1 - odd.oval))
        x *= 1 + odd.flat * smooth_step(-x / self.radius, 0.0, 1.0)
        return Coordinates(as_field(x), as_field(y), as_field(z))

    def outline(self) -> FloatArray:
        """Return points (N, 3) on the epicardium of the half ellipsoid, in the pose's frame."""
        return self.to_shape.inverse().map_points(super().outline())

    def beyond_base(self, points: Coordinates) -> Field:
        """Return the signed distance to the valve plane, positive towards the atria."""
        plane = super().beyond_base(points) - self.irregular.slant * points.y
        return as_field(plane + self.irregular.valve.at(points)[0])

    def distances(self, points: Coordinates) -> tuple[Field, Field]:
        """Signed distances of the whole ventricle and of its blood pool, points straightened."""
        odd, base = self.irregular, self.beyond_base(points)
        bulge = odd.aneurysm.at(points) if odd.aneurysm else as_field(0.0)
        moved = bulge * (odd.aneurysm.height if odd.aneurysm else 0.0)
        radius = np.maximum(np.hypot(points.x, points.y), 1.0)
        septal = odd.septal_mm * smooth_step(-points.x / radius, 0.2, 1.0)
        thicker = odd.thickness.at(points)[0] + odd.rough.at(points)[0] + septal
        outer = self.epicardium.distance(points) - moved
        inner = self.endocardium.distance(points) - moved + thicker * (1 - bulge)
        inner -= bulge * max(self.wall - _THINNEST_MM, 0.0)
        blood = intersection(inner, outer + _THINNEST_MM, base)
        beside = (points.x * _OUTFLOW[0] + points.y * _OUTFLOW[1]) / radius
        muscle_end = base + odd.outflow_mm * smooth_step(beside, 0.5, 0.9)
        muscle = smooth_intersection(outer, muscle_end, _BASE_ROUNDING_MM)
        return union_distance(muscle, blood), blood

    def papillary_muscles(self, points: Coordinates) -> Field:
        """Return the signed distance of the papillary muscles."""
        return union_distance(*(muscle.distance(points) for muscle in self.irregular.papillary))


def draw_irregular_ventricle(seed: int) -> IrregularVentricle:
    """Draw a left ventricle with irregularities."""
    rng = generator(seed, RandomStream.VENTRICLE_SHAPE)
    radius = truncated_normal(rng, 33, 5, 25, 44)
    shape = IrregularVentricle(
        radius=radius,
        length=truncated_normal(rng, 88, 10, max(66.0, 2.1 * radius), 110),
        wall=truncated_normal(rng, 9.5, 2.2, 6, min(15.0, 0.42 * radius)),
        apical_thinning=rng.uniform(0.5, 1.0),
        base_slant=rng.uniform(-0.05, 0.35),
        irregular=_draw_irregularities(rng, radius),
    )
    return _placed(shape)


def _draw_irregularities(rng: np.random.Generator, radius: float) -> Irregularities:
    return Irregularities(
        bend_mm=(truncated_normal(rng, 0, 4, -9, 9), truncated_normal(rng, 0, 4, -9, 9)),
        oval=truncated_normal(rng, 0, 0.05, -0.12, 0.12),
        taper=truncated_normal(rng, 0, 0.06, -0.15, 0.15),
        flat=rng.uniform(0, 0.3),
        slant=truncated_normal(rng, 0, 0.12, -0.3, 0.3),
        outflow_mm=rng.uniform(0, 12),
        septal_mm=truncated_normal(rng, 0.5, 1.5, -2, 5),
        warp=RandomField.draw(rng, rng.uniform(0.5, 3.0), (50, 180), components=3),
        thickness=RandomField.draw(rng, rng.uniform(0.3, 1.6), (35, 150)),
        rough=RandomField.draw(rng, rng.uniform(0.1, 1.0), (9, 25)),
        valve=RandomField.draw(rng, rng.uniform(0.3, 1.8), (25, 90)),
        papillary=_draw_papillary_muscles(rng, radius),
        aneurysm=_draw_aneurysm(rng, radius) if chance(rng, 0.15) else None,
    )


def _draw_papillary_muscles(rng: np.random.Generator, radius: float) -> tuple[Capsule, ...]:
    """Draw two muscles from the wall towards the valve."""
    muscles = []
    for middle in _PAPILLARY_DEG:
        angle = np.deg2rad(middle + rng.uniform(-20, 20))
        across = radius * np.array([np.cos(angle), np.sin(angle)])
        start = vector([*(0.7 * across), rng.uniform(-22, -10)])
        end = vector([*(rng.uniform(0.35, 0.55) * across), rng.uniform(5, 18)])
        muscles.append(Capsule(start, end, rng.uniform(2.5, 5.5), 1.5))
    return tuple(muscles)


def _draw_aneurysm(rng: np.random.Generator, radius: float) -> Aneurysm:
    """Draw a bulge of the apex or of the wall around it."""
    angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.8) * radius
    centre = vector([away * np.cos(angle), away * np.sin(angle), rng.uniform(-45, -20)])
    return Aneurysm(centre, rng.uniform(12, 20), rng.uniform(3, 9))


def _placed(shape: IrregularVentricle) -> IrregularVentricle:
    """Return a ventricle whose frame of the pose is that of its labels."""
    # A fit depends on the voxels by some degrees: the axis is the mean of several.
    axes = [long_axis(_labels(shape, voxel)) for voxel in _VOXELS_MM]
    centre = np.mean([a.centre for a in axes], axis=0)
    direction = np.mean([a.direction for a in axes], axis=0)
    mean = replace(axes[0], centre=centre, apex=centre - direction, base=centre + direction)
    return replace(shape, to_shape=frame_along_axis(mean, IDENTITY))


def _labels(shape: IrregularVentricle, voxel_mm: float) -> LabelMap:
    """Return the labels of a ventricle in the frame of the half ellipsoid."""
    count = round(_CUBE_MM / voxel_mm)
    first = (1 - count) / 2 * voxel_mm
    grid = Grid((count,) * 3, (voxel_mm,) * 3, (first,) * 3)
    whole, blood = shape.distances(shape.straightened(grid_points(grid)))
    labels = np.where(whole < 0, MYOCARDIUM, 0).astype(np.uint8)
    labels[blood < 0] = BLOOD_POOL
    return LabelMap(labels, grid)
