"""How each image of a training case is misplaced.

Chen et al. 2024 draw an affine map for the CT and another for the PET; ours turn in millimetres.
Everything is decided by a seed, so that a training that goes on sees the same cases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.geometry.grid import Grid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import AffineTransform
from regkit_transmorph.train.choices import Choices


@dataclass(frozen=True, eq=False)
class Draw:
    """One case of a batch.

    Parameters
    ----------
    case
        Its place in the pool.
    fixed, moving
        Map points of the network's grid to points of the case, both in its fixed space.
    """

    case: int
    fixed: AffineTransform
    moving: AffineTransform

    @property
    def motion(self) -> AffineTransform:
        """What the network has to find: the map of fixed to moving points on its grid."""
        return self.moving.inverse() @ self.fixed


def draw(choices: Choices, count: int, grid: Grid, seed: tuple[int, ...]) -> Draw:
    """Draw a training case.

    Parameters
    ----------
    choices
        The ranges.
    count
        Cases in the pool.
    grid
        The network's.
    seed
        Whole numbers that nothing else is drawn from.
    """
    rng = np.random.default_rng(seed)
    number = int(rng.integers(count))
    fixed = misplacement(rng, choices, grid)
    if rng.random() < choices.small_share:
        left = misplacement(rng, choices, grid, choices.small_amount)
        return Draw(number, fixed, fixed @ left)
    return Draw(number, fixed, misplacement(rng, choices, grid))


def misplacement(
    rng: np.random.Generator, choices: Choices, grid: Grid, amount: float = 1.0
) -> AffineTransform:
    """Draw an affine map without shears about the centre of a grid."""
    angles = rng.uniform(-1, 1, 3) * choices.degrees * amount
    shift = rng.uniform(-1, 1, 3) * choices.half_extents * amount * np.divide(grid.extent, 2)
    scales = 1 + rng.uniform(-1, 1, 3) * choices.scale * amount
    return AffineTransform.about(rotation_matrix(angles) * scales, shift, grid.centre)
