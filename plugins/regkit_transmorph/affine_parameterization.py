"""Conversion between a network's normalized coordinates and affine maps in LPS mm.

Arrays are z, y, x; anything in millimetres is x, y, z in LPS. Normalized coordinates are x, y, z
along the axes of a grid, of any direction, and run from -1 to 1 between the edges of its field of
view. Unless this is a cube, a rotation in normalized coordinates is not a rotation in millimetres:
convert a map as a whole before decomposing it.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from regkit.errors import TransformError
from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.rotation import nearest_rotation
from regkit.geometry.transform import AffineTransform

Model = Literal["anisotropic", "affine"]


def normalized_to_lps(normalised: ArrayLike, fixed: Grid, moving: Grid) -> AffineTransform:
    """Return the map in LPS mm of a map in normalized coordinates.

    Parameters
    ----------
    normalised
        Map of fixed to moving normalised coordinates, [M | t], shape (3, 4).
    fixed, moving
        Grids whose fields of view the coordinates span.

    Raises
    ------
    TransformError
        The map is not of finite numbers, or not (3, 4).
    """
    rows = np.asarray(normalised, dtype=np.float64)
    if rows.shape != (3, 4):
        raise TransformError(f"a normalised map is a 3 x 4 matrix, got {rows.shape}")
    matrix = np.vstack([rows, (0, 0, 0, 1)])
    return AffineTransform(_frame(moving) @ matrix @ np.linalg.inv(_frame(fixed)))


def lps_to_normalized(transform: AffineTransform, fixed: Grid, moving: Grid) -> FloatArray:
    """Return the normalised map (3, 4) of a map in LPS mm; the inverse of `normalized_to_lps`."""
    matrix = np.linalg.inv(_frame(moving)) @ transform.matrix @ _frame(fixed)
    return np.asarray(matrix[:3])


def without_shears(transform: AffineTransform, centre: Vector3) -> AffineTransform:
    """Return an affine map without its shears: nine of its twelve parameters.

    Its linear part is a rotation after a scale along each axis of the patient, LPS; both are those
    of the polar decomposition.

    Parameters
    ----------
    transform
        Map of fixed to moving points, LPS mm, that must not mirror.
    centre
        Point of the fixed image, LPS mm, whose image under the map does not change.
    """
    rotation = nearest_rotation(transform.matrix[:3, :3])
    scaled = rotation * np.diag(rotation.T @ transform.matrix[:3, :3])
    shift = transform.map_points(centre) - np.asarray(centre)
    return AffineTransform.about(scaled, shift, centre)


def shape_of(transform: AffineTransform) -> dict[str, object]:
    """Return the determinant, scales and shears of a map along the axes of the patient, LPS.

    Returns
    -------
    dict
        ``determinant``; ``scales`` along x, y, z and ``shears`` xy, xz, yz: the diagonal and the
        rest of U, where the linear part is R U with a rotation R and a symmetric U. Both are None
        for a map that mirrors.
    """
    shape: dict[str, object] = {"determinant": transform.determinant}
    if transform.determinant <= 0:
        return shape | {"scales": None, "shears": None}
    linear = transform.matrix[:3, :3]
    u = nearest_rotation(linear).T @ linear
    shears = [float(u[0, 1]), float(u[0, 2]), float(u[1, 2])]
    return shape | {"scales": np.diag(u).tolist(), "shears": shears}


def _frame(grid: Grid) -> FloatArray:
    """Return the 4 x 4 matrix from normalised coordinates to LPS mm."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(grid.direction, (3, 3)) * np.divide(grid.extent, 2)
    matrix[:3, 3] = grid.centre
    return matrix
