"""Read and write NRRD and MetaImage files through SimpleITK."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray
from regkit.geometry.sitk_bridge import volume_to_sitk
from regkit.geometry.volume import Volume
from regkit.io.native_output import suppress_native_output
from regkit.io.raw_image import RawImage, real_type, volume_shape

logger = logging.getLogger(__name__)

_PATIENT_SPACES = ("right-anterior-superior", "left-anterior-superior", "left-posterior-superior")


def read_itk_image(path: Path) -> RawImage:
    """Read a NRRD or MetaImage file."""
    _check_dimension(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with suppress_native_output():
            reader.ReadImageInformation()
            if reader.GetNumberOfComponents() > 1:
                real_type("V3")
            shape = volume_shape(reader.GetSize())
            image = reader.Execute()
    except RuntimeError as error:
        raise FileFormatError(_reason(str(error))) from error
    if reader.HasMetaDataKey("NRRD_space"):
        _check_space(reader.GetMetaData("NRRD_space"), path)
    array = sitk.GetArrayFromImage(image)
    real_type(array.dtype)
    return RawImage(array.reshape(shape), _affine(image))


def write_itk_image(volume: Volume, path: Path) -> None:
    """Write a NRRD or MetaImage file, compressed."""
    with suppress_native_output():
        sitk.WriteImage(volume_to_sitk(volume), str(path), useCompression=True, compressionLevel=1)


def _check_dimension(path: Path) -> None:
    """Refuse a MetaImage header on which ITK would crash the process."""
    with path.open("rb") as file:
        found = re.search(rb"^NDims[ \t]*=[ \t]*(.*?)\s*$", file.read(4096), re.MULTILINE)
    if found and not re.fullmatch(rb"[1-9]", found[1]):
        raise FileFormatError(f"NDims must be 3, got {found[1][:20].decode(errors='replace')!r}")


def _affine(image: sitk.Image) -> FloatArray:
    dimension = image.GetDimension()
    direction = np.reshape(image.GetDirection(), (dimension, dimension))[:3, :3]
    affine = np.eye(4)
    affine[:3, :3] = (direction * image.GetSpacing()[:3])[:, ::-1]
    affine[:3, 3] = image.GetOrigin()[:3]
    return affine


def _check_space(space: str, path: Path) -> None:
    if space.lower() not in _PATIENT_SPACES:
        logger.warning("%s is in the space '%s', not in a patient space: read as LPS", path, space)


def _reason(message: str) -> str:
    """Return the part of an ITK error message that a user can act on."""
    if "spacing is not supported" in message:
        return "voxel spacing must be positive numbers; the header has zero or none"
    if "Bad direction" in message:
        return "the direction matrix is singular; give orthonormal direction cosines"
    if "fread got only" in message or "bytes but received" in message:
        return "the file is truncated: it holds fewer voxels than its header says"
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    if "File cannot be read" in message:
        return "the file is truncated or its voxel data are missing"
    return f"the file is damaged ({lines[-1]})"
