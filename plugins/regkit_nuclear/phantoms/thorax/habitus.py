"""Sex, size and build of a patient, and the rib cage that has to hold the heart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regkit.geometry.grid import FloatArray, Vector3
from regkit.geometry.rotation import rotation_matrix
from regkit_nuclear.painting.random_streams import RandomStream, generator, truncated_normal
from regkit_nuclear.painting.shapes import Coordinates, Field, Profile, superellipse, tube, vector
from regkit_nuclear.phantoms.thorax.pose import HeartPose

CAGE_EXPONENT = 2.3

# Heights in mm above the heart's centre for a body of scale 1, half-axes relative to the widest
# ones, and posterior shift of the centre; chosen by hand.
_CAGE_HEIGHTS = (-280, -170, -110, -60, 0, 50, 95, 125, 148, 162, 172)
_CAGE_WIDTH = (0.82, 0.93, 1.0, 1.03, 1.01, 0.94, 0.81, 0.66, 0.48, 0.32, 0.05)
_CAGE_DEPTH = (0.84, 0.90, 0.98, 1.02, 1.0, 0.95, 0.83, 0.69, 0.53, 0.38, 0.08)
_CAGE_BACKWARD = (4, 2, 0, 0, 0, 3, 10, 18, 24, 26, 27)

# Least distance of the heart from the inside of the ribs; chosen by hand.
_HEART_MARGIN_MM = 7.0


@dataclass(frozen=True)
class Habitus:
    """The build of a patient.

    Parameters
    ----------
    female
        Sex.
    scale
        Size of the body, 1 on average.
    fatness
        Amount of fat, 0 thin to 1.5 obese.
    arms_up
        Whether the arms are raised beside the head.
    origin_mm
        Origin of the body's frame, LPS: in the midline, at the centre of the chest and at the
        height of the heart.
    roll_deg
        Rotation of the body's frame about z.
    chest_half_width, chest_half_depth
        Half-axes of the chest inside the ribs, mm.
    dome_left, dome_right
        Heights of the domes of the diaphragm above the heart's centre, mm.
    breast_size, breast_height
        Relative size of the breasts, and their height above the heart's centre in mm.
    """

    female: bool
    scale: float
    fatness: float
    arms_up: bool
    origin_mm: Vector3
    roll_deg: float
    chest_half_width: float
    chest_half_depth: float
    dome_left: float
    dome_right: float
    breast_size: float
    breast_height: float

    @property
    def fat_mm(self) -> float:
        """Thickness of the fat under the skin."""
        return 4 + 24 * self.fatness

    @property
    def rotation(self) -> FloatArray:
        """3 x 3 matrix whose columns are the axes of the body's frame in LPS."""
        return rotation_matrix((0, 0, self.roll_deg))

    @cached_property
    def cage(self) -> Cage:
        """The inside of the ribs, continued as the wall of the abdomen."""
        return Cage(self.scale, self.chest_half_width, self.chest_half_depth)


class Cage:
    """A tube of superellipses, tapering towards the neck; heights above the heart in mm."""

    def __init__(self, scale: float, half_width: float, half_depth: float) -> None:
        heights = np.multiply(_CAGE_HEIGHTS, scale)
        self.half_width = Profile(heights, np.multiply(_CAGE_WIDTH, half_width))
        self.half_depth = Profile(heights, np.multiply(_CAGE_DEPTH, half_depth))
        self.backward = Profile(heights, np.multiply(_CAGE_BACKWARD, scale))

    def distance(self, points: Coordinates, deepened: float = 1.0) -> Field:
        """Signed distance in mm; `deepened` scales the depth, for breathing in."""
        x, y, z = points
        depth = self.half_depth(z) * deepened
        return tube(x, y - self.backward(z), self.half_width(z), depth, CAGE_EXPONENT)

    def fill(self, points: FloatArray, margin_mm: float) -> float:
        """Return the largest relative radius of points (N, 3) with a margin; 1 is at the ribs."""
        x, y, z = points.T
        width = np.interp(z, self.half_width.knots, self.half_width.values)
        depth = np.interp(z, self.half_depth.knots, self.half_depth.values)
        y = y - np.interp(z, self.backward.knots, self.backward.values)
        x, y = (np.abs(x) + margin_mm) / width, (np.abs(y) + margin_mm) / depth
        return float(superellipse(x, y, CAGE_EXPONENT).max())


def draw_habitus(seed: int, pose: HeartPose, heart_mm: FloatArray, female: bool) -> Habitus:
    """Draw the build of a patient around a heart.

    Parameters
    ----------
    seed
        Seed of the patient.
    pose
        Pose of the left ventricle.
    heart_mm
        Points (N, 3) of the heart's surface in LPS mm.
    female
        Sex.
    """
    rng = generator(seed, RandomStream.HABITUS)
    scale = truncated_normal(rng, 1.0, 0.07, 0.85, 1.18) * (0.94 if female else 1.02)
    width = 138 * scale * truncated_normal(rng, 1, 0.05, 0.88, 1.12)
    depth = 88 * scale * truncated_normal(rng, 1, 0.06, 0.86, 1.14)
    roll, midline = truncated_normal(rng, 0, 2.5, -6, 6), truncated_normal(rng, 0, 5, -12, 12)
    centre = np.array(pose.centre_mm)
    origin = np.array([midline, centre[1] + 34 * scale + (depth - 84) / 2, centre[2]])
    origin, enlarged = _fitted(Cage(scale, width, depth), origin, roll, heart_mm)
    left = truncated_normal(rng, -40, 7, -56, -26)
    return Habitus(
        female=female,
        scale=scale,
        fatness=truncated_normal(rng, 0.62, 0.33, 0, 1.5),
        arms_up=bool(rng.random() < 0.92),
        origin_mm=vector(origin),
        roll_deg=roll,
        chest_half_width=width * enlarged,
        chest_half_depth=depth * enlarged,
        dome_left=left,
        dome_right=left + truncated_normal(rng, 18, 7, 2, 34),
        breast_size=rng.uniform(0.6, 1.3),
        breast_height=rng.uniform(-25, 5),
    )


def _fitted(
    cage: Cage, origin: FloatArray, roll_deg: float, heart_mm: FloatArray
) -> tuple[FloatArray, float]:
    """Shift the chest backward or forward until it holds the heart; enlarge it if necessary."""
    rotation = rotation_matrix((0, 0, roll_deg))

    def fill(shift: float) -> float:
        points = (heart_mm - origin - [0, shift, 0]) @ rotation
        return cage.fill(points, _HEART_MARGIN_MM)

    shifts = (0.0, -4.0, 4.0, -8.0, 8.0, -12.0, 12.0, -16.0, 16.0, -20.0, -24.0)
    fills = [fill(s) for s in shifts]
    fitting = [i for i, f in enumerate(fills) if f <= 1]
    best = fitting[0] if fitting else int(np.argmin(fills))
    return np.add(origin, (0, shifts[best], 0)), max(1.0, fills[best])
