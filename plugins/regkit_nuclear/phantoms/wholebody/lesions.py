"""Lesions that take up FDG: in lymph nodes, lungs, liver and bone marrow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.geometry.grid import Vector3
from regkit_nuclear.painting.canvas import PaintedPart
from regkit_nuclear.painting.random_streams import truncated_lognormal, uniform
from regkit_nuclear.painting.shapes import vector
from regkit_nuclear.painting.solids import ellipsoid
from regkit_nuclear.phantoms.wholebody.organs import part

# Sites of lesions: centre and half-size of a box, largest radius (mm), HU.
_SITES: dict[str, tuple[Vector3, Vector3, float, float]] = {
    "mediastinal node": ((4, 8, 96), (22, 22, 34), 13, 40),
    "cervical node": ((0, 8, 235), (40, 14, 28), 9, 40),
    "axillary node": ((-132, 6, 118), (12, 18, 24), 10, 30),
    "left lung": ((66, 10, 60), (26, 46, 60), 18, 30),
    "right lung": ((-66, 10, 70), (26, 46, 50), 18, 30),
    "liver": ((-66, 2, -50), (34, 38, 34), 18, 38),
    "retroperitoneal node": ((8, 20, -150), (24, 10, 50), 12, 40),
    "pelvic node": ((0, 0, -320), (60, 20, 20), 11, 40),
    "thoracic vertebra": ((0, 62, 60), (9, 5, 90), 10, 120),
    "lumbar vertebra": ((0, 46, -160), (11, 6, 60), 12, 120),
    "left ilium": ((92, 50, -240), (12, 12, 20), 10, 120),
}


@dataclass(frozen=True)
class Lesion:
    """An ellipsoidal lesion; mm in the frame of the anatomy."""

    site: str
    centre: Vector3
    half_axes: Vector3
    suv: float
    hu: float


def draw_lesions(rng: np.random.Generator) -> tuple[Lesion, ...]:
    """Draw none to six lesions; a third of the patients have none."""
    count = max(int(rng.integers(-2, 7)), 0)
    return tuple(_draw_lesion(rng) for _ in range(count))


def paint_lesions(lesions: tuple[Lesion, ...]) -> list[PaintedPart]:
    """Return the parts of the lesions; the labels of the organs are kept."""
    return [part(ellipsoid(each.centre, each.half_axes), each.hu, each.suv) for each in lesions]


def _draw_lesion(rng: np.random.Generator) -> Lesion:
    site = list(_SITES)[rng.integers(len(_SITES))]
    middle, size, largest, hu = _SITES[site]
    radius = uniform(rng, 4, largest)
    return Lesion(
        site=site,
        centre=vector(np.add(middle, rng.uniform(-1, 1, 3) * size)),
        half_axes=vector(radius * rng.uniform(0.8, 1.2, 3)),
        suv=truncated_lognormal(rng, 7, 0.5, 3, 20),
        hu=hu,
    )
