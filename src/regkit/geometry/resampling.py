"""Put the values of one volume on the grid of another."""

from __future__ import annotations

from typing import Any

import numpy as np
import SimpleITK as sitk

from regkit.errors import ParameterError
from regkit.geometry.grid import Grid
from regkit.geometry.sitk_bridge import (
    AnyVolume,
    transform_to_sitk,
    volume_from_sitk,
    volume_to_sitk,
)
from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import LabelMap


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
        The volume whose values are wanted; a label map stays a label map (nearest neighbour),
        anything else is interpolated linearly.
    onto
        The grid of the result.
    through
        Maps points of `onto` to points of `moving`, LPS mm: a registration's fixed-to-moving map.
    outside
        Value of voxels that map outside the moving image; of a label map's type for one.

    Returns
    -------
    AnyVolume
        A volume of the type and modality of `moving`.

    Raises
    ------
    ParameterError
        A label map's type cannot hold `outside`.
    """
    nearest = isinstance(moving, LabelMap)
    if nearest and not _fits(outside, moving.array.dtype):
        raise ParameterError(
            f"outside a label map of type {moving.array.dtype} there can be no {outside:g}; "
            "give a whole number in its range"
        )
    nz, ny, nx = onto.shape_zyx
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize((nx, ny, nz))
    resampler.SetOutputSpacing(onto.spacing)
    resampler.SetOutputOrigin(onto.origin)
    resampler.SetOutputDirection(onto.direction)
    resampler.SetTransform(transform_to_sitk(through))
    resampler.SetInterpolator(sitk.sitkNearestNeighbor if nearest else sitk.sitkLinear)
    resampler.SetDefaultPixelValue(float(outside))
    warped = volume_from_sitk(resampler.Execute(volume_to_sitk(moving)), like=moving)
    # Header numbers may change in the last digit on their way through ITK.
    return warped.with_array(warped.array, onto)


def _fits(value: float, kind: np.dtype[Any]) -> bool:
    limits = np.iinfo(kind)
    return float(value).is_integer() and limits.min <= value <= limits.max
