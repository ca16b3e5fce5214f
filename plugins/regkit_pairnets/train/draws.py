"""What is drawn for every training case: its motion, pose, coverage, intensities.

Everything is decided by a seed, the step and the place in the batch, so that a training that goes
on, or shares its batches with other processes, sees the same cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.rigid import rigid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit_pairnets.train.pool import PooledCase
from regkit_pairnets.train.preset import Preset

# Half of what a scan must show along z of what it is about.
FOCUS_MM = 65.0


@dataclass(frozen=True, eq=False)
class Field:
    """What a scan shows: points that lie, in the scan's pose, between two corners, LPS mm.

    In the first look a scan's field of view is upright; later ones see it as the looks before
    turned the image, with what it cut off of the patient.
    """

    low: Vector3
    high: Vector3
    pose: AffineTransform = IDENTITY


@dataclass(frozen=True, eq=False)
class Draw:
    """One case of a batch.

    Parameters
    ----------
    case
        Its place in the pool.
    motion
        What the network has to find: rigid, from fixed to moving points on its grid.
    joint
        Places, turns and scales both images: a map of the grid's points to the case's.
    field
        What of the moving image is shown, on the network's grid; None for all.
    gamma
        Exponents on the intensities of fixed and moving image.
    noise
        Deviations of noise.
    seed
        Of the noise.
    """

    case: int
    motion: AffineTransform
    joint: AffineTransform = IDENTITY
    field: Field | None = None
    gamma: tuple[float, float] = (1.0, 1.0)
    noise: tuple[float, float] = (0.0, 0.0)
    seed: int = 0


def draw(preset: Preset, cases: Sequence[PooledCase], grid: Grid, seed: tuple[int, ...]) -> Draw:
    """Draw a training case.

    Parameters
    ----------
    preset
        The ranges.
    cases
        The pool.
    grid
        The network's, around the origin.
    seed
        Whole numbers that nothing else is drawn from.
    """
    rng = np.random.default_rng(seed)
    number = int(rng.integers(len(cases)))
    small = bool(rng.random() < preset.small_share)
    motion = draw_motion(rng, preset, grid, preset.small_amount if small else 1.0)
    joint = _joint(rng, preset)
    field = None
    if preset.coverage_share > 0:
        pose = draw_motion(rng, preset, grid) if small else IDENTITY
        field = whole_field(cases[number], pose)
        if rng.random() < preset.coverage_share:
            focus = pose.map_points(_focus_on_grid(cases[number], joint, motion))
            field = draw_slices(rng, preset.coverage, field, focus)
    low, high = np.log(preset.gamma)
    gammas = np.exp(rng.uniform(low, high, 2)).tolist()
    noises = rng.uniform(0, 1, 2) * preset.noise
    return Draw(
        number,
        motion,
        joint,
        field,
        (gammas[0], gammas[1]),
        (float(noises[0]), float(noises[1])),
        int(rng.integers(2**62)),
    )


def draw_motion(
    rng: np.random.Generator, preset: Preset, grid: Grid, amount: float = 1.0
) -> AffineTransform:
    """Draw a rigid map of fixed to moving points about the centre of the network's grid."""
    shift = rng.uniform(-1, 1, 3) * preset.translation_mm * amount
    angles = rng.uniform(-1, 1, 3) * preset.degrees * amount
    low, high = preset.distance_mm
    factor = 1.0
    if high > 0:
        points = (grid.corners() + grid.centre) / 2
        target = rng.uniform(low, high) * amount
        for _ in range(4):  # distances grow almost in proportion
            moved = rigid(angles * factor, shift * factor, grid.centre).map_points(points)
            distance = float(np.linalg.norm(moved - points, axis=1).mean())
            factor *= target / max(distance, 1e-9)
    return rigid(angles * factor, shift * factor, grid.centre)


def whole_field(case: PooledCase, pose: AffineTransform = IDENTITY) -> Field:
    """Return all that the moving scan of a case shows: it is where its header puts it."""
    corners = case.moving.grid.corners() - case.fixed.grid.centre
    (a, b, c), (x, y, z) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return Field((a, b, c), (x, y, z), pose)


def draw_slices(
    rng: np.random.Generator, coverage: tuple[float, float], field: Field, focus: FloatArray
) -> Field:
    """Draw which share of a scan's slices there are; those around its focus are among them.

    `focus` is a point in the scan's pose.
    """
    height = float(rng.uniform(*coverage)) * (field.high[2] - field.low[2])
    room = max(0.0, height / 2 - FOCUS_MM)
    middle = float(focus[2] + rng.uniform(-room, room))
    low, high = (
        (*corner[:2], middle + side)
        for corner, side in ((field.low, -height / 2), (field.high, height / 2))
    )
    return replace(field, low=low, high=high)


def _joint(rng: np.random.Generator, preset: Preset) -> AffineTransform:
    angles = rng.uniform(-1, 1, 3) * preset.pose_deg
    shift = rng.uniform(-1, 1, 3) * preset.pose_mm
    size = float(rng.uniform(*preset.size))
    return AffineTransform.about(rotation_matrix(angles) / size, shift, (0.0, 0.0, 0.0))


def _focus_on_grid(
    case: PooledCase, joint: AffineTransform, motion: AffineTransform
) -> FloatArray:
    """Return where on the network's grid the moving image shows the focus."""
    centred = np.subtract(case.focus_mm, case.fixed.grid.centre)
    return motion.map_points(joint.inverse().map_points(centred))
