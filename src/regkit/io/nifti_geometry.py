"""Position of a NIfTI image in LPS mm: sform, qform, voxel sizes and their unit."""

from __future__ import annotations

import itertools
import logging
from pathlib import Path

import numpy as np

from regkit.errors import GeometryError
from regkit.geometry.grid import FloatArray
from regkit.geometry.rotation import rotation_of
from regkit.io.nifti_header import NiftiHeader, header_sform
from regkit.io.raw_image import lps_from_ras

logger = logging.getLogger(__name__)

# NIfTI-1 standard: the low three bits of xyzt_units; 0 means that no unit is stated.
_UNIT_BITS = 7
_MM_PER_UNIT_CODE = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
# A quaternion in float32 is exact to 7e-4 rad where its scalar part is near zero: corners of the
# image may differ by this fraction of its diagonal without a meaning.
_ROUNDING_RAD = 7e-4
# Voxels by which sform and qform may differ without a word; chosen by hand.
_NEGLIGIBLE_VOXELS = 0.1
# Relative difference of a voxel size in pixdim and sform without a word; chosen by hand.
_NEGLIGIBLE_SIZE = 0.01
# Excess of a quaternion's norm over 1 that is no rounding of six digits; chosen by hand.
_NORM_EXCESS = 1e-3


def nifti_affine(header: NiftiHeader, path: Path) -> FloatArray:
    """Return the matrix from index (z, y, x, 1) to LPS mm; what had to be assumed is logged.

    Parameters
    ----------
    header
        Header of NIfTI-1 or NIfTI-2, unchecked.
    path
        File that the warnings name.

    Raises
    ------
    GeometryError
        The voxel sizes are needed and are not positive.
    """
    affine = lps_from_ras(_index_to_ras(header, path))
    affine[:3] *= _mm_per_unit(header, path)
    return affine


def _mm_per_unit(header: NiftiHeader, path: Path) -> float:
    code = int(header["xyzt_units"]) & _UNIT_BITS
    if code not in _MM_PER_UNIT_CODE:
        logger.warning("%s has the unknown unit code %d: millimeters are assumed", path, code)
    return _MM_PER_UNIT_CODE.get(code, 1.0)


def _index_to_ras(header: NiftiHeader, path: Path) -> FloatArray:
    """Return the matrix from (i, j, k, 1) in the unit of the file; the sform is preferred."""
    has_qform = header["qform_code"] > 0
    if header["sform_code"] > 0:
        sform = header_sform(header)
        if not has_qform:
            _compare_sizes(header, sform, path)
            return sform
        if _is_invertible(sform):
            _compare(header, sform, path)
            return sform
        fault = "singular sform" if np.isfinite(sform).all() else "sform that is not finite"
        logger.warning("%s has a %s: its qform is used", path, fault)
    if has_qform:
        _check_sizes(header)
        _check_quaternion(header, path)
        return _qform(header)
    # As ITK reads such files: image axes along L, P, S and the first voxel at zero.
    logger.warning("%s has neither sform nor qform: position and left/right are a guess", path)
    _check_sizes(header)
    x, y, z = _sizes(header)
    return np.diag([-x, -y, z, 1.0])


def _qform(header: NiftiHeader) -> FloatArray:
    """Return the matrix of the qform; a quaternion longer than 1 is normalized, as ITK does."""
    vector = _quaternion(header)
    rotation = rotation_of([np.sqrt(max(0.0, 1 - float(vector @ vector))), *vector])
    x, y, z = _sizes(header)
    handedness = -1.0 if header["pixdim"][0] < 0 else 1.0
    matrix = np.eye(4)
    matrix[:3, :3] = rotation * [x, y, z * handedness]
    matrix[:3, 3] = [header[f"qoffset_{axis}"] for axis in "xyz"]
    return matrix


def _quaternion(header: NiftiHeader) -> FloatArray:
    return np.array([header[f"quatern_{axis}"] for axis in "bcd"], dtype=np.float64)


def _check_quaternion(header: NiftiHeader, path: Path) -> None:
    norm = float(np.linalg.norm(_quaternion(header)))
    if not np.isfinite(norm):
        raise GeometryError("the quaternion of its qform has numbers that are not finite")
    if norm > 1 + _NORM_EXCESS:
        logger.warning("%s has a quaternion of norm %.4g, more than 1: normalized", path, norm)


def _sizes(header: NiftiHeader) -> FloatArray:
    return np.asarray(header["pixdim"][1:4], dtype=np.float64)


def _are_positive(sizes: FloatArray) -> bool:
    return bool(np.isfinite(sizes).all() and (sizes > 0).all())


def _check_sizes(header: NiftiHeader) -> None:
    """Refuse sizes that are not positive: of a negative one ITK flips the axis, nibabel not."""
    sizes = _sizes(header)
    if not _are_positive(sizes):
        raise GeometryError(f"voxel spacing must be positive, got {sizes.tolist()} mm in pixdim")


def _compare(header: NiftiHeader, sform: FloatArray, path: Path) -> None:
    """Warn if sform and qform put the image at different places."""
    sizes = _sizes(header)
    if not (_are_positive(sizes) and np.isfinite(_quaternion(header)).all()):
        return  # a damaged qform says nothing about the sform
    ends = [(0, max(int(n) - 1, 0)) for n in header["dim"][1:4]]
    corners = np.array([(*corner, 1) for corner in itertools.product(*ends)]).T
    first, second = (matrix @ corners for matrix in (sform, _qform(header)))
    apart = np.linalg.norm((first - second)[:3], axis=0).max()
    diagonal = np.linalg.norm((first[:, -1] - first[:, 0])[:3])
    if apart > max(_NEGLIGIBLE_VOXELS * sizes.min(), _ROUNDING_RAD * diagonal):
        logger.warning(
            "%s has a sform and a qform that put corners of the image up to %.4g mm apart: the "
            "sform is used (as nibabel does; ITK and ANTs may take the qform)",
            path,
            apart * _MM_PER_UNIT_CODE.get(int(header["xyzt_units"]) & _UNIT_BITS, 1.0),
        )


def _compare_sizes(header: NiftiHeader, sform: FloatArray, path: Path) -> None:
    """Warn if pixdim states other voxel sizes than the sform."""
    stated = np.abs(_sizes(header))
    used = np.linalg.norm(sform[:3, :3], axis=0)
    if _is_invertible(sform) and not np.allclose(stated, used, rtol=_NEGLIGIBLE_SIZE, atol=0):
        logger.warning(
            "%s has voxels of %s in its sform and of %s in pixdim: the sform is used (ITK and "
            "FSL may take pixdim)",
            path,
            " x ".join(f"{size:.4g}" for size in used),
            " x ".join(f"{size:.4g}" for size in stated),
        )


def _is_invertible(matrix: FloatArray) -> bool:
    axes = matrix[:3, :3]
    lengths = np.linalg.norm(axes, axis=0)
    if not np.isfinite(matrix).all() or lengths.min() <= 0:
        return False
    return bool(abs(np.linalg.det(axes / lengths)) > 1e-6)
