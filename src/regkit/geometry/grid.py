"""Grids: the positions of the voxels of an array in patient space.

Arrays are z, y, x; anything in millimetres is x, y, z in LPS
(x to the patient's left, y to posterior, z to superior).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regkit.arguments import checked_fields
from regkit.errors import GeometryError

Vector3: TypeAlias = tuple[float, float, float]
FloatArray: TypeAlias = NDArray[np.float64]

# Largest deviation of direction^T direction from identity that is taken for rounding in a header
# (0.06 degrees); anything larger is a shear. Chosen by hand.
ORTHONORMAL_TOLERANCE = 1e-3
# Voxels by which the field of view is widened, so that rounding loses no point on its edge.
EDGE_TOLERANCE = 1e-6
# The same for positions in single precision, up to 1000 voxels along an axis.
SINGLE_EDGE_TOLERANCE = 1e-4


@checked_fields
@dataclass(frozen=True)
class Grid:
    """A regular grid of voxels in patient space.

    Parameters
    ----------
    shape_zyx
        Number of voxels along the array axes z, y, x.
    spacing
        Distance of neighbouring voxel centres along x, y, z in mm.
    origin
        Centre of voxel (0, 0, 0) in LPS mm.
    direction
        3 x 3 direction cosines, row by row as ITK gives them; its columns are the unit vectors
        of the axes x, y, z in LPS. May be a reflection, must not be sheared.

    Raises
    ------
    GeometryError
        Empty axes, spacing that is not positive, a singular or sheared direction.
    """

    shape_zyx: tuple[int, int, int]
    spacing: Vector3 = (1.0, 1.0, 1.0)
    origin: Vector3 = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)

    def __post_init__(self) -> None:
        given = finite_numbers(self.shape_zyx, 3, "shape_zyx")
        shape = tuple(int(n) for n in given)
        if min(shape) < 1 or shape != given:
            raise GeometryError(
                f"a grid needs three axes of at least one voxel, whole numbers, got {given}"
            )
        spacing = finite_numbers(self.spacing, 3, "spacing")
        if min(spacing) <= 0:
            raise GeometryError(f"voxel spacing must be positive, got {spacing} mm")
        object.__setattr__(self, "shape_zyx", shape)
        object.__setattr__(self, "spacing", spacing)
        object.__setattr__(self, "origin", finite_numbers(self.origin, 3, "origin"))
        direction = _orthonormal(finite_numbers(self.direction, 9, "direction"))
        object.__setattr__(self, "direction", direction)

    def __repr__(self) -> str:
        origin = ", ".join(f"{value + 0.0:.6g}" for value in self.origin)
        straight = self.direction == (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
        rows = np.round(np.reshape(self.direction, (3, 3)), 4) + 0.0
        axes = "" if straight else f", direction {rows.tolist()}"
        return f"<Grid {self.summary}, origin ({origin}) mm{axes}>"

    @property
    def summary(self) -> str:
        """Shape and spacing as text."""
        shape = " x ".join(str(n) for n in self.shape_zyx)
        spacing = " x ".join(f"{value:.4g}" for value in self.spacing)
        return f"shape (z, y, x) {shape}, spacing (x, y, z) {spacing} mm"

    @classmethod
    def from_affine(cls, shape_zyx: tuple[int, int, int], affine: ArrayLike) -> Grid:
        """Build a grid from a 4 x 4 matrix that maps array indices (z, y, x, 1) to LPS mm."""
        matrix = np.asarray(affine, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all():
            raise GeometryError("a grid's affine must be a finite 4 x 4 matrix")
        axes_xyz = matrix[:3, 2::-1]
        spacing = np.linalg.norm(axes_xyz, axis=0)
        if spacing.min() <= 0:
            raise GeometryError("a grid's affine is singular: an axis has length zero")
        direction = tuple((axes_xyz / spacing).ravel().tolist())
        x, y, z = spacing.tolist()
        return cls(shape_zyx, (x, y, z), tuple(matrix[:3, 3].tolist()), direction)

    @cached_property
    def affine(self) -> FloatArray:
        """4 x 4 matrix from array index (z, y, x, 1) to LPS mm (x, y, z, 1)."""
        matrix = np.eye(4)
        matrix[:3, :3] = (np.reshape(self.direction, (3, 3)) * self.spacing)[:, ::-1]
        matrix[:3, 3] = self.origin
        matrix.flags.writeable = False
        return matrix

    @cached_property
    def inverse_affine(self) -> FloatArray:
        """4 x 4 matrix from LPS mm (x, y, z, 1) to array index (z, y, x, 1)."""
        matrix = np.asarray(np.linalg.inv(self.affine), dtype=np.float64)
        matrix.flags.writeable = False
        return matrix

    def to_physical(self, index: ArrayLike) -> FloatArray:
        """Map array indices (z, y, x), shape (..., 3), to LPS mm (x, y, z); fractions allowed."""
        return _map(self.affine, index)

    def to_index(self, points: ArrayLike) -> FloatArray:
        """Map points in LPS mm (x, y, z), shape (..., 3), to fractional indices (z, y, x)."""
        return _map(self.inverse_affine, points)

    @property
    def centre(self) -> Vector3:
        """Centre of the field of view in LPS mm."""
        x, y, z = self.to_physical([(n - 1) / 2 for n in self.shape_zyx]).tolist()
        return x, y, z

    @property
    def extent(self) -> Vector3:
        """Size of the field of view along the grid's axes x, y, z in mm, voxel edge to edge."""
        nz, ny, nx = self.shape_zyx
        sx, sy, sz = self.spacing
        return nx * sx, ny * sy, nz * sz

    def corners(self) -> FloatArray:
        """Return the eight outer corners (voxel edges) in LPS mm, shape (8, 3)."""
        ends = [(-0.5, n - 0.5) for n in self.shape_zyx]
        return self.to_physical([(z, y, x) for z in ends[0] for y in ends[1] for x in ends[2]])

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Return whether points (..., 3) in LPS mm lie in the field of view, edges included."""
        index = self.to_index(points)
        upper = np.subtract(self.shape_zyx, 0.5) + EDGE_TOLERANCE
        return np.asarray(((index >= -0.5 - EDGE_TOLERANCE) & (index <= upper)).all(axis=-1))

    def matches(self, other: Grid, tolerance: float = 1e-3) -> bool:
        """Return whether the voxels of two grids coincide.

        `tolerance` is the largest distance between corresponding voxels, in units of the smallest
        side of a voxel.
        """
        if self.shape_zyx != other.shape_zyx:
            return False
        largest = np.abs(self.corners() - other.corners()).max()
        return bool(largest <= tolerance * min(self.spacing))


def finite_numbers(values: Any, count: int, what: str) -> tuple[float, ...]:
    """Return so many finite numbers of an array or a list; `what` names them in the error."""
    try:
        numbers = tuple(np.asarray(values, dtype=np.float64).ravel().tolist())
    except (TypeError, ValueError) as error:
        raise GeometryError(f"{what} must be {count} numbers, got {values!r}") from error
    if len(numbers) != count or not np.isfinite(numbers).all():
        got = numbers if len(numbers) <= count else f"{len(numbers)} numbers"
        raise GeometryError(f"{what} must be {count} finite numbers, got {got}")
    return numbers


def _orthonormal(direction: tuple[float, ...]) -> tuple[float, ...]:
    """Return the nearest orthonormal matrix, refusing a singular or sheared one."""
    matrix = np.reshape(direction, (3, 3))
    deviation = np.abs(matrix.T @ matrix - np.eye(3)).max()
    if deviation > ORTHONORMAL_TOLERANCE:
        kind = "singular" if abs(np.linalg.det(matrix)) < 1e-6 else "sheared or scaled"
        raise GeometryError(
            f"the direction matrix is {kind}: its axes deviate by {deviation:.3g} from "
            "perpendicular unit vectors; give orthonormal direction cosines"
        )
    if deviation < 1e-12:
        return direction
    u, _, vt = np.linalg.svd(matrix)
    return tuple((u @ vt).ravel().tolist())


def _map(matrix: FloatArray, points: ArrayLike) -> FloatArray:
    coordinates = np.asarray(points, dtype=np.float64)
    # Not `@`: for three columns the threads of a BLAS cost far more than the sums.
    return np.asarray(np.einsum("...j,ij->...i", coordinates, matrix[:3, :3]) + matrix[:3, 3])
