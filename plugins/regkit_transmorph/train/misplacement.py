"""Random misplacements of both images of a training case.

Chen et al. 2024 draw an affine map for the CT and another for the PET; ours rotate in millimeters.
Everything is decided by a seed, so that a resumed training sees the same cases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.geometry.grid import Grid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import AffineTransform
from regkit_transmorph.train.config import TransMorphConfig


@dataclass(frozen=True, eq=False)
class Misplacement:
    """One case of a batch.

    Parameters
    ----------
    case
        Index of the cached case.
    fixed, moving
        One map for each image, of the grid's points to points of the case in its fixed space.
    """

    case: int
    fixed: AffineTransform
    moving: AffineTransform

    @property
    def motion(self) -> AffineTransform:
        """The map of fixed to moving points on the grid that the network has to find."""
        return self.moving.inverse() @ self.fixed


def sample_misplacement(
    config: TransMorphConfig, count: int, grid: Grid, seed: tuple[int, ...]
) -> Misplacement:
    """Draw a training case.

    Parameters
    ----------
    config
        Ranges of everything random.
    count
        Number of cached cases.
    grid
        The network's grid.
    seed
        Whole numbers that nothing else is drawn from.
    """
    rng = np.random.default_rng(seed)
    number = int(rng.integers(count))
    fixed = sample_affine(rng, config, grid)
    if rng.random() < config.residual_motion_prob:
        left = sample_affine(rng, config, grid, config.residual_motion_scale)
        return Misplacement(number, fixed, fixed @ left)
    return Misplacement(number, fixed, sample_affine(rng, config, grid))


def sample_affine(
    rng: np.random.Generator, config: TransMorphConfig, grid: Grid, scale: float = 1.0
) -> AffineTransform:
    """Draw an affine map without shears about the center of a grid.

    Parameters
    ----------
    rng
        Source of randomness.
    config
        Ranges of angles, shifts and scales.
    grid
        The network's grid.
    scale
        Factor on the ranges.
    """
    angles = rng.uniform(-1, 1, 3) * config.rotation_deg * scale
    shift = rng.uniform(-1, 1, 3) * config.max_shift_fraction * scale * np.divide(grid.extent, 2)
    scales = 1 + rng.uniform(-1, 1, 3) * config.scale * scale
    return AffineTransform.about(rotation_matrix(angles) * scales, shift, grid.centre)
