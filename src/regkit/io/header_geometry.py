"""The affine of an image from the voxel axes that a NRRD or MetaImage header states."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray
from regkit.io.text_header import HeaderStatements

logger = logging.getLogger(__name__)

# Determinant of unit axes below which they lie in one plane, as in `regkit.io.shear`.
_SINGULAR = 1e-6
# Values that are taken where a header states none.
_ASSUMED = {
    "voxel size": "voxels of 1 mm",
    "position": "first voxel at zero",
    "orientation": "axes along L, P and S",
}


def header_affine(axes: FloatArray, origin: FloatArray, stated: HeaderStatements) -> FloatArray:
    """Return the 4 x 4 matrix from array index (z, y, x, 1) to LPS mm.

    Parameters
    ----------
    axes
        3 x 3 matrix whose columns lead from a voxel to the next along x, y, z, in the header's
        unit.
    origin
        Center of the first voxel, in the header's unit.
    stated
        The header's statements, with its unit.

    Raises
    ------
    FileFormatError
        An axis has the length zero, or they lie in one plane.
    """
    lengths = np.linalg.norm(axes, axis=0)
    if not np.isfinite(axes).all():
        raise FileFormatError("a space direction has a number that is not finite")
    if lengths.min() <= 0:
        raise FileFormatError(
            "voxel spacing must be positive numbers; the header has zero or none"
        )
    if abs(np.linalg.det(axes / lengths)) < _SINGULAR:
        raise singular_directions()
    affine = np.eye(4)
    affine[:3, :3] = axes[:, ::-1]
    affine[:3, 3] = origin
    affine[:3] *= stated.mm_per_unit[:, None]
    return affine


def singular_directions() -> FileFormatError:
    """Return the error of voxel axes that lie in one plane, or of a direction that is zero."""
    return FileFormatError("the direction matrix is singular; give orthonormal direction cosines")


def warn_of_missing(stated: HeaderStatements, path: Path) -> None:
    """Log what is assumed where a header states none."""
    if stated.missing:
        logger.warning(
            "%s states no %s; assumed, as a guess: %s",
            path,
            ", no ".join(stated.missing),
            ", ".join(_ASSUMED[what] for what in stated.missing),
        )
