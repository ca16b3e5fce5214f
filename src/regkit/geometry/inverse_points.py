"""Inverse of a transform at single points, without inverting it everywhere."""

from __future__ import annotations

import numpy as np

from regkit.errors import NotInvertibleError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform, Transform, linear_part

# All chosen by hand; a smooth field of displacements takes some ten steps, and steps that are
# longer than the last number are those of a fold.
TOLERANCE_MM = 0.01
STEPS = 30
LONGEST_STEP_MM = 100.0


def invert_points(transform: Transform, points: FloatArray) -> FloatArray:
    """Return the points that a transform maps to given ones.

    A transform that is not affine is inverted by Newton's method with the Jacobian at the middle
    of the points.

    Parameters
    ----------
    transform
        Any map of points in LPS mm.
    points
        Targets in LPS mm, shape (N, 3).

    Returns
    -------
    FloatArray
        Shape (N, 3); NaN where there is no inverse, as of a fold.
    """
    try:
        if isinstance(transform, AffineTransform):
            return transform.inverse().map_points(points)
        return _invert_by_steps(transform, points)
    except (NotInvertibleError, np.linalg.LinAlgError):
        return np.full_like(points, np.nan)


def _invert_by_steps(transform: Transform, points: FloatArray) -> FloatArray:
    x, y, z = points.mean(axis=0).tolist()
    back = np.linalg.inv(linear_part(transform, (x, y, z)))
    source = points.copy()
    for _ in range(STEPS):
        miss = points - transform.map_points(source)
        off = np.linalg.norm(miss, axis=1) > TOLERANCE_MM
        if not off.any():
            break
        step = np.einsum("nj,ij->ni", miss, back)
        source += np.clip(step, -LONGEST_STEP_MM, LONGEST_STEP_MM)
    source[off] = np.nan
    return source
