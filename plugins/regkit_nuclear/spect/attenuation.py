"""Bring a mu-map onto the grid of a SPECT."""

from __future__ import annotations

import logging

import numpy as np

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.interpolation import trilinear
from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import Volume

logger = logging.getLogger(__name__)


def attenuation_on(grid: Grid, mu: Volume, through: Transform = IDENTITY) -> FloatArray:
    """Resample a mu-map, and guess it where the CT did not look.

    A CT often covers fewer slices than the SPECT. The patient goes on beyond it, so its outermost
    slices are continued along its own z axis: a guess, but air would leave the organs there
    uncorrected and would cut every path that crosses the edge. Beyond the sides of its slices the
    map is 0, as the CT's field is taken to hold the whole width of the patient.

    Parameters
    ----------
    grid
        Grid of the SPECT.
    mu
        Linear attenuation coefficients in 1/cm, on any grid.
    through
        Maps points of the SPECT to points of the mu-map, LPS mm.

    Returns
    -------
    FloatArray
        Shape of the grid, 1/cm; never negative.
    """
    lattice = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1)
    points = through.map_points(grid.to_physical(lattice.reshape(-1, 3)))
    index = mu.grid.to_index(points)
    beside = ((index < -0.5) | (index > np.subtract(mu.grid.shape_zyx, 0.5))).T
    guessed = (beside[0] & ~(beside[1] | beside[2])).mean()
    if guessed > 0:
        logger.info("%.0f %% of the SPECT lies beyond the slices of the CT", 100 * guessed)
    values = np.where(beside[1] | beside[2], 0.0, trilinear(mu.array, index))
    return np.asarray(np.maximum(values, 0.0).reshape(grid.shape_zyx))
