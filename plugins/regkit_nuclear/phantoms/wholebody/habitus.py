"""Size, build and position of a patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit_nuclear.painting.random_streams import chance, truncated_normal

# The anatomy is described for this height; the top of the head is always at VERTEX_MM.
REFERENCE_HEIGHT_MM = 1700.0
VERTEX_MM = 462.0


@dataclass(frozen=True)
class WholeBodyHabitus:
    """The size, build and position of a patient.

    Parameters
    ----------
    female
        Sex.
    height_mm
        Standing height.
    width, depth
        Scales of the anatomy along x and y.
    fatness
        Amount of fat, 0 lean to 1.3 obese.
    breathing_mm
        Shift of the diaphragm, mm, upwards positive.
    arms_up
        Whether the arms lie beside the head.
    offset_mm
        Offset of the patient from the axis of the scanner along x and y.
    """

    female: bool
    height_mm: float
    width: float
    depth: float
    fatness: float
    breathing_mm: float
    arms_up: bool
    offset_mm: tuple[float, float]

    @property
    def stature(self) -> float:
        """Scale of the anatomy along z."""
        return self.height_mm / REFERENCE_HEIGHT_MM

    @property
    def fat_mm(self) -> float:
        """Thickness of the fat under the skin."""
        return 4 + 20 * self.fatness


def draw_whole_body_habitus(rng: np.random.Generator) -> WholeBodyHabitus:
    """Draw a patient's habitus."""
    female = chance(rng, 0.45)
    height = truncated_normal(rng, 1640 if female else 1750, 60, 1500, 1900)
    build = (height / REFERENCE_HEIGHT_MM) ** 0.5
    return WholeBodyHabitus(
        female=female,
        height_mm=height,
        width=build * truncated_normal(rng, 0.95 if female else 1.0, 0.04, 0.86, 1.08),
        depth=build * truncated_normal(rng, 0.97 if female else 1.0, 0.05, 0.86, 1.1),
        fatness=truncated_normal(rng, 0.55, 0.3, 0.0, 1.3),
        breathing_mm=truncated_normal(rng, 0, 7, -15, 15),
        arms_up=chance(rng, 0.8),
        offset_mm=(truncated_normal(rng, 0, 5, -10, 10), truncated_normal(rng, 0, 5, -10, 10)),
    )
