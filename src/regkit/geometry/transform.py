"""Transforms: maps of points from the fixed to the moving image, in LPS mm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import chain
from typing import overload

import numpy as np
from numpy.typing import ArrayLike

from regkit.arguments import checked_fields
from regkit.errors import NotInvertibleError, TransformError
from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.interpolation import trilinear
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.notebook import html_of

# Deviation of two matrices, mm per mm, that counts as rounding: far below any effect on an image
# (1e-6 of 1 m is a micrometre), far above the error of float64.
SAME = 1e-6
SINGULAR = 1e-12  # of a determinant; chosen by hand
# Last row of a homogeneous matrix, and its rounding in files; chosen by hand.
LAST_ROW, LAST_ROW_ROUNDING = np.array((0.0, 0.0, 0.0, 1.0)), (1e-8, 1e-8, 1e-8, 1e-5)


class Transform(ABC):
    """A map of points in LPS mm, from fixed to moving by convention."""

    @abstractmethod
    def map_points(self, points: ArrayLike) -> FloatArray:
        """Map points (..., 3), x, y, z in LPS mm."""

    @abstractmethod
    def inverse(self) -> Transform:
        """Return the inverse map; `NotInvertibleError` if there is none."""

    def __matmul__(self, first: Transform) -> Transform:
        """``(b @ a)`` maps x to ``b(a(x))``."""
        return TransformChain(tuple(chain.from_iterable(_steps(t) for t in (first, self))))

    def _repr_html_(self) -> str:
        return html_of(self)


@checked_fields
@dataclass(frozen=True, eq=False)
class AffineTransform(Transform):
    """A rigid, similarity or affine map.

    Parameters
    ----------
    matrix
        4 x 4, homogeneous, LPS mm; its last row is (0, 0, 0, 1). Kept read-only in float64.

    Raises
    ------
    TransformError
        The matrix is not a finite 4 x 4 affine matrix.
    """

    matrix: FloatArray

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.shape != (4, 4):
            raise TransformError(f"an affine transform needs a 4 x 4 matrix, got {matrix.shape}")
        if not np.isfinite(matrix).all():
            raise TransformError("an affine transform needs finite numbers, got NaN or infinity")
        if (np.abs(matrix[3] - LAST_ROW) > LAST_ROW_ROUNDING).any():
            raise TransformError(f"the last row must be 0 0 0 1, got {matrix[3].tolist()}")
        matrix.flags.writeable = False
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def about(
        cls, linear: ArrayLike, translation: ArrayLike, centre: ArrayLike
    ) -> AffineTransform:
        """Build x -> linear (x - centre) + centre + translation; 3 x 3 and mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = linear
        matrix[:3, 3] = np.asarray(centre) + translation - matrix[:3, :3] @ np.asarray(centre)
        return cls(matrix)

    @classmethod
    def shift(cls, translation: ArrayLike) -> AffineTransform:
        """Build the translation x -> x + translation, mm."""
        return cls.about(np.eye(3), translation, (0.0, 0.0, 0.0))

    def map_points(self, points: ArrayLike) -> FloatArray:
        """Map points (..., 3) by the matrix."""
        coordinates = np.asarray(points, dtype=np.float64)
        # Not `@`: for three columns the threads of a BLAS cost far more than the sums.
        linear = np.einsum("...j,ij->...i", coordinates, self.matrix[:3, :3])
        return np.asarray(linear + self.matrix[:3, 3])

    @overload
    def __matmul__(self, first: AffineTransform) -> AffineTransform: ...

    @overload
    def __matmul__(self, first: Transform) -> Transform: ...

    def __matmul__(self, first: Transform) -> Transform:
        """``(b @ a)`` maps x to ``b(a(x))``; of two matrices it is their product."""
        if isinstance(first, AffineTransform):
            return AffineTransform(self.matrix @ first.matrix)
        return super().__matmul__(first)

    def inverse(self) -> AffineTransform:
        """Invert the matrix."""
        if abs(self.determinant) < SINGULAR:
            raise NotInvertibleError(
                f"the transform has no inverse: its determinant is {self.determinant:.3g}"
            )
        return AffineTransform(np.asarray(np.linalg.inv(self.matrix), dtype=np.float64))

    @property
    def determinant(self) -> float:
        """Volume of the image of a unit cube; negative for a reflection."""
        return float(np.linalg.det(self.matrix[:3, :3]))

    @property
    def is_rigid(self) -> bool:
        """True for a rotation and a translation, up to rounding."""
        linear = self.matrix[:3, :3]
        return self.determinant > 0 and bool(np.allclose(linear.T @ linear, np.eye(3), atol=SAME))

    @property
    def model(self) -> str:
        """The simplest of identity, translation, rigid, similarity and affine that it fits."""
        linear = self.matrix[:3, :3]
        if np.allclose(linear, np.eye(3), atol=SAME):
            moves = np.abs(self.matrix[:3, 3]).max() > SAME
            return "translation" if moves else "identity"
        if self.is_rigid:
            return "rigid"
        scale = np.cbrt(self.determinant)
        uniform = np.allclose(linear.T @ linear, scale**2 * np.eye(3), atol=SAME * scale**2)
        return "similarity" if scale > 0 and uniform else "affine"

    def __repr__(self) -> str:
        shift = ", ".join(f"{value + 0.0:.1f}" for value in self.matrix[:3, 3])
        if self.model == "identity":
            return "<AffineTransform identity>"
        if self.model == "translation":
            return f"<AffineTransform translation ({shift}) mm, LPS>"
        turn = rotation_angle(nearest_rotation(self.matrix[:3, :3]))
        scale = "" if self.is_rigid else f", volumes times {self.determinant:.2f}"
        motion = f"rotation {turn:.1f}°{scale}, then translation ({shift}) mm, LPS"
        return f"<AffineTransform {self.model}: {motion}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, AffineTransform) and np.array_equal(self.matrix, other.matrix)

    def __hash__(self) -> int:
        return hash(self.matrix.tobytes())


IDENTITY = AffineTransform(np.eye(4))


@checked_fields
@dataclass(frozen=True, eq=False)
class DisplacementField(Transform):
    """A map x -> x + d(x), with d interpolated linearly between voxels and zero outside the grid.

    Parameters
    ----------
    displacement
        Displacements in LPS mm, shape (z, y, x, 3), float64.
    grid
        Grid of the displacements.
    """

    displacement: FloatArray
    grid: Grid

    def __post_init__(self) -> None:
        field = np.array(self.displacement, dtype=np.float64)
        if field.shape != (*self.grid.shape_zyx, 3):
            raise TransformError(
                f"a displacement field on {self.grid.shape_zyx} voxels needs shape "
                f"{(*self.grid.shape_zyx, 3)}, got {field.shape}"
            )
        if not np.isfinite(field).all():
            raise TransformError("a displacement field needs finite numbers, got NaN or infinity")
        field.flags.writeable = False
        object.__setattr__(self, "displacement", field)

    def __repr__(self) -> str:
        largest = np.linalg.norm(self.displacement, axis=-1).max()
        return f"<DisplacementField up to {largest:.1f} mm, {self.grid.summary}>"

    def map_points(self, points: ArrayLike) -> FloatArray:
        """Add the displacement at each of the points (..., 3)."""
        coordinates = np.asarray(points, dtype=np.float64)
        flat = coordinates.reshape(-1, 3)
        moved = flat.copy()
        inside = self.grid.contains(flat)
        moved[inside] += trilinear(self.displacement, self.grid.to_index(flat[inside]))
        return moved.reshape(coordinates.shape)

    def inverse(self, tolerance_mm: float = 1e-3, iterations: int = 100) -> DisplacementField:
        """Invert on the same grid by fixed-point iteration; a folded field has no inverse.

        A point that comes from outside the grid is inverted with the displacement at the rim.
        `regkit.geometry.round_trip` measures how exact the inverse is.
        """
        target = self.grid.to_physical(
            np.stack(np.meshgrid(*map(np.arange, self.grid.shape_zyx), indexing="ij"), axis=-1)
        ).reshape(-1, 3)
        source = target.copy()
        for _ in range(iterations):
            shift = trilinear(self.displacement, self.grid.to_index(source))
            miss = source + shift - target
            source -= miss
            if np.abs(miss).max() < tolerance_mm:
                field = (source - target).reshape(self.displacement.shape)
                return DisplacementField(field, self.grid)
        raise NotInvertibleError(
            "the displacement field has no inverse: it folds, or is too steep; the inversion is "
            f"still off by {np.abs(miss).max():.3g} mm after {iterations} iterations"
        )


@checked_fields
@dataclass(frozen=True, eq=False)
class TransformChain(Transform):
    """A composition of transforms; the first of the tuple maps first."""

    transforms: tuple[Transform, ...]

    def __repr__(self) -> str:
        return f"<TransformChain {', then '.join(repr(step) for step in self.transforms)}>"

    def map_points(self, points: ArrayLike) -> FloatArray:
        """Map points (..., 3) through every transform in turn."""
        mapped = np.asarray(points, dtype=np.float64)
        for transform in self.transforms:
            mapped = transform.map_points(mapped)
        return mapped

    def inverse(self) -> TransformChain:
        """Chain the inverses in reverse order."""
        return TransformChain(tuple(t.inverse() for t in reversed(self.transforms)))


def model_of(transform: Transform) -> str:
    """Return the name of the simplest model that a transform fits."""
    if isinstance(transform, AffineTransform):
        return transform.model
    return "chain" if isinstance(transform, TransformChain) else "displacement field"


def linear_part(transform: Transform, centre: Vector3, step: float = 1.0) -> FloatArray:
    """Return the 3 x 3 Jacobian of a transform at a point in LPS mm, by central differences."""
    offsets = np.eye(3) * step
    ahead = transform.map_points(np.asarray(centre) + offsets)
    behind = transform.map_points(np.asarray(centre) - offsets)
    return np.asarray((ahead - behind).T / (2 * step))


def _steps(transform: Transform) -> tuple[Transform, ...]:
    return transform.transforms if isinstance(transform, TransformChain) else (transform,)
