"""Known rigid motions of an image, from small to large, from which a method is tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

import numpy as np

from regkit.errors import ParameterError
from regkit.geometry.grid import FloatArray
from regkit.geometry.rotation import rotation_of
from regkit.geometry.transform import AffineTransform

Kind: TypeAlias = Literal["repeat", "shift", "rotation", "both"]
# Kinds that are graded by size.
GRADED: tuple[Kind, ...] = ("shift", "rotation", "both")

# All chosen by hand. Number of sizes of each kind, evenly spaced on a logarithmic scale.
SIZES = 6
# The smallest motion, in tolerances: a method that stays at its start must not pass.
SMALLEST = 2.0
# One run of so many is a repeat or the reference, and so many are at least.
REPEATS_ONE_OF, MIN_REPEATS = 10, 3
# A repeat moves the body by this part of the coarsest voxel, by a shift and by a rotation.
REPEAT_VOXELS = 0.25
# Runs that give three repeats (one of them the reference) and one motion of each kind.
MIN_RUNS = MIN_REPEATS + len(GRADED)


@dataclass(frozen=True)
class KnownMotion:
    """A rigid motion of the moving image.

    Parameters
    ----------
    kind
        ``shift``, ``rotation``, ``both``, or ``repeat`` for less than a voxel.
    shift_mm
        Distance by which the center of the body is shifted, mm.
    rotation_deg
        Angle of the rotation about the center of the body, degrees.
    transform
        Map of points of the moving image to their places after the motion, LPS mm.
    """

    kind: Kind
    shift_mm: float
    rotation_deg: float
    transform: AffineTransform


@dataclass(frozen=True)
class GradedSizes:
    """Sizes of the motions of a self-test, rising, and those of its repeats.

    Parameters
    ----------
    shifts_mm, rotations_deg
        Lengths of the shifts, mm, and angles of the rotations, degrees; as many of both.
    repeat_mm, repeat_deg
        Shift and rotation of a repeat.
    """

    shifts_mm: tuple[float, ...]
    rotations_deg: tuple[float, ...]
    repeat_mm: float
    repeat_deg: float

    @classmethod
    def of(
        cls,
        body: FloatArray,
        tolerance_mm: float,
        voxel_mm: float,
        largest: tuple[float, float],
        runs: int,
    ) -> Self:
        """Choose the sizes for a body.

        Parameters
        ----------
        body
            Points of the body, LPS mm, shape (N, 3).
        tolerance_mm
            Largest error of a success, mm.
        voxel_mm
            Longest side of a voxel of either image, mm.
        largest
            Longest shift, mm, and largest rotation, degrees.
        runs
            Number of runs, at least `MIN_RUNS`.

        Raises
        ------
        ParameterError
            The largest motion is not larger than the smallest one that can be told from success.
        """
        radius = _radius_mm(body)
        smallest = SMALLEST * tolerance_mm, _rotation_deg(SMALLEST * tolerance_mm, radius)
        for name, low, high, unit in zip(
            ("max_mm", "max_deg"), smallest, largest, ("mm", "degrees"), strict=True
        ):
            if not low < high:
                raise ParameterError(
                    f"{name} must be above {low:.3g} {unit}, got {high:g}: smaller motions move "
                    f"the body by less than twice the tolerance of {tolerance_mm:g} mm"
                )
        count = min(SIZES, (runs - repeat_count(runs)) // len(GRADED))
        tiny = REPEAT_VOXELS * voxel_mm
        return cls(
            _graded(smallest[0], largest[0], count),
            _graded(smallest[1], largest[1], count),
            tiny,
            _rotation_deg(min(tiny, radius), radius),
        )


def repeat_count(runs: int) -> int:
    """Return how many of the runs start near the reference, the reference itself included."""
    return max(MIN_REPEATS, runs // REPEATS_ONE_OF)


def plan_motions(
    body: FloatArray, sizes: GradedSizes, runs: int, seed: int
) -> tuple[KnownMotion, ...]:
    """Draw the motions of all runs but the reference, in random directions.

    Parameters
    ----------
    body
        Points of the body in the moving image, LPS mm, shape (N, 3); rotations are about their
        center.
    sizes
        Sizes of the motions; the runs are dealt out evenly, the smallest sizes first.
    runs
        Number of runs, the reference included.
    seed
        Seed of the directions and axes.
    """
    rng, center = np.random.default_rng(seed), body.mean(axis=0)
    repeats = repeat_count(runs)
    amounts: list[tuple[Kind, float, float]] = [("repeat", sizes.repeat_mm, sizes.repeat_deg)] * (
        repeats - 1
    )
    graded = _graded_amounts(sizes)
    amounts += [graded[number % len(graded)] for number in range(runs - repeats)]
    return tuple(_motion(*amount, center, rng) for amount in amounts)


def _graded_amounts(sizes: GradedSizes) -> list[tuple[Kind, float, float]]:
    return [
        (kind, 0.0 if kind == "rotation" else shift, 0.0 if kind == "shift" else turn)
        for shift, turn in zip(sizes.shifts_mm, sizes.rotations_deg, strict=True)
        for kind in GRADED
    ]


def _motion(
    kind: Kind, shift_mm: float, rotation_deg: float, center: FloatArray, rng: np.random.Generator
) -> KnownMotion:
    axis, direction = _direction(rng), _direction(rng)
    half = np.deg2rad(rotation_deg) / 2
    rotation = rotation_of([np.cos(half), *(np.sin(half) * axis)])
    transform = AffineTransform.about(rotation, shift_mm * direction, center)
    return KnownMotion(kind, shift_mm, rotation_deg, transform)


def _direction(rng: np.random.Generator) -> FloatArray:
    """Draw a unit vector, all directions alike."""
    vector = rng.normal(size=3)
    return np.asarray(vector / np.linalg.norm(vector))


def _radius_mm(body: FloatArray) -> float:
    """Return the RMS distance of points from the axis about which a rotation moves them least."""
    spread = np.linalg.eigvalsh(np.cov(body.T))
    return float(np.sqrt(max(spread[0] + spread[1], 0.0)))


def _rotation_deg(distance_mm: float, radius_mm: float) -> float:
    """Return the rotation that moves points at a radius by a distance; 180 if none does."""
    return float(np.rad2deg(2 * np.arcsin(min(distance_mm / (2 * radius_mm), 1.0))))


def _graded(smallest: float, largest: float, count: int) -> tuple[float, ...]:
    """Return sizes on a logarithmic scale, rounded to two digits; the largest as it is."""
    sizes = np.geomspace(smallest, largest, count).tolist()
    rounded = [float(f"{size:.2g}") for size in sizes]
    return tuple([*rounded[:-1], largest] if count > 1 else rounded)
