"""The position of the brightest wall of a ventricle in an image, relative to its labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.volume import Volume
from regkit.similarity.point_sample import values_at
from regkit_ventricle.cup import Cup

# Rays through the wall: directions around the axis, levels from the apex to near the base, and how
# far they reach to either side of its middle, and their step, mm. Chosen by hand.
DIRECTIONS, LEVELS, REACH_MM, STEP_MM = 24, 10, 14.0, 1.0
# Levels end at this fraction of the way to the base, where the atria shine through; by hand.
TOP = 0.85
# Uptake, as a fraction of the highest, below which a ray shows no wall; chosen by hand.
LEAST_UPTAKE = 0.4
ROUNDS = 5  # of reweighting
# Distances beyond this are not told apart, mm; chosen by hand, twice the reach.
FAR_MM = 28.0


@dataclass(frozen=True)
class WallPosition:
    """The position of the wall in an image relative to labels.

    Parameters
    ----------
    moved_mm
        Mean distance over the ventricle between labels and image, by the shift and the tilt of the
        axis that put the labels where the wall is brightest; `FAR_MM` at most.
    spread_mm
        Median distance of the brightest points from the wall that is left then.
    seen_fraction
        Fraction of the rays on which a wall is seen.
    """

    moved_mm: float
    spread_mm: float
    seen_fraction: float


def wall_position(image: Volume, cup: Cup) -> WallPosition:
    """Measure where the wall is in an image, by the brightest points on rays through it.

    Parameters
    ----------
    image
        Image of the uptake, in the space of the labels.
    cup
        Cup that fits the labels.
    """
    points, normals = wall_points(cup)
    steps = np.arange(-REACH_MM, REACH_MM + STEP_MM, STEP_MM)
    rays = points[:, None] + steps[:, None] * normals[:, None]
    profiles = np.nan_to_num(values_at(image, rays.reshape(-1, 3)).reshape(len(points), -1))
    brightest = profiles.argmax(axis=1)
    height = profiles.max(axis=1)
    away = steps[brightest]
    # A maximum at an end of the ray belongs to another organ.
    seen = (np.abs(away) < REACH_MM) & (height > LEAST_UPTAKE * np.quantile(height, 0.9))
    centre = cup.on_axis(cup.centroid_mm)
    arms = points - centre
    tilts = np.cross(arms, normals) @ _across(cup.direction).T
    design = np.concatenate([np.ones((len(points), 1)), normals, tilts], axis=1)
    if seen.sum() < 2 * design.shape[1]:
        return WallPosition(FAR_MM, REACH_MM, float(seen.mean()))
    fit = _robust_fit(design[seen], away[seen])
    turn = fit[4:] @ _across(cup.direction)
    moved = fit[1:4] + np.cross(turn, arms)
    left = np.abs(away[seen] - design[seen] @ fit)
    return WallPosition(
        min(float(np.linalg.norm(moved, axis=1).mean()), FAR_MM),
        float(np.median(left)),
        float(seen.mean()),
    )


def wall_points(cup: Cup) -> tuple[FloatArray, FloatArray]:
    """Return points in the middle of the wall of a cup, LPS mm (N, 3), and its normals there."""
    short, long = np.mean([cup.cavity, cup.whole], axis=0)
    top = TOP * (cup.cut_mm + long) - long
    angle = np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS
    along = np.linspace(-0.97 * long, top, LEVELS)
    across = short * np.sqrt(np.maximum(1 - (along / long) ** 2, 0.0))
    around = np.stack([np.cos(angle), np.sin(angle)], axis=1) @ _across(cup.direction)
    points = across[:, None, None] * around + along[:, None, None] * cup.direction
    normals = (across / short**2)[:, None, None] * around + (along / long**2)[
        :, None, None
    ] * cup.direction
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    return cup.middle + points.reshape(-1, 3), normals.reshape(-1, 3)


def _robust_fit(design: FloatArray, values: FloatArray) -> FloatArray:
    """Return the coefficients that fit most values, by reweighted least squares (Cauchy)."""
    weights = np.ones(len(values))
    fit = np.zeros(design.shape[1])
    for _ in range(ROUNDS):
        root = np.sqrt(weights)
        fit = np.linalg.lstsq(design * root[:, None], values * root, rcond=None)[0]
        weights = 1 / (1 + ((values - design @ fit) / (2 * STEP_MM)) ** 2)
    return np.asarray(fit)


def _across(direction: FloatArray) -> FloatArray:
    """Return two unit vectors perpendicular to a direction, shape (2, 3)."""
    return np.asarray(np.linalg.svd(direction[None])[2][1:])
