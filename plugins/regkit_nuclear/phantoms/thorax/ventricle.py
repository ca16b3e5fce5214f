"""The left ventricle: a truncated half-ellipsoid shell, in its own frame.

The frame's axes are lateral, inferior and base. Its origin is the centre of the ventricle, wall
and blood together, so that the centre of the pose is that of the labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit_nuclear.painting.random_streams import RandomStream, generator, truncated_normal
from regkit_nuclear.painting.shapes import (
    Coordinates,
    Ellipsoid,
    Field,
    intersection,
    smooth_intersection,
)

# Distance from the apex to the widest section, relative to the length; chosen by hand.
_WIDEST = 0.66
_BASE_ROUNDING_MM = 2.0


@dataclass(frozen=True)
class LeftVentricle:
    """The size and shape of a left ventricle.

    Parameters
    ----------
    radius
        Epicardial radius, mm.
    length
        Length from apex to base, mm.
    wall
        Thickness of the wall, mm.
    apical_thinning
        Thickness of the apical wall relative to that of the other wall.
    base_slant
        Slope of the base: the lateral wall is longer than the septum (mm per mm).
    """

    radius: float
    length: float
    wall: float
    apical_thinning: float
    base_slant: float

    @property
    def widest(self) -> float:
        """Position of the ellipsoid's centre on the axis, mm from the ventricle's centre."""
        c, b = self.length * _WIDEST, self.length * (1 - _WIDEST)
        volume = b + c - (b**3 + c**3) / (3 * c**2)
        moment = (b**2 - c**2) / 2 - (b**4 - c**4) / (4 * c**2)
        return -moment / volume

    @property
    def apex(self) -> float:
        """Position of the apex (epicardium) on the axis, mm."""
        return self.widest - self.length * _WIDEST

    @property
    def base(self) -> float:
        """Position of the valve plane on the axis, mm."""
        return self.apex + self.length

    @property
    def epicardium(self) -> Ellipsoid:
        """The whole epicardial ellipsoid."""
        return Ellipsoid((0, 0, self.widest), (self.radius, self.radius, self.length * _WIDEST))

    @property
    def endocardium(self) -> Ellipsoid:
        """The whole endocardial ellipsoid."""
        inner = self.radius - self.wall
        depth = self.length * _WIDEST - self.wall * self.apical_thinning
        return Ellipsoid((0, 0, self.widest), (inner, inner, depth))

    def beyond_base(self, points: Coordinates) -> Field:
        """Return the signed distance to the slanted valve plane, positive towards the atria."""
        return points.z - self.base - self.base_slant * points.x

    def distances(self, points: Coordinates) -> tuple[Field, Field]:
        """Signed distances of the whole ventricle and of its blood pool, points in its frame."""
        base = self.beyond_base(points)
        whole = smooth_intersection(self.epicardium.distance(points), base, _BASE_ROUNDING_MM)
        return whole, intersection(self.endocardium.distance(points), base)

    def straightened(self, points: Coordinates) -> Coordinates:
        """Return where points of the pose's frame are in that of the ventricle: the same."""
        return points

    def papillary_muscles(self, points: Coordinates) -> Field | None:  # noqa: ARG002
        """Return the signed distance of the papillary muscles, None for a smooth cavity."""
        return None

    def outline(self) -> FloatArray:
        """Return points (N, 3) on the epicardium in the ventricle's frame."""
        angle, height = np.meshgrid(np.linspace(0, 2 * np.pi, 24), np.linspace(0, 1, 12))
        w = self.apex + height * self.length
        depth = self.length * _WIDEST
        r = self.radius * np.sqrt(np.maximum(1 - ((w - self.widest) / depth) ** 2, 0))
        return np.stack([r * np.cos(angle), r * np.sin(angle), w], axis=-1).reshape(-1, 3)


def draw_ventricle(seed: int, female: bool) -> LeftVentricle:
    """Draw the size of a left ventricle."""
    rng = generator(seed, RandomStream.HEART)
    radius = truncated_normal(rng, 34, 3.5, 27.5, 43) * (0.95 if female else 1.03)
    return LeftVentricle(
        radius=radius,
        # Never spherical: a sphere has no long axis.
        length=truncated_normal(rng, 88, 8, max(72.0, 2.25 * radius), 110),
        wall=truncated_normal(rng, 10.5, 1.2, 8.2, 13.5),
        apical_thinning=rng.uniform(0.7, 0.95),
        base_slant=rng.uniform(0.02, 0.07),
    )
