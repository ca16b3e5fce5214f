"""Random motions, poses, fields of view and intensities of a pair network's training cases.

Everything is decided by a seed, the step and the index in the batch, so that resumed and
distributed trainings see the same cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.rigid import rigid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit.learning import CachedPair
from regkit_pairnets.train.config import PairNetConfig

# Half of the length along z that a truncated scan keeps around its focus: about that of a heart;
# chosen by hand.
FOCUS_HALF_LENGTH_MM = 65.0


@dataclass(frozen=True, eq=False)
class FieldOfView:
    """The field of view of a scan: a box in the scan's pose.

    In the first pass it is upright. Later passes see it as the passes before turned the image,
    with what it cut off of the patient.

    Parameters
    ----------
    low, high
        Corners of the box, LPS mm.
    pose
        Map of points of the network's grid to points of the box.
    """

    low: Vector3
    high: Vector3
    pose: AffineTransform = IDENTITY


@dataclass(frozen=True, eq=False)
class Augmentation:
    """One case of a batch.

    Parameters
    ----------
    case
        Index of the cached case.
    motion
        Rigid map that the network has to find, from fixed to moving points on its grid.
    joint
        Map of the grid's points to the case's: places, rotates and scales both images.
    field
        Field of view of the moving image on the network's grid; None for all of it.
    gamma
        Exponents on the intensities of fixed and moving image.
    noise
        Standard deviations of noise in fixed and moving image.
    seed
        Seed of the noise.
    """

    case: int
    motion: AffineTransform
    joint: AffineTransform = IDENTITY
    field: FieldOfView | None = None
    gamma: tuple[float, float] = (1.0, 1.0)
    noise: tuple[float, float] = (0.0, 0.0)
    seed: int = 0


def sample_augmentation(
    config: PairNetConfig, cases: Sequence[CachedPair], grid: Grid, seed: tuple[int, ...]
) -> Augmentation:
    """Draw a training case.

    Parameters
    ----------
    config
        Ranges of everything random.
    cases
        The cached cases.
    grid
        The network's grid, around the origin.
    seed
        Whole numbers that nothing else is drawn from.
    """
    rng = np.random.default_rng(seed)
    number = int(rng.integers(len(cases)))
    residual = bool(rng.random() < config.residual_motion_prob)
    motion = sample_motion(rng, config, grid, config.residual_motion_scale if residual else 1.0)
    joint = _sample_joint(rng, config)
    field = None
    if config.truncation_prob > 0:
        pose = sample_motion(rng, config, grid) if residual else IDENTITY
        field = full_field_of_view(cases[number], pose)
        if rng.random() < config.truncation_prob:
            focus = pose.map_points(_focus_on_grid(cases[number], joint, motion))
            field = truncate_axially(rng, config.axial_coverage, field, focus)
    low, high = np.log(config.augment_gamma)
    gammas = np.exp(rng.uniform(low, high, 2)).tolist()
    noises = rng.uniform(0, 1, 2) * config.augment_noise_std
    return Augmentation(
        number,
        motion,
        joint,
        field,
        (gammas[0], gammas[1]),
        (float(noises[0]), float(noises[1])),
        int(rng.integers(2**62)),
    )


def sample_motion(
    rng: np.random.Generator, config: PairNetConfig, grid: Grid, scale: float = 1.0
) -> AffineTransform:
    """Draw a rigid map of fixed to moving points about the center of the network's grid.

    Parameters
    ----------
    rng
        Source of randomness.
    config
        Ranges of the motions.
    grid
        The network's grid.
    scale
        Factor on the ranges.
    """
    shift = rng.uniform(-1, 1, 3) * config.translation_mm * scale
    angles = rng.uniform(-1, 1, 3) * config.rotation_deg * scale
    low, high = config.mean_displacement_mm
    factor = 1.0
    if high > 0:
        points = (grid.corners() + grid.centre) / 2
        target = rng.uniform(low, high) * scale
        for _ in range(4):  # distances grow almost in proportion
            moved = rigid(angles * factor, shift * factor, grid.centre).map_points(points)
            distance = float(np.linalg.norm(moved - points, axis=1).mean())
            factor *= target / max(distance, 1e-9)
    return rigid(angles * factor, shift * factor, grid.centre)


def residual_augmentation(one: Augmentation, found: AffineTransform) -> Augmentation:
    """Return a case as it is when a part of its motion is known: its field of view turns.

    Parameters
    ----------
    one
        The case.
    found
        Part of its motion.
    """
    field = one.field and replace(one.field, pose=one.field.pose @ found)
    left = AffineTransform(found.inverse().matrix @ one.motion.matrix)
    return replace(one, motion=left, field=field)


def full_field_of_view(case: CachedPair, pose: AffineTransform = IDENTITY) -> FieldOfView:
    """Return the field of view of the moving scan of a case, where its header puts it."""
    corners = case.moving.grid.corners() - case.fixed.grid.centre
    (a, b, c), (x, y, z) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return FieldOfView((a, b, c), (x, y, z), pose)


def truncate_axially(
    rng: np.random.Generator,
    coverage: tuple[float, float],
    field: FieldOfView,
    focus: FloatArray,
) -> FieldOfView:
    """Shorten a field of view along z at random, around its focus.

    Parameters
    ----------
    rng
        Source of randomness.
    coverage
        Range of the fraction of its length that is left.
    field
        The whole field of view.
    focus
        Point in the scan's pose, LPS mm.
    """
    height = float(rng.uniform(*coverage)) * (field.high[2] - field.low[2])
    room = max(0.0, height / 2 - FOCUS_HALF_LENGTH_MM)
    middle = float(focus[2] + rng.uniform(-room, room))
    low, high = (
        (*corner[:2], middle + side)
        for corner, side in ((field.low, -height / 2), (field.high, height / 2))
    )
    return replace(field, low=low, high=high)


def _sample_joint(rng: np.random.Generator, config: PairNetConfig) -> AffineTransform:
    angles = rng.uniform(-1, 1, 3) * config.augment_rotation_deg
    shift = rng.uniform(-1, 1, 3) * config.augment_shift_mm
    scale = float(rng.uniform(*config.augment_scale))
    return AffineTransform.about(rotation_matrix(angles) / scale, shift, (0.0, 0.0, 0.0))


def _focus_on_grid(
    case: CachedPair, joint: AffineTransform, motion: AffineTransform
) -> FloatArray:
    """Return the point of the network's grid at which the moving image shows the focus."""
    centered = np.subtract(case.facts["focus_mm"], case.fixed.grid.centre)
    return motion.map_points(joint.inverse().map_points(centered))
