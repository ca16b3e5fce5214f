"""Conversion between the pose parameters of a network and a rigid map in LPS mm.

The input of a network is a cube of voxels whose axes are those of LPS. Its six pose parameters
(see `regkit_msstunet.networks.pose`) map points of the short-axis frame (x to the lateral wall, y
to the inferior wall, z to the base) to points of that cube. Both are in normalized coordinates,
-1 to 1 between the centers of the outermost voxels, so that one unit has the same length in both.

Table 2 of Ni et al. has translations of the opposite sign, because their image axes differ.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from regkit.errors import TransformError
from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.rotation import nearest_rotation
from regkit.geometry.transform import AffineTransform
from regkit.learning import centered_grid
from regkit_ventricle.reorientation_angles import euler_angles_yxz, rotation_matrix_yxz

# Tolerance in voxels within which voxels of two grids coincide; rounding only.
MEET = 1e-6


def cube(size: int, spacing_mm: float, centre: Vector3 = (0.0, 0.0, 0.0)) -> Grid:
    """Return a cube of `size` voxels a side along the axes of LPS, around a point in mm."""
    return centered_grid(centre, (size,) * 3, (spacing_mm,) * 3)


def zoomed(grid: Grid, zoom: float, size: int) -> Grid:
    """Return the central fraction `zoom` of a cube around the origin, `size` voxels a side.

    Its outermost voxels are `zoom` times as far from the origin as those of `grid`.
    """
    return cube(size, 2 * half_width_mm(grid) * zoom / (size - 1))


def refined(grid: Grid, finer: int) -> Grid:
    """Refine a grid by the factor `finer`, keeping its voxel centers."""
    nz, ny, nx = (finer * (n - 1) + 1 for n in grid.shape_zyx)
    x, y, z = (step / finer for step in grid.spacing)
    return replace(grid, shape_zyx=(nz, ny, nx), spacing=(x, y, z))


def meets(onto: Grid, frame: Grid) -> bool:
    """Return whether all voxels of a grid are voxels of the infinite extension of another grid."""
    corner_and_steps = frame.to_index(onto.to_physical(np.eye(4, 3, -1)))
    return bool(np.allclose(corner_and_steps, np.round(corner_and_steps), rtol=0, atol=MEET))


def half_width_mm(grid: Grid) -> float:
    """Return the distance from the centre of a cube to the centres of its outermost voxels."""
    return (grid.shape_zyx[0] - 1) / 2 * grid.spacing[0]


def pose_transform(numbers: ArrayLike, grid: Grid) -> AffineTransform:
    """Return the map of short-axis points to points of a cube, LPS mm, of pose parameters.

    Parameters
    ----------
    numbers
        alpha, beta, gamma in rad about y, x, z, and three translations in half-widths, shape (6,).
    grid
        Cube that is the input of the network.

    Raises
    ------
    TransformError
        The numbers are not six finite ones.
    """
    six = np.asarray(numbers, dtype=np.float64)
    if six.shape != (6,) or not np.isfinite(six).all():
        raise TransformError(f"a pose takes six finite numbers, got {six.tolist()}")
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_matrix_yxz(np.rad2deg(six[:3]))
    matrix[:3, 3] = np.add(grid.centre, six[3:] * half_width_mm(grid))
    return AffineTransform(matrix)


def pose_numbers(
    transform: AffineTransform, grid: Grid, near: ArrayLike = (0.0, 0.0, 0.0)
) -> FloatArray:
    """Return the pose parameters (6,) of a rigid map of short-axis points to points of a cube.

    Parameters
    ----------
    transform
        Rigid map of short-axis points to points of the cube, LPS mm.
    grid
        The cube.
    near
        Reference angles in rad: of the equivalent sets of angles the nearest to these is returned.

    Raises
    ------
    TransformError
        The map is not rigid.
    """
    if not transform.is_rigid:
        raise TransformError("a pose is a rigid transform, got another one")
    rotation = nearest_rotation(transform.matrix[:3, :3])
    angles = np.deg2rad(euler_angles_yxz(rotation, np.rad2deg(near)))
    shift = transform.map_points((0.0, 0.0, 0.0)) - np.asarray(grid.centre)
    return np.concatenate([angles, shift / half_width_mm(grid)])
