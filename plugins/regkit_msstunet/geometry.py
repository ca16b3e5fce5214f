"""Between the six numbers of a network and a rigid map in LPS mm.

A network looks at a cube of voxels, upright in LPS. Its numbers (see
`regkit_msstunet.networks.pose`) say where the points of the short-axis frame are in that cube: x
to the lateral wall, y to the inferior wall, z to the base. Both are counted from -1 to 1 between
the centres of the outermost voxels, so that one unit is as long in either.

Table 2 of Ni et al. has translations of the other sign, which is of their images' axes.
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

# Of a voxel: how near voxels of two grids are that are the same ones.
MEET = 1e-6


def cube(size: int, spacing_mm: float, centre: Vector3 = (0.0, 0.0, 0.0)) -> Grid:
    """Return an upright cube of `size` voxels a side around a point in LPS mm."""
    return centered_grid(centre, (size,) * 3, (spacing_mm,) * 3)


def zoomed(grid: Grid, zoom: float, size: int) -> Grid:
    """Return the middle of a cube around the origin as another one of `size` voxels a side.

    Its outermost voxels are as far out as `zoom` times those of the first.
    """
    return cube(size, 2 * half_width_mm(grid) * zoom / (size - 1))


def refined(grid: Grid, finer: int) -> Grid:
    """Return a grid of so many times finer voxels, among which are all of the first."""
    nz, ny, nx = (finer * (n - 1) + 1 for n in grid.shape_zyx)
    x, y, z = (step / finer for step in grid.spacing)
    return replace(grid, shape_zyx=(nz, ny, nx), spacing=(x, y, z))


def moved_grid(grid: Grid, pose: AffineTransform) -> Grid:
    """Return where a rigid map takes the voxels of a grid."""
    return Grid.from_affine(grid.shape_zyx, pose.matrix @ grid.affine)


def meets(onto: Grid, frame: Grid) -> bool:
    """Return whether all voxels of a grid are voxels of another, were that endless."""
    corner_and_steps = frame.to_index(onto.to_physical(np.eye(4, 3, -1)))
    return bool(np.allclose(corner_and_steps, np.round(corner_and_steps), rtol=0, atol=MEET))


def half_width_mm(grid: Grid) -> float:
    """Return the distance from the centre of a cube to the centres of its outermost voxels."""
    return (grid.shape_zyx[0] - 1) / 2 * grid.spacing[0]


def pose_transform(numbers: ArrayLike, grid: Grid) -> AffineTransform:
    """Return the map of short-axis points to points of a cube, LPS mm, that numbers mean.

    Parameters
    ----------
    numbers
        alpha, beta, gamma in rad about y, x, z, and three translations in half-widths, shape (6,).
    grid
        The cube that the network saw.

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
    """Return the numbers (6,) of a rigid map of short-axis points to points of a cube.

    Parameters
    ----------
    transform
        Rigid map of short-axis points to points of the cube, LPS mm.
    grid
        The cube.
    near
        Angles in rad: of the sets of angles that make a rotation, the nearest to these is meant.

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
