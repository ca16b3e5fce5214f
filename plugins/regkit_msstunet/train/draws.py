"""What is drawn for every training image: its pose and its intensities.

Everything is decided by a seed, the step and the place in the batch, so that a training that goes
on, or shares its batches with other processes, sees the same images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.rigid import rigid
from regkit.geometry.transform import AffineTransform
from regkit_msstunet.geometry import half_width_mm, to_numbers
from regkit_msstunet.train.choices import Choices
from regkit_msstunet.train.pool import PooledCase

# Half of what an image must show of the ventricle around its centre.
HEART_MM = 55.0
ATTEMPTS = 20


@dataclass(frozen=True, eq=False)
class Draw:
    """One image of a batch.

    Parameters
    ----------
    case
        Its place in the pool.
    numbers
        Pose of its ventricle in the network's cube; see `regkit_msstunet.geometry`.
    told
        Whether the segmenter looks through the true pose.
    gamma, noise, seed
        Exponent on intensities; deviation of noise and its seed.
    """

    case: int
    numbers: FloatArray
    told: bool = False
    gamma: float = 1.0
    noise: float = 0.0
    seed: int = 0


def draw(
    choices: Choices,
    cases: Sequence[PooledCase],
    grid: Grid,
    usual: FloatArray,
    seed: Sequence[int],
    *,
    as_came: bool = False,
) -> Draw:
    """Draw a training image.

    Parameters
    ----------
    choices
        The ranges.
    cases
        The pool.
    grid
        The network's cube, around the origin.
    usual
        Numbers of the mean pose, which further looks start from.
    seed
        Whole numbers that nothing else is drawn from.
    as_came
        Whether it keeps its own pose.
    """
    rng = np.random.default_rng(tuple(seed))
    number = int(rng.integers(len(cases)))
    case = cases[number]
    kind = rng.random()
    numbers = own_numbers(case, grid, choices)
    for _ in range(0 if as_came else ATTEMPTS):  # an image that lost its heart teaches nothing
        if kind < choices.own_share:
            drawn = _near_own(rng, case, grid, choices)
        elif kind < choices.own_share + choices.usual_share:
            drawn = _near_usual(rng, usual, grid, choices)
        else:
            drawn = _anywhere(rng, grid, choices)
        if (np.abs(drawn[3:]) * half_width_mm(grid) + HEART_MM <= half_width_mm(grid)).all():
            numbers = drawn
            break
    low, high = np.log(choices.gamma)
    return Draw(
        number,
        numbers,
        bool(rng.random() < choices.told_share),
        float(np.exp(rng.uniform(low, high))),
        float(rng.uniform(0, 1) * choices.noise),
        int(rng.integers(2**62)),
    )


def own_numbers(case: PooledCase, grid: Grid, choices: Choices) -> FloatArray:
    """Return the pose of a case as it came, its field of view around the cube's centre."""
    return _numbers(case, grid, choices, AffineTransform(np.eye(4)))


def middle_angles(choices: Choices) -> FloatArray:
    """Return the middle of the ranges of the angles, rad."""
    return np.add(choices.angles_low, choices.angles_high) / 2


def _numbers(
    case: PooledCase, grid: Grid, choices: Choices, motion: AffineTransform
) -> FloatArray:
    centred = AffineTransform.shift(np.negative(case.grid.centre))
    pose = AffineTransform(motion.matrix @ centred.matrix @ case.truth.matrix)
    return to_numbers(pose, grid, middle_angles(choices))


def _near_own(
    rng: np.random.Generator, case: PooledCase, grid: Grid, choices: Choices
) -> FloatArray:
    angles = rng.uniform(-1, 1, 3) * choices.jitter_deg
    shift = rng.uniform(-1, 1, 3) * choices.jitter_mm
    return _numbers(case, grid, choices, rigid(angles, shift))


def _near_usual(
    rng: np.random.Generator, usual: FloatArray, grid: Grid, choices: Choices
) -> FloatArray:
    angles = rng.uniform(-1, 1, 3) * np.deg2rad(choices.jitter_deg)
    shift = rng.uniform(-1, 1, 3) * choices.jitter_mm / half_width_mm(grid)
    return np.asarray(usual + np.concatenate([angles, shift]))


def _anywhere(rng: np.random.Generator, grid: Grid, choices: Choices) -> FloatArray:
    angles = rng.uniform(choices.angles_low, choices.angles_high)
    centre = rng.uniform(choices.centre_low, choices.centre_high)
    return np.concatenate([angles, centre / half_width_mm(grid)])
