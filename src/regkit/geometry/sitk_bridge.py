"""Conversion to SimpleITK and back; both use LPS mm, SimpleITK's indices are x, y, z."""

from __future__ import annotations

from functools import reduce

import numpy as np
import SimpleITK as sitk

from regkit.errors import TransformError
from regkit.geometry.grid import Grid
from regkit.geometry.transform import (
    AffineTransform,
    DisplacementField,
    Transform,
    TransformChain,
)
from regkit.geometry.volume import AnyVolume, Volume


def grid_from_sitk(image: sitk.Image) -> Grid:
    """Return the grid of a 3-D SimpleITK image."""
    x, y, z = image.GetSize()
    return Grid((z, y, x), image.GetSpacing(), image.GetOrigin(), image.GetDirection())


def volume_to_sitk(volume: Volume) -> sitk.Image:
    """Copy a volume or label map to a SimpleITK image."""
    image = sitk.GetImageFromArray(volume.array)
    grid = volume.grid
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(grid.direction)
    return image


def volume_from_sitk(image: sitk.Image, like: AnyVolume) -> AnyVolume:
    """Copy a SimpleITK image to a volume of the type and modality of `like`."""
    return like.with_array(sitk.GetArrayFromImage(image), grid_from_sitk(image))


def transform_to_sitk(transform: Transform) -> sitk.Transform:
    """Copy a transform to SimpleITK."""
    if isinstance(transform, AffineTransform):
        affine = sitk.AffineTransform(3)
        affine.SetMatrix(transform.matrix[:3, :3].ravel().tolist())
        affine.SetTranslation(transform.matrix[:3, 3].tolist())
        return affine
    if isinstance(transform, DisplacementField):
        field = sitk.GetImageFromArray(transform.displacement, isVector=True)
        grid = transform.grid
        field.SetSpacing(grid.spacing)
        field.SetOrigin(grid.origin)
        field.SetDirection(grid.direction)
        return sitk.DisplacementFieldTransform(field)
    if isinstance(transform, TransformChain):
        composite = sitk.CompositeTransform(3)
        # A composite maps through its last transform first.
        for step in reversed(transform.transforms):
            composite.AddTransform(transform_to_sitk(step))
        return composite
    raise TransformError(
        f"a {type(transform).__name__} cannot be converted to SimpleITK; convert it to a "
        "DisplacementField first"
    )


def transform_from_sitk(transform: sitk.Transform) -> Transform:
    """Copy a 3-D SimpleITK transform: linear, displacement field, or a composite of these."""
    if transform.GetDimension() != 3:
        raise TransformError(f"the transform must be 3-D, got a {transform.GetDimension()}-D one")
    specific = transform.Downcast()
    # Before the composites: SimpleITK wraps linear types it does not know in endless composites.
    if specific.IsLinear():
        origin = np.array(specific.TransformPoint((0.0, 0.0, 0.0)))
        matrix = np.eye(4)
        for axis, unit in enumerate(np.eye(3).tolist()):
            matrix[:3, axis] = np.array(specific.TransformPoint(unit)) - origin
        matrix[:3, 3] = origin
        return AffineTransform(matrix)
    if isinstance(specific, sitk.CompositeTransform):
        return _chain(specific)
    if isinstance(specific, sitk.DisplacementFieldTransform):
        field = specific.GetDisplacementField()
        return DisplacementField(sitk.GetArrayFromImage(field), grid_from_sitk(field))
    raise TransformError(
        f"transforms of type {specific.GetName()} are not supported; "
        "convert them to a displacement field first"
    )


def _chain(composite: sitk.CompositeTransform) -> Transform:
    """Return the steps of a composite as one transform; its last step maps first."""
    count = composite.GetNumberOfTransforms()
    steps = [transform_from_sitk(composite.GetNthTransform(n)) for n in reversed(range(count))]
    return reduce(lambda first, second: second @ first, steps)
