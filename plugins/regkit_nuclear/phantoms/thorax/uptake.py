"""Tracer uptake of the organs, and perfusion defects of the myocardium."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

import numpy as np

from regkit_nuclear.painting.random_streams import (
    RandomStream,
    generator,
    truncated_lognormal,
    truncated_normal,
)
from regkit_nuclear.painting.shapes import Coordinates, Field, as_field, smooth_step
from regkit_nuclear.phantoms.thorax.pose import Tracer
from regkit_nuclear.phantoms.thorax.ventricle import LeftVentricle

Territory: TypeAlias = Literal["LAD", "LCx", "RCA"]

# Mean and standard deviation of the angle about the long axis in degrees: 0 lateral, 90 inferior,
# 180 septal, 270 anterior. Chosen by hand.
TERRITORIES: Final[dict[Territory, tuple[float, float]]] = {
    "LAD": (260.0, 25.0),
    "LCx": (0.0, 25.0),
    "RCA": (100.0, 22.0),
}
# Limit of uptake that is varied at random, relative to healthy myocardium; chosen by hand.
BRIGHTEST: Final = 4.0
# Organs whose uptake beside the heart disturbs.
ABDOMEN: Final = ("liver", "spleen", "stomach", "gut", "gallbladder", "kidneys")


@dataclass(frozen=True)
class ThoraxUptake:
    """Activity concentration of every tissue, relative to healthy myocardium (1)."""

    blood: float
    lung: float
    liver: float
    spleen: float
    stomach: float
    gut: float
    gallbladder: float
    kidneys: float
    soft: float
    fat: float
    marrow: float
    right_ventricle: float
    breast: float

    def with_abdomen(self, factor: float) -> ThoraxUptake:
        """Return the uptake with that of every organ of the abdomen times a factor."""
        return replace(self, **{name: factor * getattr(self, name) for name in ABDOMEN})


@dataclass(frozen=True)
class Defect:
    """A perfusion defect in the territory of a narrowed coronary artery.

    Parameters
    ----------
    territory
        Coronary artery.
    angle_deg, height
        Centre: angle about the long axis (0 lateral, 90 inferior), height along it (0 apex, 1
        base).
    half_width_deg, half_height
        Half-widths in both directions.
    depth
        Fraction of the uptake that is lost in the centre.
    """

    territory: Territory
    angle_deg: float
    height: float
    half_width_deg: float
    half_height: float
    depth: float

    def remaining(self, points: Coordinates, ventricle: LeftVentricle) -> Field:
        """Return the fraction of the uptake that remains; points in the ventricle's frame."""
        angle = np.arctan2(points.y, points.x) - math.radians(self.angle_deg)
        turn = np.abs((angle + np.pi) % (2 * np.pi) - np.pi)
        height = axial_height(points, ventricle)
        # All angles meet at the apex, where the width is the distance along the wall instead.
        turn *= np.clip(height / 0.25, 0, 1)
        across = turn / math.radians(self.half_width_deg)
        along = (height - self.height) / self.half_height
        core = 1 - smooth_step(np.hypot(across, along), 0.7, 1.0)
        return as_field(1 - self.depth * core)


def axial_height(points: Coordinates, ventricle: LeftVentricle) -> Field:
    """Return the relative height of points of the ventricle's frame: 0 apex, 1 base."""
    height = (points.z - ventricle.apex) / ventricle.length
    return as_field(height)


def myocardial_uptake(
    points: Coordinates, ventricle: LeftVentricle, defects: tuple[Defect, ...]
) -> Field:
    """Return the uptake of the wall: lower at the base, in the membranous septum, in defects."""
    height = axial_height(points, ventricle)
    uptake = 1 - 0.10 * smooth_step(height, 0.78, 1.0)
    radius = np.maximum(np.hypot(points.x, points.y), 1e-3)
    septal = smooth_step(-points.x / radius, 0.4, 0.9)
    uptake *= 1 - 0.45 * septal * smooth_step(height, 0.74, 0.92)
    for defect in defects:
        uptake *= defect.remaining(points, ventricle)
    return as_field(uptake)


def draw_thorax_uptake(seed: int, tracer: Tracer) -> ThoraxUptake:
    """Draw the uptake of all tissues; PET flow tracers have less in bile and gut."""
    rng = generator(seed, RandomStream.UPTAKE)
    bile = 1.0 if tracer == "spect" else 0.4
    return ThoraxUptake(
        blood=rng.uniform(0.04, 0.14),
        lung=rng.uniform(0.015, 0.08),
        liver=truncated_lognormal(rng, 0.6, 0.45, 0.18, 1.57),
        spleen=rng.uniform(0.2, 0.6),
        stomach=truncated_lognormal(rng, 0.15, 0.6, 0.03, 0.6),
        gut=truncated_lognormal(rng, 0.45, 0.7, 0.05, 2.2) * bile,
        gallbladder=rng.uniform(0.3, 4.0) * bile,
        kidneys=rng.uniform(0.5, 1.3),
        soft=truncated_lognormal(rng, 0.042, 0.45, 0.018, 0.10),
        fat=rng.uniform(0.005, 0.03),
        marrow=rng.uniform(0.06, 0.14),
        right_ventricle=rng.uniform(0.3, 0.6),
        breast=rng.uniform(0.02, 0.05),
    )


def draw_varied_surroundings(seed: int, uptake: ThoraxUptake) -> ThoraxUptake:
    """Draw uptake of blood and right ventricle, and a factor of 1/3 to 3 on all other tissue."""
    rng = generator(seed, RandomStream.VARIED_UPTAKE)
    factors = {name: float(3 ** rng.uniform(-1, 1)) for name in vars(uptake)}
    varied = {name: min(value * factors[name], BRIGHTEST) for name, value in vars(uptake).items()}
    return replace(
        uptake, **varied | {"blood": rng.uniform(0.03, 0.35), "right_ventricle": rng.random()}
    )


def draw_defects(seed: int) -> tuple[Defect, ...]:
    """Draw the defects of a patient: none in half of them, else one or (30 %) two."""
    rng = generator(seed, RandomStream.DEFECTS)
    if rng.random() >= 0.5:
        return ()
    return tuple(_draw_defect(rng) for _ in range(2 if rng.random() < 0.3 else 1))


def draw_many_defects(seed: int) -> tuple[Defect, ...]:
    """Draw up to three defects of any depth and width: uneven uptake as well as scars."""
    rng = generator(seed, RandomStream.DEFECTS)
    return tuple(
        replace(
            _draw_defect(rng),
            half_width_deg=rng.uniform(20, 90),
            half_height=rng.uniform(0.15, 0.6),
            depth=rng.uniform(0.1, 1.0) ** 1.5,
        )
        for _ in range(int(rng.integers(4)))
    )


def _draw_defect(rng: np.random.Generator) -> Defect:
    names = tuple(TERRITORIES)
    territory = names[int(rng.integers(len(names)))]
    mean, deviation = TERRITORIES[territory]
    return Defect(
        territory=territory,
        angle_deg=truncated_normal(rng, mean, deviation, mean - 60, mean + 60) % 360,
        height=truncated_normal(rng, 0.45, 0.25, -0.1, 0.95),
        half_width_deg=rng.uniform(25, 65),
        half_height=rng.uniform(0.2, 0.45),
        depth=rng.uniform(0.15, 0.75),
    )
