"""Geometry of the gamma camera: orbit and collimator.

The detector turns about the patient's long axis z through the centre of the grid. At the angle
theta it lies, seen from the axis, in the direction (sin theta, -cos theta) of (x, y) in LPS:
0 degrees is anterior, 90 the patient's left, 180 posterior and -90 (or 270) the right, so rising
angles go from the front over the left to the back. RAO 45 is -45 and LPO 45 is 135 degrees.
Bins u run along (cos theta, sin theta): at 0 degrees to the patient's left, which is from left to
right for an observer who looks at the patient from behind the detector.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from regkit.errors import GeometryError
from regkit.geometry.grid import FloatArray, Grid

FWHM_PER_SIGMA = math.sqrt(8 * math.log(2))
LEAD_MU_PER_MM = 2.75  # linear attenuation coefficient of lead at 140 keV
RAO_45 = -45.0


@dataclass(frozen=True)
class Orbit:
    """The positions of the detector about the axis of rotation.

    Parameters
    ----------
    angles_deg
        Angle of the detector in each view, degrees (0 anterior, 90 left).
    radius_mm
        Distance of the collimator's face from the axis of rotation, mm; for an orbit that is not
        circular, one for each view.

    Raises
    ------
    GeometryError
        No views, numbers that are not finite, a radius that is not positive, or another number of
        radii than views.
    """

    angles_deg: tuple[float, ...]
    radius_mm: float | tuple[float, ...] = 240.0

    def __post_init__(self) -> None:
        angles = tuple(float(angle) for angle in self.angles_deg)
        if not angles or not np.isfinite(angles).all():
            raise GeometryError(f"an orbit needs finite angles, got {angles}")
        radii = np.atleast_1d(np.asarray(self.radius_mm, np.float64)).tolist()
        if not (np.isfinite(radii).all() and min(radii) > 0):
            raise GeometryError(f"an orbit's radius must be positive, got {self.radius_mm} mm")
        if len(radii) not in {1, len(angles)}:
            raise GeometryError(f"an orbit of {len(angles)} views has {len(radii)} radii")
        object.__setattr__(self, "angles_deg", angles)
        circular = len(set(radii)) == 1
        object.__setattr__(self, "radius_mm", radii[0] if circular else tuple(radii))

    @property
    def radii_mm(self) -> tuple[float, ...]:
        """Distance of the collimator's face from the axis in each view, mm."""
        if isinstance(self.radius_mm, tuple):
            return self.radius_mm
        return len(self.angles_deg) * (self.radius_mm,)

    @classmethod
    def cardiac(cls, views: int = 60) -> Orbit:
        """180 degrees from RAO 45 over the patient's left to LPO 45."""
        return cls.arc(views, RAO_45, 180.0)

    @classmethod
    def full(cls, views: int = 60) -> Orbit:
        """360 degrees, beginning at the front."""
        return cls.arc(views, 0.0, 360.0)

    @classmethod
    def arc(cls, views: int, start_deg: float, extent_deg: float) -> Orbit:
        """Evenly spaced views from `start_deg`; the end of the arc is not a view."""
        return cls(tuple(start_deg + extent_deg * view / views for view in range(views)))


@dataclass(frozen=True)
class Collimator:
    """A parallel-hole collimator with the crystal behind it, by default LEHR.

    Parameters
    ----------
    hole_mm
        Width of a hole.
    length_mm
        Length of the holes; septal penetration shortens it by two mean free paths in lead.
    intrinsic_mm
        Resolution of crystal and electronics, FWHM.
    """

    hole_mm: float = 1.5
    length_mm: float = 35.0
    intrinsic_mm: float = 3.9

    def fwhm_mm(self, distance_mm: ArrayLike) -> FloatArray:
        """Resolution at a distance from the collimator's face, full width at half maximum."""
        length = self.length_mm - 2 / LEAD_MU_PER_MM
        distance = np.maximum(np.asarray(distance_mm, dtype=np.float64), 0.0)
        return np.hypot(self.hole_mm * (length + distance) / length, self.intrinsic_mm)

    def sigma_mm(self, distance_mm: ArrayLike) -> FloatArray:
        """Standard deviation of the Gaussian of that resolution."""
        return self.fwhm_mm(distance_mm) / FWHM_PER_SIGMA


LEHR = Collimator()


def check_axial(grid: Grid) -> None:
    """Raise an error if a grid cannot be rotated about z slice by slice.

    Raises
    ------
    GeometryError
        The slices or their pixels are not square, or the axes are not those of the patient.
    """
    _, ny, nx = grid.shape_zyx
    if nx != ny or not math.isclose(grid.spacing[0], grid.spacing[1], rel_tol=1e-4):
        raise GeometryError(
            f"SPECT needs square slices of square pixels, got {nx} x {ny} of "
            f"{grid.spacing[0]:g} x {grid.spacing[1]:g} mm; resample the image first"
        )
    if not np.allclose(np.reshape(grid.direction, (3, 3)), np.eye(3), atol=1e-4):
        raise GeometryError(
            "SPECT needs a grid along the patient's axes (x left, y posterior, z superior); "
            "resample the image first"
        )
