"""The shape and the contents of a prostate, drawn at random, and the outline of the gland."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regkit.geometry.grid import FloatArray, Vector3
from regkit_nuclear.painting.random_streams import chance, truncated_normal, uniform
from regkit_nuclear.painting.shapes import Coordinates, vector
from regkit_nuclear.painting.solids import Solid, ellipsoid, free_form


@dataclass(frozen=True)
class Spot:
    """A round structure in the gland: a nodule, cyst, calcification or tumour; mm."""

    centre: Vector3
    half_axes: Vector3
    brightness: float = 0.5


@dataclass(frozen=True)
class Gland:
    """Shape and contents of a prostate, mm, centred in the gland.

    Parameters
    ----------
    width, height, length
        Half-axes along x, y and z.
    transition
        Size of the transition zone, 0 small to 1 (hyperplasia).
    nodules, cysts, calcifications, lesions
        Contents of the gland; there are always at least two calcifications and two cysts.
    rectum_mm
        Radius of the rectum in MR.
    """

    width: float
    height: float
    length: float
    transition: float
    nodules: tuple[Spot, ...]
    cysts: tuple[Spot, ...]
    calcifications: tuple[Spot, ...]
    lesions: tuple[Spot, ...]
    rectum_mm: float

    @property
    def probe_y(self) -> float:
        """The y of the axis of rectum and probe, mm."""
        return self.height + 12.0

    def point(self, x: float, y: float, z: float) -> Vector3:
        """Return the point in mm with these coordinates in half-axes of the gland."""
        return x * self.width, y * self.height, z * self.length

    def outline(self) -> Solid:
        """Return the outline: it narrows to the apex and has a posterior furrow."""
        whole = ellipsoid((0, 0, 0), (self.width, self.height, self.length))

        def distance(p: Coordinates) -> Any:
            taper = 0.11 * np.maximum(-p.z, 0)
            furrow = 1.8 * np.exp(-((p.x / 7) ** 2)) * np.clip(p.y / self.height, 0, 1)
            return whole.distance(p) + taper + furrow

        return free_form(distance, whole.bounds)

    def surface(self, direction: FloatArray) -> Vector3:
        """Return the point of the outline in a direction from the centre."""
        steps = np.linspace(5, 60, 2201)
        ray = (steps[:, None] * direction / np.linalg.norm(direction)).astype(np.float32)
        outside = self.outline().distance(Coordinates(*ray.T)) > 0
        return vector(ray[np.argmax(outside)])


def draw_gland(rng: np.random.Generator) -> Gland:
    """Draw a prostate of about 20 to 90 mL."""
    transition = uniform(rng, 0.2, 1.0)
    growth = 0.9 + 0.25 * transition
    return Gland(
        width=growth * truncated_normal(rng, 24, 2, 19, 29),
        height=growth * truncated_normal(rng, 15.5, 1.6, 12, 20),
        length=growth * truncated_normal(rng, 19.5, 2, 15, 25),
        transition=transition,
        nodules=_spots(rng, int(rng.integers(5, 12)), (0.45, 0.5, 0.5), (2.5, 6.5)),
        cysts=_spots(rng, 2, (0.5, 0.4, 0.5), (1.8, 3.2)),
        calcifications=_spots(rng, int(rng.integers(2, 5)), (0.4, 0.3, 0.45), (0.8, 1.6)),
        lesions=_lesions(rng),
        rectum_mm=uniform(rng, 8, 13),
    )


def _spots(
    rng: np.random.Generator, count: int, reach: Vector3, sizes: tuple[float, float]
) -> tuple[Spot, ...]:
    """Draw spots; their centres are in half-axes of the gland."""
    return tuple(
        Spot(
            centre=vector(rng.uniform(-1, 1, 3) * reach),
            half_axes=vector(uniform(rng, *sizes) * rng.uniform(0.8, 1.2, 3)),
            brightness=uniform(rng, 0.2, 0.85),
        )
        for _ in range(count)
    )


def _lesions(rng: np.random.Generator) -> tuple[Spot, ...]:
    if not chance(rng, 0.6):
        return ()
    side = 1.0 if chance(rng, 0.5) else -1.0
    centre = (side * uniform(rng, 0.3, 0.7), uniform(rng, 0.5, 0.7), uniform(rng, -0.5, 0.4))
    return (Spot(centre, vector(uniform(rng, 3, 7) * rng.uniform(0.7, 1.2, 3)), 0.3),)
