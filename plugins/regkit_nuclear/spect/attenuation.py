"""Resampling of a mu-map to the grid of a SPECT."""

from __future__ import annotations

import logging

import numpy as np

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.interpolation import trilinear
from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import Volume

logger = logging.getLogger(__name__)


def attenuation_on(grid: Grid, mu: Volume, through: Transform = IDENTITY) -> FloatArray:
    """Resample a mu-map, and extrapolate it beyond the slices of the CT.

    A CT often covers fewer slices than the SPECT. Its outermost slices are repeated along its z
    axis, because the patient continues there: air would leave the organs uncorrected and would
    shorten every path that crosses the edge. Beside its slices the map is 0: the field of view of
    the CT is assumed to be wider than the patient.

    Parameters
    ----------
    grid
        Grid of the SPECT.
    mu
        Linear attenuation coefficients in 1/cm, on any grid.
    through
        Map of points of the SPECT to points of the mu-map, LPS mm.

    Returns
    -------
    FloatArray
        Attenuation in 1/cm, shape of the grid, never negative.
    """
    indices = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1)
    points = through.map_points(grid.to_physical(indices.reshape(-1, 3)))
    index = mu.grid.to_index(points)
    beside = ((index < -0.5) | (index > np.subtract(mu.grid.shape_zyx, 0.5))).T
    extrapolated = (beside[0] & ~(beside[1] | beside[2])).mean()
    if extrapolated > 0:
        logger.info("%.0f %% of the SPECT lies beyond the slices of the CT", 100 * extrapolated)
    values = np.where(beside[1] | beside[2], 0.0, trilinear(mu.array, index))
    return np.asarray(np.maximum(values, 0.0).reshape(grid.shape_zyx))
