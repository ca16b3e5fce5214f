"""Resample sheared (gantry-tilt) images onto an orthogonal grid; the anatomy stays in place."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import TypeVar

import numpy as np

from regkit.errors import GeometryError
from regkit.geometry.grid import ORTHONORMAL_TOLERANCE, FloatArray, Grid
from regkit.geometry.resampling import resample
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap, Volume
from regkit.io.limits import check_voxels
from regkit.io.raw_image import RawImage

logger = logging.getLogger(__name__)

AnyVolume = TypeVar("AnyVolume", bound=Volume)

# CT gantries tilt by up to 30 degrees; far beyond that, the header is damaged.
MAX_SHEAR_DEG = 60.0
# Voxels of an upright grid for each voxel of the image: a short stack of thick slices, tilted by
# 60 degrees, needs 5. Smaller grids are always made. Both chosen by hand.
LARGEST_GROWTH = 16
ALWAYS_UPRIGHT = 1 << 24


def resample_sheared(raw: RawImage, kind: type[AnyVolume], modality: str, path: Path) -> AnyVolume:
    """Make a volume of a file's contents, resampling it once if its axes are sheared.

    Parameters
    ----------
    raw
        Contents of the file.
    kind
        `Volume` (linear interpolation, outside filled with the smallest value) or `LabelMap`
        (nearest neighbour, outside 0).
    modality, path
        Modality of the volume, and the file that the warning names.

    Raises
    ------
    GeometryError
        The affine is not finite, is singular, or is sheared beyond any gantry tilt.
    """
    shape = raw.array.shape
    grid = unsheared_grid(shape, raw.affine)
    if not _is_sheared(raw.affine):
        return kind(raw.array, grid, modality)
    logger.warning(
        "%s is sheared by %.1f degrees (gantry tilt): resampled onto an orthogonal grid",
        path,
        shear_deg(raw.affine),
    )
    # On a grid of unit spacing, "millimetres" are voxel indices x, y, z.
    indexed = kind(raw.array, Grid((shape[0], shape[1], shape[2])), modality)
    to_index = AffineTransform(_from_xyz(raw.affine)).inverse()
    finite = indexed.array[np.isfinite(indexed.array)]
    outside = float(finite.min()) if finite.size and kind is not LabelMap else 0.0
    return resample(indexed, grid, to_index, outside)


def unsheared_grid(shape_zyx: tuple[int, ...], affine: FloatArray) -> Grid:
    """Return the grid of an image, or of its resampled copy if its axes are sheared.

    Raises
    ------
    GeometryError
        The affine is not finite, is singular, or is sheared beyond any gantry tilt.
    """
    angle = shear_deg(affine)
    if angle > MAX_SHEAR_DEG:
        raise GeometryError(f"the image axes are sheared by {angle:.0f} degrees: header damaged")
    z, y, x = shape_zyx
    return (
        orthogonal_grid(shape_zyx, affine)
        if _is_sheared(affine)
        else Grid.from_affine((z, y, x), affine)
    )


def _is_sheared(affine: FloatArray) -> bool:
    return math.sin(math.radians(shear_deg(affine))) > ORTHONORMAL_TOLERANCE


def shear_deg(affine: FloatArray) -> float:
    """Return the largest deviation, in degrees, of two image axes from perpendicular."""
    axes = affine[:3, :3]
    lengths = np.linalg.norm(axes, axis=0)
    if not np.isfinite(affine).all():
        raise GeometryError("the header's geometry has numbers that are not finite")
    if lengths.min() <= 0:
        raise GeometryError("the header's geometry is singular: an axis has length zero")
    unit = axes / lengths
    if abs(np.linalg.det(unit)) < 1e-6:
        raise GeometryError("the header's geometry is singular: its axes lie in one plane")
    largest = np.abs(unit.T @ unit - np.eye(3)).max()
    return math.degrees(math.asin(min(float(largest), 1.0)))


def orthogonal_grid(shape_zyx: tuple[int, ...], affine: FloatArray) -> Grid:
    """Return the smallest orthogonal grid that covers a sheared one.

    Two axes that are perpendicular (the slice plane) keep their direction and spacing. The third
    becomes their normal, with the distance of the slice planes as its spacing, so that the new
    slices lie in the old ones.
    """
    axes = _from_xyz(affine)[:3, :3]
    frame, spacing = _orthonormal_frame(axes)
    indices = np.array(np.meshgrid(*[(0, n - 1) for n in shape_zyx[::-1]])).reshape(3, 8)
    along = frame.T @ (axes @ indices)
    lowest, highest = along.min(axis=1), along.max(axis=1)
    # An excess of a thousandth of a voxel is rounding and needs no further plane.
    counts = np.ceil((highest - lowest) / spacing - 1e-3).astype(int) + 1
    _check_growth(math.prod(counts.tolist()), math.prod(shape_zyx))
    origin = affine[:3, 3] + frame @ lowest
    x, y, z = counts.tolist()
    sx, sy, sz = spacing.tolist()
    return Grid((z, y, x), (sx, sy, sz), tuple(origin.tolist()), tuple(frame.ravel().tolist()))


def _check_growth(upright: int, stored: int) -> None:
    """Refuse an upright grid that is far larger than the image."""
    if upright > max(ALWAYS_UPRIGHT, LARGEST_GROWTH * stored):
        raise GeometryError(
            f"its axes are sheared, and an upright grid that covers it has {upright:,} voxels, "
            f"{upright // stored} times as many: check the voxel sizes in its header"
        )
    check_voxels(upright, "an upright grid that covers its sheared one")


def _orthonormal_frame(axes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return orthonormal columns and spacings, in the order of the given axes x, y, z."""
    lengths = np.linalg.norm(axes, axis=0)
    unit = axes / lengths
    slice_axis = _slice_axis(unit, lengths)
    first, second = (axis for axis in range(3) if axis != slice_axis)
    frame = np.empty((3, 3))
    frame[:, first] = unit[:, first]
    across = unit[:, second] - (unit[:, second] @ unit[:, first]) * unit[:, first]
    frame[:, second] = across / np.linalg.norm(across)
    normal = np.cross(frame[:, first], frame[:, second])
    frame[:, slice_axis] = normal * np.sign(normal @ axes[:, slice_axis])
    spacing = lengths.copy()
    spacing[slice_axis] = frame[:, slice_axis] @ axes[:, slice_axis]
    return frame, spacing


def _slice_axis(unit: FloatArray, lengths: FloatArray) -> int:
    """Return the axis across the slices: the coarsest whose two others are perpendicular."""
    cosines = np.abs(unit.T @ unit)
    others = {0: (1, 2), 1: (0, 2), 2: (0, 1)}
    flat = [axis for axis, pair in others.items() if cosines[pair] <= ORTHONORMAL_TOLERANCE]
    return max(flat or [2], key=lambda axis: (lengths[axis], axis))


def _from_xyz(affine: FloatArray) -> FloatArray:
    return np.asarray(affine[:, [2, 1, 0, 3]])
