"""Read and write transforms in any known format; the content decides what a file is."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from regkit.arguments import checked
from regkit.errors import FileFormatError, RegkitError, TransformError
from regkit.geometry.transform import Transform
from regkit.io.atomic_output import atomic_output
from regkit.io.image_header import ImageSource
from regkit.io.transforms.ants import ANTS
from regkit.io.transforms.dicom import DICOM_REGISTRATION
from regkit.io.transforms.elastix import ELASTIX
from regkit.io.transforms.foreign import foreign_description
from regkit.io.transforms.format import NO_NAMES, ImagePair, NamedImages, TransformFormat
from regkit.io.transforms.fsl import FSL
from regkit.io.transforms.itk import ITK
from regkit.io.transforms.json_matrix import JSON
from regkit.io.transforms.lta import LTA
from regkit.io.transforms.ras import RAS
from regkit.io.transforms.warp import WARP
from regkit.regular_file import regular_file

logger = logging.getLogger(__name__)

# The first that recognizes a file reads it.
FORMATS: tuple[TransformFormat, ...] = (
    ITK,
    ANTS,
    LTA,
    FSL,
    RAS,
    JSON,
    DICOM_REGISTRATION,
    ELASTIX,
    WARP,
)


@dataclass(frozen=True)
class LoadedTransform:
    """A transform from a file.

    Parameters
    ----------
    transform
        Map of fixed to moving points, LPS mm.
    format
        Name of the file's format.
    assumption
        Sentence that says what was assumed about the file; empty if nothing was.
    named
        Names of the two images in the file, such as frames of reference.
    """

    transform: Transform
    format: str
    assumption: str
    named: NamedImages = NO_NAMES


@checked
def read_transform(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002
    fixed: ImageSource | None = None,
    moving: ImageSource | None = None,
) -> Transform:
    """Read a transform.

    Parameters
    ----------
    path
        The file.
    format
        Name of its format (see `FORMATS`); by default the content decides. Where it cannot, a
        warning in the log names the assumption: a .mat of four lines of text is read as FSL's, any
        other such file as a matrix between RAS points.
    fixed, moving
        The images, for formats that refer to voxels: their files, or their grids if the axes are
        perpendicular and the file is in mm.

    Returns
    -------
    Transform
        Map of fixed to moving points, LPS mm, whatever the file's own convention.

    Raises
    ------
    FileFormatError
        Missing, empty, truncated, or of no known format.
    TransformError
        A transform that regkit cannot represent (2-D, B-splines), missing images, or images for
        which the format is undefined (FSL's for DICOM).
    """
    return load_transform(path, format=format, fixed=fixed, moving=moving).transform


def load_transform(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002
    fixed: ImageSource | None = None,
    moving: ImageSource | None = None,
) -> LoadedTransform:
    """Read a transform as `read_transform` does, with its format and what was assumed."""
    path = Path(path)
    start = _first_bytes(path)
    chosen = _format_by_name(format) if format else _format_by_content(path, start)
    try:
        transform = chosen.read(path, ImagePair(fixed, moving))
        named = chosen.named(path, ImagePair(fixed, moving))
    except RegkitError as error:
        raise type(error)(f"{path}: {error}") from error
    assumption = "" if format else chosen.assumption(start)
    if assumption:
        logger.warning("%s: %s", path, assumption)
    return LoadedTransform(transform, chosen.name, assumption, named)


@checked
def write_transform(
    transform: Transform,
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002
    fixed: ImageSource | None = None,
    moving: ImageSource | None = None,
    remark: str = "",
    named: NamedImages = NO_NAMES,
) -> None:
    """Write a transform, whole or not at all.

    Parameters
    ----------
    transform
        Map of fixed to moving points, LPS mm.
    path
        The file; its suffix chooses the format unless `format` does.
    format
        Name of the format (see `FORMATS`); needed for a suffix of several formats.
    fixed, moving
        The images, as for `read_transform`.
    remark
        One line about the transform, kept in the file where its format has a place (ITK's text).
    named
        Names of the images from the file that the transform was read from (`load_transform`); the
        format dicom keeps them for an image that is not given.

    Raises
    ------
    FileFormatError
        A suffix of no format or of several.
    OutputError
        A folder that cannot be written.
    TransformError
        A transform that the format cannot hold.
    """
    path = Path(path)
    chosen = _format_by_name(format) if format else _format_by_suffix(path)
    if chosen.write is None:
        raise TransformError(
            f"{path}: regkit reads the format '{chosen.name}' but does not write it; "
            "write ITK's .tfm or .h5 (format 'itk')"
        )
    with atomic_output(path.parent) as stage:
        try:
            chosen.write(transform, stage.path(path.name), ImagePair(fixed, moving, named))
            if remark and chosen.annotate is not None:
                chosen.annotate(stage.path(path.name), remark)
        except RegkitError as error:
            raise type(error)(f"{path}: {error}") from error


def _first_bytes(path: Path) -> bytes:
    try:
        with regular_file(path).open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror}") from error
    if not start.strip():
        raise FileFormatError(f"{path}: is empty")
    return start


def _format_by_name(name: str) -> TransformFormat:
    for known in FORMATS:
        if known.name == name:
            return known
    raise TransformError(f"unknown transform format '{name}'; use one of {_known_names()}")


def _known_names() -> str:
    return ", ".join(f.name for f in FORMATS)


def _format_by_content(path: Path, start: bytes) -> TransformFormat:
    for known in FORMATS:
        if known.recognizes(path, start):
            return known
    if foreign := foreign_description(path, start):
        raise FileFormatError(f"{path}: is {foreign}")
    raise FileFormatError(f"{path}: is not a transform in any known format ({_known_names()})")


def _format_by_suffix(path: Path) -> TransformFormat:
    suffix = path.suffix.lower()
    fitting = [f for f in FORMATS if suffix in f.suffixes]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = " and ".join(f"'{f.name}'" for f in fitting)
        raise FileFormatError(
            f"{path}: '{suffix}' is a suffix of {names}: give the format to write (--to)"
        )
    known = ", ".join(sorted({s for f in FORMATS for s in f.suffixes}))
    raise FileFormatError(f"{path}: unknown suffix '{suffix}' for a transform; use one of {known}")
