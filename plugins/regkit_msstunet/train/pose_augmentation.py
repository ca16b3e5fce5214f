"""Random poses and intensities of a reorienter's training images.

Everything is decided by a seed, the step and the index in the batch, so that resumed and
distributed trainings see the same images.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.rigid import rigid
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit_msstunet.geometry import half_width_mm, pose_numbers
from regkit_msstunet.train.cases import VentricleCase
from regkit_msstunet.train.config import ReorientationConfig

# Half of the length that an image must show around the ventricle's center; chosen by hand.
HEART_HALF_LENGTH_MM = 55.0
# Draws after which an image that never shows its heart keeps its native pose; chosen by hand.
ATTEMPTS = 20


@dataclass(frozen=True, eq=False)
class PoseAugmentation:
    """One image of a batch.

    Parameters
    ----------
    case
        Index of the cached case.
    numbers
        Pose of its ventricle in the network's cube; see `regkit_msstunet.geometry`.
    teacher_forced
        Whether the segmenter sees the image in the true pose.
    gamma
        Exponent on the intensities.
    noise
        Standard deviation of added noise.
    seed
        Seed of the noise.
    """

    case: int
    numbers: FloatArray
    teacher_forced: bool = False
    gamma: float = 1.0
    noise: float = 0.0
    seed: int = 0


def sample_pose(
    config: ReorientationConfig,
    cases: Sequence[VentricleCase],
    grid: Grid,
    mean_pose: FloatArray,
    seed: Sequence[int],
    *,
    unaugmented: bool = False,
) -> PoseAugmentation:
    """Draw a training image.

    Parameters
    ----------
    config
        Ranges of everything random.
    cases
        The cached cases.
    grid
        The network's cube, around the origin.
    mean_pose
        Numbers of the mean pose, which later passes start from.
    seed
        Whole numbers that nothing else is drawn from.
    unaugmented
        Whether the image keeps its native pose.
    """
    rng = np.random.default_rng(tuple(seed))
    number = int(rng.integers(len(cases)))
    case = cases[number]
    kind = rng.random()
    numbers = native_pose(case, grid, config)
    for _ in range(0 if unaugmented else ATTEMPTS):
        if kind < config.native_pose_prob:
            drawn = _near_native(rng, case, grid, config)
        elif kind < config.native_pose_prob + config.mean_pose_prob:
            drawn = _near_mean(rng, mean_pose, grid, config)
        else:
            drawn = _anywhere(rng, grid, config)
        if _shows_heart(drawn, grid):  # an image that lost its heart teaches nothing
            numbers = drawn
            break
    low, high = np.log(config.augment_gamma)
    return PoseAugmentation(
        number,
        numbers,
        bool(rng.random() < config.teacher_forcing_prob),
        float(np.exp(rng.uniform(low, high))),
        float(rng.uniform(0, 1) * config.augment_noise_std),
        int(rng.integers(2**62)),
    )


def native_pose(case: VentricleCase, grid: Grid, config: ReorientationConfig) -> FloatArray:
    """Return the pose of a case as it came, its field of view around the cube's center."""
    return _moved_pose(case, grid, config, IDENTITY)


def middle_angles(config: ReorientationConfig) -> FloatArray:
    """Return the middle of the ranges of the angles, rad."""
    return np.add(config.angles_low, config.angles_high) / 2


def _shows_heart(numbers: FloatArray, grid: Grid) -> bool:
    half = half_width_mm(grid)
    return bool((np.abs(numbers[3:]) * half + HEART_HALF_LENGTH_MM <= half).all())


def _moved_pose(
    case: VentricleCase, grid: Grid, config: ReorientationConfig, motion: AffineTransform
) -> FloatArray:
    centered = AffineTransform.shift(np.negative(case.grid.centre))
    pose = AffineTransform(motion.matrix @ centered.matrix @ case.truth.matrix)
    return pose_numbers(pose, grid, middle_angles(config))


def _near_native(
    rng: np.random.Generator, case: VentricleCase, grid: Grid, config: ReorientationConfig
) -> FloatArray:
    angles = rng.uniform(-1, 1, 3) * config.jitter_deg
    shift = rng.uniform(-1, 1, 3) * config.jitter_mm
    return _moved_pose(case, grid, config, rigid(angles, shift))


def _near_mean(
    rng: np.random.Generator, mean_pose: FloatArray, grid: Grid, config: ReorientationConfig
) -> FloatArray:
    angles = rng.uniform(-1, 1, 3) * np.deg2rad(config.jitter_deg)
    shift = rng.uniform(-1, 1, 3) * config.jitter_mm / half_width_mm(grid)
    return np.asarray(mean_pose + np.concatenate([angles, shift]))


def _anywhere(rng: np.random.Generator, grid: Grid, config: ReorientationConfig) -> FloatArray:
    angles = rng.uniform(config.angles_low, config.angles_high)
    center = rng.uniform(config.centre_low, config.centre_high)
    return np.concatenate([angles, center / half_width_mm(grid)])
