"""Images of other libraries, and files, as volumes: SimpleITK, nibabel, ANTs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np

from regkit.arguments import described
from regkit.errors import GeometryError, MissingDependencyError, RegistrationError, RegkitError
from regkit.geometry.grid import Grid
from regkit.geometry.volume import LabelMap, Volume
from regkit.io.image_header import read_image_header
from regkit.io.images import read_as
from regkit.io.labeled_image import LabeledImage
from regkit.io.labels import read_mask
from regkit.io.raw_image import RawImage, lps_from_ras, ras_from_lps, volume_shape, whole_type
from regkit.io.selection import ONLY_IMAGE, ImageSelection
from regkit.io.shear import resample_sheared

AnyVolume = TypeVar("AnyVolume", bound=Volume)
# A Volume, a path, or an image of SimpleITK, nibabel or ANTs, which have no types to name here.
ImageLike: TypeAlias = Any

_MM_PER_UNIT = {"meter": 1e3, "micron": 1e-3}


def as_volume(
    image: ImageLike, role: str, modality: str = "", selection: ImageSelection = ONLY_IMAGE
) -> Volume:
    """Return an image as a volume; a volume is returned as it is, if its modality fits.

    Parameters
    ----------
    image
        Volume, path of a file or folder, or image of SimpleITK, nibabel or ANTs.
    role
        ``fixed``, ``moving`` or the like, for errors.
    modality
        Modality of the image; empty for its own.
    selection
        Choice in a file or folder that holds several images.

    Raises
    ------
    RegistrationError
        Anything else; the message says what to do.
    FileFormatError, SelectionError, GeometryError
        The file cannot be read, or the image is none.
    """
    if _is_path(image):
        return read_as(Volume, Path(image), selection, modality)
    if isinstance(image, Volume):
        return replace(image, modality=modality, modality_source="given") if modality else image
    return _converted(image, Volume, f"the {role} image", modality, _ARRAY_HINT)


def as_mask(
    mask: ImageLike, role: str, image: LabeledImage | None = None, region: str = ""
) -> LabelMap:
    """Return a mask as a label map, as `as_volume` does.

    Parameters
    ----------
    mask
        Label map, path, or image of SimpleITK, nibabel or ANTs.
    role
        ``fixed`` or ``moving``, for errors.
    image
        Image that the mask belongs to; contours in a file need it.
    region
        Regions that count in a file of several; see `regkit.io.read_mask`.
    """
    if _is_path(mask):
        return read_mask(mask, region, image)
    if isinstance(mask, LabelMap):
        return mask
    if isinstance(mask, Volume):
        return LabelMap(mask.array, mask.grid)
    return _converted(mask, LabelMap, f"the {role} mask", "", _MASK_HINT)


def made_volume(image: ImageLike, name: str) -> Volume:
    """Return a path or an image of another library, given as the argument `name`, as a volume."""
    if _is_path(image):
        return read_as(Volume, Path(image), ONLY_IMAGE)
    return _converted(image, Volume, name, "", _ARRAY_HINT)


def made_grid(image: ImageLike, name: str) -> Grid:
    """Return the grid of an image, of which a file's header is read, given as the argument `name`.

    Raises
    ------
    RegkitError
        Anything that is no image, or a file that cannot be read.
    """
    if _is_path(image):
        return read_image_header(image).grid
    if isinstance(image, Volume):
        return image.grid
    return _converted(image, Volume, name, "", _GRID_HINT).grid


def volume_to_nibabel(volume: Volume) -> Any:
    """Copy a volume or label map to a ``nibabel.Nifti1Image``."""
    try:
        import nibabel  # noqa: PLC0415 - heavy
    except ImportError as error:
        raise MissingDependencyError("to_nibabel needs nibabel: pip install nibabel") from error
    image = nibabel.Nifti1Image(
        np.ascontiguousarray(volume.array.T), ras_from_lps(volume.grid.affine)
    )
    image.header.set_xyzt_units("mm")
    return image


_ARRAY_HINT = (
    "make a volume of an array: regkit.volume(array, spacing=(x, y, z)), or affine=; or give a "
    "path, a Volume, or an image of SimpleITK, nibabel or ANTs"
)
_GRID_HINT = (
    "give a Grid, or the image that has it: a path, a Volume, or an image of SimpleITK, nibabel "
    "or ANTs"
)
_MASK_HINT = (
    "make a label map of an array: regkit.LabelMap(array, volume.grid); or give a path, a "
    "LabelMap, or an image of SimpleITK, nibabel or ANTs"
)


def _is_path(image: object) -> bool:
    return isinstance(image, str | os.PathLike)


def _converted(
    image: object, kind: type[AnyVolume], name: str, modality: str, hint: str
) -> AnyVolume:
    """Convert an image of a library that has been imported, since the image is one of its."""
    for module, type_name, raw_of in _LIBRARIES:
        library = sys.modules.get(module)
        if library is None or not isinstance(image, getattr(library, type_name, ())):
            continue
        try:
            raw = raw_of(image)
            volume = resample_sheared(raw, kind, modality, Path(name))
        except RegkitError as error:
            raise type(error)(f"{name}: {error}") from error
        source = "given" if modality else ""
        return replace(volume, file_dtype=raw.dtype, modality_source=source)
    raise RegistrationError(f"{name} is {described(image)}; {hint}")


def _raw_of_sitk(image: Any) -> RawImage:
    from regkit.geometry.sitk_bridge import grid_from_sitk  # noqa: PLC0415 - loads SimpleITK

    if image.GetNumberOfComponentsPerPixel() != 1:
        raise GeometryError("holds colors or vectors; one number per voxel is needed")
    _ = volume_shape(image.GetSize())
    spatial = image if image.GetDimension() == 3 else image[..., 0]
    array = sys.modules["SimpleITK"].GetArrayFromImage(spatial)
    return _raw(array, grid_from_sitk(spatial).affine)


def _raw_of_nibabel(image: Any) -> RawImage:
    shape = volume_shape(image.shape)
    array = np.asanyarray(image.dataobj).reshape(shape[::-1]).T
    affine = lps_from_ras(image.affine)
    affine[:3] *= _mm_per_unit(image)
    return _raw(array, affine)


def _mm_per_unit(image: Any) -> float:
    """Return the factor to mm of an affine, whose unit the header of NIfTI states."""
    units = getattr(image.header, "get_xyzt_units", lambda: ("mm", ""))()
    return _MM_PER_UNIT.get(units[0], 1.0)


def _raw_of_ants(image: Any) -> RawImage:
    if image.has_components:
        raise GeometryError("holds colors or vectors; one number per voxel is needed")
    _ = volume_shape(image.shape)
    affine = np.eye(4)
    affine[:3, :3] = (np.reshape(image.direction, (3, 3)) * image.spacing)[:, ::-1]
    affine[:3, 3] = image.origin
    return _raw(image.numpy().T, affine)


def _raw(array: Any, affine: Any) -> RawImage:
    return RawImage(array, affine, dtype=whole_type(array.dtype))


# Module, type of its images, and the function that reads them; ITK and ANTs have LPS, too.
_LIBRARIES: tuple[tuple[str, str, Callable[[Any], RawImage]], ...] = (
    ("SimpleITK", "Image", _raw_of_sitk),
    ("nibabel.spatialimages", "SpatialImage", _raw_of_nibabel),
    ("ants.core.ants_image", "ANTsImage", _raw_of_ants),
)
