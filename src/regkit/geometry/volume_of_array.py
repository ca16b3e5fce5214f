"""Make volumes of arrays, with the geometry that other libraries state in various ways."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from regkit.arguments import checked
from regkit.errors import GeometryError
from regkit.geometry.grid import Grid
from regkit.geometry.volume import Volume

Frame: TypeAlias = Literal["LPS", "RAS"]
STRAIGHT = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)


@checked
def volume(
    array: ArrayLike,
    spacing: ArrayLike | None = None,
    origin: ArrayLike = (0.0, 0.0, 0.0),
    direction: ArrayLike = STRAIGHT,
    *,
    affine: ArrayLike | None = None,
    frame: Frame = "LPS",
    modality: str = "",
) -> Volume:
    """Make a volume of an array: with the size of its voxels, or with an affine matrix.

    Parameters
    ----------
    array
        Intensities of shape (z, y, x), as SimpleITK's ``GetArrayFromImage`` returns them. With
        `affine`, the axes may have any order.
    spacing
        Size of the voxels along x, y, z in mm; one number if it is the same along all.
    origin
        Center of voxel (0, 0, 0), LPS mm; with `spacing`.
    direction
        3 x 3 direction cosines, as those of a `Grid`; with `spacing`.
    affine
        4 x 4 matrix from the indices of the array, in the order of its axes, to mm; instead of
        `spacing`, `origin` and `direction`. That of nibabel fits its arrays with
        ``frame="RAS"``.
    frame
        Frame of `affine`: ``LPS`` (ITK, DICOM) or ``RAS`` (nibabel, NIfTI).
    modality
        One of ``ct``, ``mu``, ``spect``, ``pet``, ``mr``, ``us``; empty if unknown.

    Raises
    ------
    GeometryError
        The size of the voxels is not known, or the geometry is impossible.

    Examples
    --------
    >>> import numpy as np
    >>> import regkit
    >>> regkit.volume(np.zeros((20, 64, 64)), spacing=(4, 4, 5), modality="pet")
    <Volume pet, shape (z, y, x) 20 x 64 x 64, spacing (x, y, z) 4 x 4 x 5 mm, float32>
    """
    values = np.asarray(array)
    _check(values, spacing, affine, frame)
    if affine is None:
        return Volume(values, _straight_grid(values, spacing, origin, direction), modality)
    placed = _placed(affine, frame)
    if frame == "RAS":  # as files of NIfTI are read: z, y, x
        values, placed = values.transpose(2, 1, 0), placed[:, [2, 1, 0, 3]]
    return Volume(values, Grid.from_affine(_shape(values), placed), modality)


def _check(values: Any, spacing: Any, affine: Any, frame: str) -> None:
    """Refuse arguments that do not make a geometry."""
    if values.ndim != 3:
        raise GeometryError(f"a volume needs a 3-D array, got one of shape {values.shape}")
    if spacing is None and affine is None:
        raise GeometryError(
            "the size of the voxels is not known; give spacing=(x, y, z) in mm, or an affine"
        )
    if spacing is not None and affine is not None:
        raise GeometryError("spacing and affine say the same; give one of them")
    if frame not in ("LPS", "RAS"):
        raise GeometryError(f"frame must be LPS or RAS, got {frame!r}")
    if frame == "RAS" and affine is None:
        raise GeometryError("only an affine can be in RAS; give affine, or leave out frame")


def _straight_grid(values: Any, spacing: Any, origin: Any, direction: Any) -> Grid:
    sizes = np.asarray(spacing, np.float64).ravel()
    x, y, z = np.broadcast_to(sizes, 3).tolist() if sizes.size in (1, 3) else (0.0, 0.0, 0.0)
    if sizes.size not in (1, 3):
        raise GeometryError(f"spacing must be 3 numbers (x, y, z) in mm, got {sizes.size}")
    return Grid(_shape(values), (x, y, z), origin, direction)


def _placed(affine: Any, frame: Frame) -> Any:
    matrix = np.array(affine, np.float64)
    if matrix.shape != (4, 4):
        raise GeometryError(f"an affine must be a 4 x 4 matrix, got shape {matrix.shape}")
    return matrix * [[-1.0], [-1.0], [1.0], [1.0]] if frame == "RAS" else matrix


def _shape(values: Any) -> tuple[int, int, int]:
    first, second, third = values.shape
    return first, second, third
