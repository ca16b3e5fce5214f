"""Interface of a transform file format: name, suffixes, functions that read and write it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from regkit.errors import TransformError
from regkit.geometry.grid import Grid
from regkit.geometry.transform import AffineTransform, Transform


@dataclass(frozen=True)
class ImageGrids:
    """The grids that a transform file refers to, where its format needs them."""

    fixed: Grid | None = None
    moving: Grid | None = None


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
        Function that writes a map to a file, which it may overwrite.
    linear_only
        Limitation to a 4 x 4 matrix.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    recognizes: Callable[[Path, bytes], bool]
    read: Callable[[Path, ImageGrids], Transform]
    write: Callable[[Transform, Path, ImageGrids], None]
    linear_only: bool = True


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
