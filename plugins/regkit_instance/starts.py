"""Starts of a search: rotations spread evenly over SO(3), and positions of the body's centre."""

from __future__ import annotations

from functools import cache

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit_instance.motion import affine_maps

# With so many rotations, every rotation is at most about 30 degrees from one of them (a test
# measures it).
ROTATIONS = 300
# Around the initial transform the search is finer: rotations up to an angle, of so many over
# SO(3), and shifts by steps in radii of the body. Chosen by hand, as is the step of the extended
# starts.
NEAR_ROTATIONS, NEAR_DEG, NEAR_STEP = 1000, 30.0, 0.4
EXTENDED_STEP = 0.5
# Where the search is ambiguous, around the initial transform: rotations up to an angle, of so many
# over SO(3), and shifts up to a length by steps, both in radii of the body; see `LOCAL_SAMPLES` of
# `regkit_instance.multistart` for how they were chosen.
LOCAL_ROTATIONS, LOCAL_DEG, LOCAL_STEP, LOCAL_SHIFT = 4000, 45.0, 0.2, 0.4
# Constants of the spiral, from the paper below.
PHI, PSI = np.sqrt(2.0), 1.533751168755204288118041


@cache
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
    return _read_only(np.stack(rows, axis=1).reshape(-1, 3, 3))


def global_starts(centres: FloatArray, radius_mm: float) -> FloatArray:
    """Return start maps (B, 3, 4), the initial transform (no motion) first.

    All rotations with the body's centre as the initial transform has it and at the other
    positions, and small rotations with the centre on a lattice around the initial one.

    Parameters
    ----------
    centres
        Other positions of the body's centre, mm relative to the initial one, shape (N, 3).
    radius_mm
        Radius of the body in mm, to which the step of the lattice is proportional.
    """
    shifts = np.concatenate([np.zeros((1, 3)), centres])
    far = _combined(rotations_everywhere(ROTATIONS), shifts)
    near = _rotations_up_to(NEAR_DEG, NEAR_ROTATIONS)
    unturned = _combined(np.eye(3)[None], shifts[1:])
    return np.concatenate([_combined(near, _lattice(NEAR_STEP * radius_mm, 2)), unturned, far])


def extended_starts(centre: FloatArray, radius_mm: float) -> FloatArray:
    """Return maps (B, 3, 4) of all rotations with the body's centre on a lattice.

    Parameters
    ----------
    centre
        Middle of the lattice, mm relative to the body's centre under the initial transform, shape
        (3,).
    radius_mm
        Radius of the body in mm, to which the step of the lattice is proportional.
    """
    return _combined(
        rotations_everywhere(ROTATIONS), centre + _lattice(EXTENDED_STEP * radius_mm, 1)
    )


def local_starts(radius_mm: float) -> FloatArray:
    """Return no motion, and maps (B, 3, 4) of rotations and shifts around it in small steps.

    Parameters
    ----------
    radius_mm
        Radius of the body in mm, to which the shifts are proportional.
    """
    shifts = _lattice(LOCAL_STEP * radius_mm, round(LOCAL_SHIFT / LOCAL_STEP))
    within = np.linalg.norm(shifts, axis=1) < 1.01 * LOCAL_SHIFT * radius_mm
    return _combined(_rotations_up_to(LOCAL_DEG, LOCAL_ROTATIONS), shifts[within])


def subsample_starts(starts: FloatArray, count: int) -> FloatArray:
    """Return `count` of the starts, the initial transform first and the others evenly spaced."""
    index = np.linspace(0, len(starts) - 1, min(count, len(starts))).astype(np.int64)
    return np.asarray(starts[np.unique(index)])


@cache
def _rotations_up_to(degrees: float, count: int) -> FloatArray:
    """Return no rotation, and those of `count` over SO(3) up to an angle, (N, 3, 3)."""
    all_over = rotations_everywhere(count)
    cosine = (np.trace(all_over, axis1=1, axis2=2) - 1) / 2
    within = all_over[cosine > np.cos(np.deg2rad(degrees))]
    return _read_only(np.concatenate([np.eye(3)[None], within]))


def _combined(rotations: FloatArray, shifts: FloatArray) -> FloatArray:
    """Return the maps (B, 3, 4) of every rotation with every shift."""
    repeated = np.repeat(rotations, len(shifts), axis=0)
    return affine_maps(repeated, np.tile(shifts, (len(rotations), 1)))


def _lattice(step_mm: float, steps: int) -> FloatArray:
    """Return points (N, 3) up to `steps` steps away along each axis, nearest first."""
    ticks = np.arange(-steps, steps + 1) * step_mm
    points = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), -1).reshape(-1, 3)
    return points[np.argsort((points**2).sum(axis=1), kind="stable")]


def _read_only(array: FloatArray) -> FloatArray:
    array.flags.writeable = False
    return array
