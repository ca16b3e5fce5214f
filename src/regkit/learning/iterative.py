"""Look again: each pass registers what the one before left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from regkit.errors import ParameterError
from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform
from regkit.geometry.volume import Volume

# Looks at a fixed and a moving image on one grid; NaN is what no image shows.
Glance: TypeAlias = Callable[[Volume, Volume], AffineTransform]


def passes(
    glance: Glance,
    fixed: Volume,
    moving: Volume,
    grid: Grid,
    *,
    initial: Transform = IDENTITY,
    count: int = 1,
) -> Iterator[Transform]:
    """Register two images by repeated glances at them on one grid.

    The moving image is interpolated once in each pass, from what was given and through the whole
    map so far; so nothing blurs, and nothing that a first guess moved out of view is lost.

    Parameters
    ----------
    glance
        Maps points of its first volume to those of its second one, LPS mm.
    fixed, moving
        On any grids.
    grid
        Where `glance` sees them. It belongs to the space of the fixed image.
    initial
        A first guess of the map, which the first pass improves.
    count
        How many passes.

    Yields
    ------
    Transform
        The total map from fixed to moving points after each pass.

    Raises
    ------
    ParameterError
        There is no pass.
    """
    if count < 1:
        raise ParameterError(f"a network takes one pass or more, got {count}")
    seen = resample(fixed, grid, outside=np.nan)
    total = initial
    for _ in range(count):
        total = total @ glance(seen, resample(moving, grid, total, outside=np.nan))
        yield total
