"""What a transform file format is: a name, suffixes, a way to recognise, read and write it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from regkit.errors import TransformError
from regkit.geometry.grid import Grid
from regkit.geometry.transform import AffineTransform, Transform


@dataclass(frozen=True)
class ImageGrids:
    """The grids a transform file refers to, where the format needs them."""

    fixed: Grid | None = None
    moving: Grid | None = None


@dataclass(frozen=True)
class TransformFormat:
    """A file format for transforms.

    Parameters
    ----------
    name
        What users call it: ``--from NAME``, ``--to NAME``.
    title
        One line for people: whose format it is and what it stores.
    suffixes
        File names that mean this format when writing.
    recognises
        Tells from the path and the first 4096 bytes of a file whether it is of this format.
    read
        Returns the fixed-to-moving map in LPS mm of a file.
    write
        Writes a map to a file that it may overwrite.
    linear_only
        Whether it can hold nothing but a 4 x 4 matrix.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    recognises: Callable[[Path, bytes], bool]
    read: Callable[[Path, ImageGrids], Transform]
    write: Callable[[Transform, Path, ImageGrids], None]
    linear_only: bool = True


def require_affine(transform: Transform) -> AffineTransform:
    """Return the transform if it is a 4 x 4 matrix, or refuse it.

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
