"""Interface of a transform file format: name, suffixes, functions that read and write it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regkit.errors import TransformError
from regkit.geometry.transform import AffineTransform, Transform
from regkit.io.image_header import ImageHeader, ImageSource, header_of


@dataclass(frozen=True)
class NamedImages:
    """Names of the two images in a transform file, such as frames of reference.

    Parameters
    ----------
    fixed, moving
        Name of the image, as the format holds it; None if the file does not name it.
    """

    fixed: Any = None
    moving: Any = None

    def swapped(self) -> NamedImages:
        """Return the names for the inverse transform."""
        return NamedImages(self.moving, self.fixed)


NO_NAMES = NamedImages()


def no_image_named(path: Path, images: ImagePair) -> NamedImages:  # noqa: ARG001
    """Return the names of the images in a file of a format that holds none."""
    return NO_NAMES


@dataclass(frozen=True)
class ImagePair:
    """The two images that a transform file refers to; their headers are read where needed.

    Parameters
    ----------
    fixed, moving
        Image files, headers, or grids in memory; None where not given.
    named
        Names of the images from the file that the transform was read from.
    """

    fixed: ImageSource | None = None
    moving: ImageSource | None = None
    named: NamedImages = NO_NAMES

    def fixed_header(self) -> ImageHeader | None:
        """Return the header of the fixed image; None if there is no fixed image."""
        return None if self.fixed is None else header_of(self.fixed)

    def moving_header(self) -> ImageHeader | None:
        """Return the header of the moving image; None if there is no moving image."""
        return None if self.moving is None else header_of(self.moving)


def nothing_assumed(start: bytes) -> str:  # noqa: ARG001
    """Return the assumption of a format whose files say what they are: none."""
    return ""


@dataclass(frozen=True)
class TransformFormat:
    """A file format for transforms.

    Parameters
    ----------
    name
        Name on the command line: ``--from NAME``, ``--to NAME``.
    title
        Line of text for users: the programs that use the format, and its convention.
    suffixes
        File suffixes that choose this format for writing.
    recognizes
        Function of the path and the first 4096 bytes of a file; true for this format.
    read
        Function that returns a file's fixed-to-moving map in LPS mm.
    write
        Function that writes a map to a file, which it may overwrite; None for a format that
        regkit reads only.
    linear_only
        Limitation to a 4 x 4 matrix.
    annotate
        Function that adds a remark, one line, to a file just written; None for a format without a
        place for it.
    assumption
        Function of the first 4096 bytes of a file that was recognized; returns a sentence that
        says what was assumed, with the alternatives, empty if the file itself decides.
    named
        Function that returns the names of the images in a file.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    recognizes: Callable[[Path, bytes], bool]
    read: Callable[[Path, ImagePair], Transform]
    write: Callable[[Transform, Path, ImagePair], None] | None
    linear_only: bool = True
    annotate: Callable[[Path, str], None] | None = None
    assumption: Callable[[bytes], str] = nothing_assumed
    named: Callable[[Path, ImagePair], NamedImages] = no_image_named


def require_affine(transform: Transform) -> AffineTransform:
    """Return a transform that is a 4 x 4 matrix; refuse any other.

    Raises
    ------
    TransformError
        A displacement field, or a chain that holds one.
    """
    if isinstance(transform, AffineTransform):
        return transform
    raise TransformError(
        "this format holds a 4 x 4 matrix only and the transform is not linear; "
        "write it as ITK .h5 or .tfm (format 'itk')"
    )
