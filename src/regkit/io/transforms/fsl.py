"""Read and write FSL's FLIRT matrix: 4 x 4 text, moving to fixed, mm from a voxel corner.

The matrix is defined only together with the headers of both images: voxel sizes as written, number
of voxels along x, and handedness.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from regkit.errors import TransformError
from regkit.geometry.transform import AffineTransform, Transform
from regkit.io.image_header import DICOM, NIFTI, ImageHeader
from regkit.io.transforms.format import ImagePair, TransformFormat, require_affine
from regkit.io.transforms.frames import from_fsl_matrix, fsl_matrix
from regkit.io.transforms.matrix_text import (
    format_matrix,
    is_hexadecimal,
    looks_like_matrix,
    read_matrix,
)

logger = logging.getLogger(__name__)


def read_fsl(path: Path, images: ImagePair) -> AffineTransform:
    """Read a FLIRT matrix between the two images."""
    matrix = read_matrix(path)
    return AffineTransform(from_fsl_matrix(matrix, *_require_images(images)))


def write_fsl(transform: Transform, path: Path, images: ImagePair) -> None:
    """Write a linear transform as a FLIRT matrix between the two images."""
    fixed, moving = _require_images(images)
    affine = require_affine(transform)
    affine.inverse()  # FSL stores the inverse: refuse what has none
    path.write_text(format_matrix(fsl_matrix(affine.matrix, fixed, moving)), encoding="ascii")


def why_undefined(image: ImageHeader) -> str:
    """Return the reason that FSL's millimetres are undefined for an image; empty if defined."""
    if image.format == DICOM:
        return (
            f"FSL reads no DICOM, so its matrix is undefined for {image.path}; give the NIfTI "
            "file that FLIRT had (or will have): regkit transform convert T.mat T.tfm --from fsl "
            "--fixed FIXED.nii.gz --moving MOVING.nii.gz, then use T.tfm"
        )
    if not (np.isfinite(image.voxel_size).all() and min(image.voxel_size) > 0):
        sizes = " x ".join(f"{size:g}" for size in image.voxel_size)
        return (
            f"FSL's millimetres need positive voxel sizes, {image.path} has {sizes} in pixdim; "
            "mend its header"
        )
    return ""


def _require_images(images: ImagePair) -> tuple[ImageHeader, ImageHeader]:
    fixed, moving = images.fixed_header(), images.moving_header()
    if fixed is None or moving is None:
        raise TransformError(
            "an FSL matrix is undefined without its images: give both (--fixed and --moving, "
            "to compose also --middle); if it maps RAS millimetres, as greedy's does, name its "
            "format 'ras' (--from ras)"
        )
    for image in (fixed, moving):
        if reason := why_undefined(image):
            raise TransformError(reason)
        if image.format and not image.format.startswith(NIFTI):
            logger.warning(
                "%s is %s, which FSL does not read: assumed that it was converted to NIfTI with "
                "its voxels in the same order",
                image.path,
                image.format,
            )
    return fixed, moving


def _recognizes(path: Path, start: bytes) -> bool:
    text = looks_like_matrix(start)
    return text and (path.suffix.lower() == ".mat" or is_hexadecimal(start))


def _assumption(start: bytes) -> str:
    # Only FSL writes hexadecimal numbers (FLIRT of FSL 5.0.8).
    if is_hexadecimal(start):
        return ""
    return (
        "nothing in a 4 x 4 text matrix names its convention; the name ends in .mat: assumed "
        "FSL's (FLIRT: moving to fixed, FSL's mm). If greedy or c3d wrote it (fixed to moving, "
        "RAS mm), give --from ras; --from fsl confirms the assumption"
    )


FSL = TransformFormat(
    name="fsl",
    title="FSL FLIRT: 4 x 4 text, moving to fixed, FSL's voxel mm; needs both images",
    suffixes=(".mat",),
    recognizes=_recognizes,
    read=read_fsl,
    write=write_fsl,
    assumption=_assumption,
)
