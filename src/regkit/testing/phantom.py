"""A thorax of ellipsoids that can be painted on any grid, in two contrasts, in any pose.

For tests and the demo: its truth is exact, it has no symmetry, and it is painted in milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import LabelMap, Volume

Contrast = Literal["ct", "pet"]

EDGE_MM = 4.0  # width of the ramp of intensity at the edge of a part


@dataclass(frozen=True)
class PhantomPart:
    """An ellipsoid: centre and half axes in LPS mm, rotation in degrees, HU and uptake in SUV."""

    name: str
    centre: Vector3
    half_axes: Vector3
    ct: float
    pet: float
    euler_deg: Vector3 = (0.0, 0.0, 0.0)


# Painted in this order; LPS mm, the body's centre at the origin. Sizes and intensities are
# plausible for an adult and chosen by hand.
PARTS = (
    PhantomPart("body", (0, 0, 0), (140, 95, 150), 20, 0.6),
    PhantomPart("right lung", (-62, -8, 38), (48, 62, 82), -780, 0.3, (0, 6, 8)),
    PhantomPart("left lung", (64, -4, 46), (44, 58, 72), -780, 0.3, (0, -8, -6)),
    PhantomPart("liver", (-48, -10, -70), (72, 62, 42), 60, 2.2, (8, 18, 0)),
    PhantomPart("spleen", (76, 34, -62), (22, 34, 28), 50, 1.8, (20, 0, 25)),
    PhantomPart("stomach", (40, -34, -70), (34, 28, 24), 0, 0.4, (0, 20, 15)),
    PhantomPart("mediastinum", (6, -6, 60), (26, 40, 70), 40, 1.1),
    PhantomPart("heart", (34, -34, 4), (40, 32, 46), 45, 4.0, (50, 35, 0)),
    PhantomPart("left ventricle", (36, -36, 2), (24, 18, 30), 40, 1.2, (50, 35, 0)),
    PhantomPart("spine", (2, 66, 0), (18, 20, 146), 320, 0.9),
    PhantomPart("cord", (2, 78, 0), (7, 7, 146), 30, 0.5),
    PhantomPart("sternum", (-2, -84, 40), (16, 6, 60), 280, 0.8, (-6, 0, 0)),
    PhantomPart("right kidney", (-54, 46, -104), (22, 20, 34), 35, 2.8, (10, 10, 0)),
    PhantomPart("lesion", (-70, 20, 62), (12, 12, 12), 30, 6.0),
)
# Intensity outside the body, HU and SUV.
AIR = {"ct": -1000.0, "pet": 0.0}


# Checks and tests ask for the same few images again and again.
@lru_cache(maxsize=16)
def thorax(
    grid: Grid, contrast: Contrast = "ct", pose: Transform = IDENTITY, noise: float = 0.0
) -> Volume:
    """Paint the thorax.

    Parameters
    ----------
    grid
        Grid of the image; outside the body is air.
    contrast
        ``ct`` in HU or ``pet`` in SUV.
    pose
        Map of the phantom's own frame to the image's, LPS mm. A fixed image with pose `a` and a
        moving one with pose ``t @ a`` have `t` as their true fixed-to-moving map.
    noise
        Standard deviation of Gaussian noise as a fraction of the soft-tissue contrast; seeded.
    """
    image = np.full(grid.shape_zyx, AIR[contrast])
    points = _own_points(grid, pose)
    for part in PARTS:
        fraction = _fraction(part, points)
        image += fraction * (getattr(part, contrast) - image)
    if noise:
        scale = noise * (1000.0 if contrast == "ct" else 1.0)
        # Each contrast has its own noise: equal noise would make the images look related.
        rng = np.random.default_rng(list(AIR).index(contrast))
        image += rng.normal(0.0, scale, image.shape)
    return Volume(image, grid, contrast)


def thorax_labels(grid: Grid, pose: Transform = IDENTITY) -> LabelMap:
    """Paint the parts as labels 1, 2, ... in the order of `PARTS`."""
    labels = np.zeros(grid.shape_zyx, dtype=np.uint8)
    points = _own_points(grid, pose)
    for number, part in enumerate(PARTS, start=1):
        labels[_fraction(part, points) >= 0.5] = number
    return LabelMap(labels, grid)


def _own_points(grid: Grid, pose: Transform) -> FloatArray:
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1)
    return pose.inverse().map_points(grid.to_physical(index))


def _fraction(part: PhantomPart, points: FloatArray) -> FloatArray:
    """Return the fraction of a part in each voxel: 1 inside, 0 outside, a ramp between."""
    own = (points - np.asarray(part.centre)) @ rotation_matrix(part.euler_deg)
    distance = (np.linalg.norm(own / part.half_axes, axis=-1) - 1) * min(part.half_axes)
    return np.asarray(np.clip(0.5 - distance / EDGE_MM, 0.0, 1.0))
