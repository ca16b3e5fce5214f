"""Read and write FSL's FLIRT matrix: 4 x 4 text, moving to fixed, mm from a voxel corner.

The matrix is defined only together with the voxel sizes and orientations of both images.
"""

from __future__ import annotations

from pathlib import Path

from regkit.errors import TransformError
from regkit.geometry.grid import Grid
from regkit.geometry.transform import AffineTransform, Transform
from regkit.io.transforms.format import ImageGrids, TransformFormat, require_affine
from regkit.io.transforms.frames import from_fsl_matrix, fsl_matrix
from regkit.io.transforms.matrix_text import format_matrix, looks_like_matrix, read_matrix


def read_fsl(path: Path, images: ImageGrids) -> AffineTransform:
    """Read a FLIRT matrix between the two images."""
    fixed, moving = _require_grids(images)
    return AffineTransform(from_fsl_matrix(read_matrix(path), fixed, moving))


def write_fsl(transform: Transform, path: Path, images: ImageGrids) -> None:
    """Write a linear transform as a FLIRT matrix between the two images."""
    fixed, moving = _require_grids(images)
    affine = require_affine(transform)
    affine.inverse()  # FSL stores the inverse: refuse what has none
    path.write_text(format_matrix(fsl_matrix(affine.matrix, fixed, moving)), encoding="ascii")


def _require_grids(images: ImageGrids) -> tuple[Grid, Grid]:
    if images.fixed is None or images.moving is None:
        raise TransformError(
            "an FSL matrix is undefined without its images: give both (--fixed and --moving, "
            "to compose also --middle); if it maps RAS millimetres, as greedy's does, name its "
            "format 'ras'"
        )
    return images.fixed, images.moving


def _recognizes(path: Path, start: bytes) -> bool:
    return path.suffix.lower() == ".mat" and looks_like_matrix(start)


FSL = TransformFormat(
    name="fsl",
    title="FSL FLIRT: 4 x 4 text, moving to fixed, FSL's voxel mm; needs both images",
    suffixes=(".mat",),
    recognizes=_recognizes,
    read=read_fsl,
    write=write_fsl,
)
