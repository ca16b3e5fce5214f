"""Where a search begins: rotations spread evenly over SO(3), and places for the body's centre."""

from __future__ import annotations

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit_instance.motion import stacked

# So many rotations leave none further than about 30 degrees from the next.
ROTATIONS = 300
# Around the initial map the search is finer, and shifts are tried as well.
NEAR_ROTATIONS, NEAR_DEG, NEAR_STEP = 1000, 30.0, 0.4
WIDER_STEP = 0.5
PHI, PSI = np.sqrt(2.0), 1.533751168755204288118041


def rotations_everywhere(count: int) -> FloatArray:
    """Return rotations (count, 3, 3) spread evenly over SO(3) by a super-Fibonacci spiral.

    Alexa 2022, doi:10.1109/CVPR52688.2022.00811.
    """
    turn = np.arange(count) + 0.5
    inner, outer = np.sqrt(turn / count), np.sqrt(1 - turn / count)
    a, b = 2 * np.pi * turn / PHI, 2 * np.pi * turn / PSI
    w, x, y, z = inner * np.sin(a), inner * np.cos(a), outer * np.sin(b), outer * np.cos(b)
    rows = (
        *(1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
        *(2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
        *(2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
    )
    return np.asarray(np.stack(rows, axis=1).reshape(-1, 3, 3))


def global_starts(places: FloatArray, radius_mm: float) -> FloatArray:
    """Return maps (B, 3, 4) to begin from, the initial map (no motion) first.

    Every rotation, with the body's centre where it is and at other places; and small rotations
    with the centre on a lattice around where it is.

    Parameters
    ----------
    places
        Where else the centre may be, mm from where the initial map takes it, shape (N, 3).
    radius_mm
        Of the body; a share of it separates places.
    """
    shifts = np.concatenate([np.zeros((1, 3)), places])
    far = _combined(rotations_everywhere(ROTATIONS), shifts)
    near = rotations_everywhere(NEAR_ROTATIONS)
    cosine = (np.trace(near, axis1=1, axis2=2) - 1) / 2
    near = np.concatenate([np.eye(3)[None], near[cosine > np.cos(np.deg2rad(NEAR_DEG))]])
    unturned = _combined(np.eye(3)[None], shifts[1:])
    return np.concatenate([_combined(near, _lattice(NEAR_STEP * radius_mm, 2)), unturned, far])


def extended_starts(centre: FloatArray, radius_mm: float) -> FloatArray:
    """Return maps (B, 3, 4): every rotation, the body's centre on a lattice around a place.

    Parameters
    ----------
    centre
        Middle of the lattice, mm from where the initial map takes the body's centre, shape (3,).
    radius_mm
        Of the body; a share of it separates places.
    """
    return _combined(rotations_everywhere(ROTATIONS), centre + _lattice(WIDER_STEP * radius_mm, 1))


def subsample_starts(starts: FloatArray, count: int) -> FloatArray:
    """Return so many of the starts, the initial map first and the others evenly spaced."""
    which = np.linspace(0, len(starts) - 1, min(count, len(starts))).astype(np.int64)
    return np.asarray(starts[np.unique(which)])


def _combined(rotations: FloatArray, shifts: FloatArray) -> FloatArray:
    every = np.repeat(rotations, len(shifts), axis=0)
    return stacked(every, np.tile(shifts, (len(rotations), 1)))


def _lattice(step_mm: float, reach: int) -> FloatArray:
    """Return places up to so many steps away along each axis, the middle first, (N, 3)."""
    ticks = np.arange(-reach, reach + 1) * step_mm
    places = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), -1).reshape(-1, 3)
    return places[np.argsort((places**2).sum(axis=1), kind="stable")]
