"""Resampling of volumes onto another grid through a transform."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from regkit.arguments import checked
from regkit.errors import ParameterError
from regkit.geometry.grid import Grid
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.geometry.warp import warp_volume, warped_slabs

AnyVolume = TypeVar("AnyVolume", bound=Volume)


@checked
def resample(
    moving: AnyVolume,
    onto: Grid,
    through: Transform = IDENTITY,
    outside: float = 0.0,
) -> AnyVolume:
    """Resample a volume onto a grid.

    Parameters
    ----------
    moving
        Volume to resample: a label map by nearest neighbour, anything else linearly. Or a path or
        an image of SimpleITK, nibabel or ANTs, as a volume.
    onto
        Grid of the result, or the image that has it, likewise.
    through
        Map of points of `onto` to points of `moving` in LPS mm, as a registration finds it: a
        transform, its file, a 4 x 4 matrix or a transform of SimpleITK.
    outside
        Fill value of voxels that map outside the moving image; for a label map, a whole number
        that its type can hold.

    Returns
    -------
    AnyVolume
        A volume of the class, modality and file type of `moving`.

    Raises
    ------
    ParameterError
        A label map's type cannot hold `outside`.
    """
    nearest = isinstance(moving, LabelMap)
    if nearest and not _fits(outside, moving.array.dtype):
        raise ParameterError(
            f"the fill value {outside:g} does not fit a label map of type {moving.array.dtype}; "
            "give a whole number in its range"
        )
    if nearest or not isinstance(through, AffineTransform):
        return _resampled_by_itk(moving, onto, through, outside)
    to_index = moving.grid.inverse_affine @ through.matrix @ onto.affine
    return replace(
        moving, array=warp_volume(moving.array, to_index, onto.shape_zyx, outside), grid=onto
    )


def resampled_slabs(
    moving: Volume, onto: Grid, through: Transform, outside: float
) -> Iterator[NDArray[Any]]:
    """Yield the array that `resample` makes, by slabs of slices, so that it is never whole.

    Through a transform that is not affine, it is one slab. Parameters as for `resample`.
    """
    if isinstance(through, AffineTransform) and not isinstance(moving, LabelMap):
        to_index = moving.grid.inverse_affine @ through.matrix @ onto.affine
        yield from warped_slabs(moving.array, to_index, onto.shape_zyx, outside)
    else:
        yield resample(moving, onto, through, outside).array


def _resampled_by_itk(
    moving: AnyVolume, onto: Grid, through: Transform, outside: float
) -> AnyVolume:
    import SimpleITK as sitk  # noqa: PLC0415 - slow to load, seldom needed

    from regkit.geometry.sitk_bridge import (  # noqa: PLC0415
        transform_to_sitk,
        volume_from_sitk,
        volume_to_sitk,
    )

    nz, ny, nx = onto.shape_zyx
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize((nx, ny, nz))
    resampler.SetOutputSpacing(onto.spacing)
    resampler.SetOutputOrigin(onto.origin)
    resampler.SetOutputDirection(onto.direction)
    resampler.SetTransform(transform_to_sitk(through))
    nearest = isinstance(moving, LabelMap)
    resampler.SetInterpolator(sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear)
    resampler.SetDefaultPixelValue(float(outside))
    warped = volume_from_sitk(resampler.Execute(volume_to_sitk(moving)), like=moving)
    # Header numbers may change in the last digit on their way through ITK.
    return replace(moving, array=warped.array, grid=onto)


def _fits(value: float, kind: np.dtype[Any]) -> bool:
    limits = np.iinfo(kind)
    return float(value).is_integer() and limits.min <= value <= limits.max
