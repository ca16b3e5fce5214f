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
from regkit.io.deflate import compress_metaimage, compress_nrrd
from regkit.io.metaimage_header import metaimage_statements
from regkit.io.native_output import suppress_native_output
from regkit.io.nrrd_header import nrrd_statements
from regkit.io.raw_image import RawImage, real_type, volume_shape
from regkit.io.text_header import HeaderStatements, header_fields

logger = logging.getLogger(__name__)

# What a user can act on, by a part of ITK's error message; the first that fits is told.
_TRUNCATED = "the file is truncated: it holds fewer voxels than its header says"
_NO_VOXELS = "the file is truncated or its voxel data are missing"
_REASONS = {
    "spacing is not supported": "voxel spacing must be positive numbers; the header has zero or "
    "none",
    "Bad direction": "the direction matrix is singular; give orthonormal direction cosines",
    "space vector coefficients": "a space direction has a number that is not finite",
    "number of domain axes": "has an axis without a direction in space, such as one of frames; "
    "one 3-D image is needed: save it, or the wanted frame, without that axis",
    "fread got only": _TRUNCATED,
    "bytes but received": _TRUNCATED,
    "File cannot be read": _NO_VOXELS,
    "couldn't open": _NO_VOXELS,
}
# What raised an ITK error, at the start of its message: class, address and method.
_RAISED_BY = re.compile(r"(?:sitk::|ITK )ERROR: |\w+\((?:0x)?[0-9A-Fa-f]+\): (?:\w+: )?")

_COMPRESSORS = {".mha": compress_metaimage, ".nrrd": compress_nrrd}

# Values that ITK takes where a header states none.
_ASSUMED = {
    "voxel size": "voxels of 1 mm",
    "position": "first voxel at zero",
    "orientation": "axes along L, P and S",
}


def read_itk_image(path: Path) -> RawImage:
    """Read a NRRD or MetaImage file."""
    _check_dimension(path)
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        with suppress_native_output():
            reader.ReadImageInformation()
            _check_components(reader)
            shape = volume_shape(reader.GetSize())
            image = reader.Execute()
    except RuntimeError as error:
        raise FileFormatError(_reason(str(error))) from error
    array = sitk.GetArrayFromImage(image)
    real_type(array.dtype)
    stated = _statements(path)
    affine = _affine(image)
    affine[:3] *= stated.mm_per_unit[:, None]
    return RawImage(array.reshape(shape), affine, stated.modality)


def write_itk_image(volume: Volume, path: Path) -> None:
    """Write a NRRD or MetaImage file, compressed."""
    compress = _COMPRESSORS.get(path.suffix.lower())
    with suppress_native_output():
        # ITK compresses what is in two files.
        sitk.WriteImage(volume_to_sitk(volume), str(path), compress is None, compressionLevel=1)
    if compress is not None:
        compress(path)


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


def _check_components(reader: sitk.ImageFileReader) -> None:
    """Refuse colors, and vectors of real numbers, which are displacement fields."""
    if reader.GetNumberOfComponents() == 1:
        return
    if reader.GetPixelID() in (sitk.sitkVectorFloat32, sitk.sitkVectorFloat64):
        raise FileFormatError(
            f"holds vectors of {reader.GetNumberOfComponents()} numbers, as a displacement field "
            "(a transform) does; one number per voxel is needed"
        )
    real_type("V3")


def _statements(path: Path) -> HeaderStatements:
    """Return the statements of the header; what ITK assumes for missing ones is logged."""
    is_nrrd = path.name.lower().endswith((".nrrd", ".nhdr"))
    stated = (nrrd_statements if is_nrrd else metaimage_statements)(header_fields(path), path)
    if stated.missing:
        logger.warning(
            "%s states no %s; assumed, as a guess: %s",
            path,
            ", no ".join(stated.missing),
            ", ".join(_ASSUMED[what] for what in stated.missing),
        )
    return stated


def _reason(message: str) -> str:
    """Return the part of an ITK error message that a user can act on."""
    for part, reason in _REASONS.items():
        if part in message:
            return reason
    lines = [line.strip() for line in _RAISED_BY.sub("", message).splitlines() if line.strip()]
    return f"ITK cannot read it: {lines[-1] if lines else 'no reason given'}"
