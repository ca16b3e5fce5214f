"""Convert a linear fixed-to-moving map in LPS mm to the matrices of other conventions."""

from __future__ import annotations

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.io.image_header import ImageHeader

# Turns LPS into RAS and back.
LPS_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def ras_matrix(lps: FloatArray) -> FloatArray:
    """Turn a 4 x 4 matrix between LPS points into the one between RAS points, or back."""
    return np.asarray(LPS_RAS @ lps @ LPS_RAS)


def fsl_to_lps(image: ImageHeader) -> FloatArray:
    """Return the 4 x 4 matrix from FSL's millimetres to LPS mm.

    FSL's millimetres are voxel numbers times the voxel sizes that the header writes (pixdim,
    whatever its unit), counted from the other end along x when the image's affine has a positive
    determinant (the FLIRT FAQ of the FSL documentation).
    """
    sx, sy, sz = image.voxel_size
    to_voxel = np.diag([1 / sx, 1 / sy, 1 / sz, 1.0])
    if not image.radiological:
        to_voxel[0] = (-1 / sx, 0.0, 0.0, image.shape_zyx[2] - 1.0)
    return np.asarray(image.voxel_to_lps @ to_voxel)


def voxel_matrix(lps: FloatArray, fixed: ImageHeader, moving: ImageHeader) -> FloatArray:
    """Return the 4 x 4 matrix from fixed voxel (i, j, k) to moving voxel (i, j, k)."""
    return np.asarray(np.linalg.solve(moving.voxel_to_lps, lps @ fixed.voxel_to_lps))


def fsl_matrix(lps: FloatArray, fixed: ImageHeader, moving: ImageHeader) -> FloatArray:
    """Return FSL's 4 x 4 matrix, from moving to fixed, of a fixed-to-moving matrix in LPS mm."""
    return np.asarray(np.linalg.solve(lps @ fsl_to_lps(fixed), fsl_to_lps(moving)))


def from_fsl_matrix(fsl: FloatArray, fixed: ImageHeader, moving: ImageHeader) -> FloatArray:
    """Return the fixed-to-moving matrix in LPS mm of FSL's 4 x 4 matrix."""
    return np.asarray(fsl_to_lps(moving) @ np.linalg.inv(fsl_to_lps(fixed) @ fsl))


def freesurfer_matrix(lps: FloatArray) -> FloatArray:
    """Return FreeSurfer's RAS-to-RAS matrix: src (moving) to dst (fixed), or back from it."""
    return np.asarray(np.linalg.inv(ras_matrix(lps)))
