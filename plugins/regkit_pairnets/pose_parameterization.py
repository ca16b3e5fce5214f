"""Conversion between the six pose parameters of a network and a rigid map in LPS mm.

Arrays are z, y, x; anything in millimetres is x, y, z in LPS; the parameters of a network are
along and about the axes x, y, z of its input grid, of any direction.

A network predicts the motion of the moving image onto the fixed one: a rotation about x, then y,
then z (R = Rz Ry Rx), then a translation. regkit's transforms are the inverse: they map points
from fixed to moving.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regkit.errors import TransformError
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.rigid import rigid
from regkit.geometry.rotation import euler_angles, nearest_rotation
from regkit.geometry.transform import AffineTransform

TranslationUnit: TypeAlias = Literal["voxels", "mm"]
RotationCenter: TypeAlias = Literal["centre", "origin"]
AxisOrder: TypeAlias = Literal["xyz", "zyx"]


@dataclass(frozen=True)
class PoseParameterization:
    """The meaning of a network's six numbers, and the axes of its tensors.

    Parameters
    ----------
    translation
        Unit of the first three numbers; the last three are degrees.
    about
        Point that the rotation leaves in place: the ``centre`` of the grid, or its ``origin``,
        the center of its first voxel.
    axes
        Order of the spatial axes of its tensors.
    """

    translation: TranslationUnit = "voxels"
    about: RotationCenter = "centre"
    axes: AxisOrder = "xyz"

    def ordered(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an array (z, y, x) in the order of the tensors' axes."""
        return array.transpose() if self.axes == "xyz" else array

    def shape(self, grid: Grid) -> tuple[int, int, int]:
        """Return the voxels along the tensors' axes, as `build_pair_network` takes them."""
        z, y, x = grid.shape_zyx
        return (x, y, z) if self.axes == "xyz" else (z, y, x)

    def to_transform(self, numbers: ArrayLike, grid: Grid) -> AffineTransform:
        """Return the map of fixed to moving points that a network's numbers describe.

        Parameters
        ----------
        numbers
            Translations along and angles about x, y, z, shape (6,).
        grid
            Grid on which the network saw both images.

        Raises
        ------
        TransformError
            The numbers are not six finite ones.
        """
        six = np.asarray(numbers, dtype=np.float64)
        if six.shape != (6,) or not np.isfinite(six).all():
            raise TransformError(f"a rigid motion takes six finite numbers, got {six.tolist()}")
        motion = rigid(six[3:], six[:3] * self._unit(grid)).matrix
        frame = self._frame(grid)
        return AffineTransform(frame @ motion @ np.linalg.inv(frame)).inverse()

    def from_transform(self, transform: AffineTransform, grid: Grid) -> FloatArray:
        """Return the numbers (6,) that a network should find for a rigid map of fixed points.

        Raises
        ------
        TransformError
            The map is not rigid.
        """
        if not transform.is_rigid:
            raise TransformError("a network's numbers describe a rigid transform, got another one")
        frame = self._frame(grid)
        motion = np.linalg.inv(frame) @ transform.inverse().matrix @ frame
        shifts = motion[:3, 3] / self._unit(grid)
        return np.array([*shifts, *euler_angles(nearest_rotation(motion[:3, :3]))])

    def _unit(self, grid: Grid) -> FloatArray:
        """Return the mm of one unit of translation along x, y, z."""
        return np.asarray(grid.spacing) if self.translation == "voxels" else np.ones(3)

    def _frame(self, grid: Grid) -> FloatArray:
        """Return the 4 x 4 matrix from mm along the axes of the grid to LPS mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.reshape(grid.direction, (3, 3))
        matrix[:3, 3] = grid.centre if self.about == "centre" else grid.origin
        return matrix


# Chen et al. 2022 and the networks benchmarked with it.
CARDIAC = PoseParameterization("voxels", "centre", "xyz")
# Song et al. 2022, Guo et al. 2020.
PROSTATE = PoseParameterization("mm", "origin", "zyx")
