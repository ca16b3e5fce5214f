"""Read and write transforms in any known format; the content decides what a file is."""

from __future__ import annotations

from pathlib import Path

from regkit.errors import FileFormatError, RegkitError, TransformError
from regkit.geometry.grid import Grid
from regkit.geometry.transform import Transform
from regkit.io.atomic_output import atomic_output
from regkit.io.transforms.ants import ANTS
from regkit.io.transforms.format import ImageGrids, TransformFormat
from regkit.io.transforms.fsl import FSL
from regkit.io.transforms.itk import ITK
from regkit.io.transforms.json_matrix import JSON
from regkit.io.transforms.lta import LTA
from regkit.io.transforms.ras import RAS

# The first that recognises a file reads it.
FORMATS: tuple[TransformFormat, ...] = (ITK, ANTS, LTA, FSL, RAS, JSON)


def read_transform(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002
    fixed: Grid | None = None,
    moving: Grid | None = None,
) -> Transform:
    """Read a transform.

    Parameters
    ----------
    path
        The file.
    format
        Name of its format (see `FORMATS`); by default the content decides. A .mat of four lines
        of text is taken for FSL's, any other such file for a matrix between RAS points.
    fixed, moving
        Grids of the images, for formats that speak of voxels.

    Returns
    -------
    Transform
        Maps fixed points to moving points, LPS mm, whatever the file's own convention.

    Raises
    ------
    FileFormatError
        Missing, empty, truncated, or of no known format.
    TransformError
        A transform regkit cannot represent: 2-D, B-splines; images missing that it speaks of.
    """
    path = Path(path)
    start = _start_of(path)
    chosen = _named(format) if format else _recognised(path, start)
    try:
        return chosen.read(path, ImageGrids(fixed, moving))
    except RegkitError as error:
        raise type(error)(f"{path}: {error}") from error


def write_transform(
    transform: Transform,
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002
    fixed: Grid | None = None,
    moving: Grid | None = None,
) -> None:
    """Write a transform, whole or not at all.

    Parameters
    ----------
    transform
        Maps fixed points to moving points, LPS mm.
    path
        The file; its suffix chooses the format unless `format` does.
    format
        Name of the format (see `FORMATS`); needed where a suffix may mean several.
    fixed, moving
        Grids of the images, for formats that speak of voxels.

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
    chosen = _named(format) if format else _by_suffix(path)
    with atomic_output(path.parent) as stage:
        try:
            chosen.write(transform, stage.path(path.name), ImageGrids(fixed, moving))
        except RegkitError as error:
            raise type(error)(f"{path}: {error}") from error


def _start_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror}") from error
    if not start.strip():
        raise FileFormatError(f"{path}: is empty")
    return start


def _named(name: str) -> TransformFormat:
    for known in FORMATS:
        if known.name == name:
            return known
    raise TransformError(f"unknown transform format '{name}'; use one of {_names()}")


def _names() -> str:
    return ", ".join(f.name for f in FORMATS)


def _recognised(path: Path, start: bytes) -> TransformFormat:
    for known in FORMATS:
        if known.recognises(path, start):
            return known
    raise FileFormatError(f"{path}: is not a transform in any known format ({_names()})")


def _by_suffix(path: Path) -> TransformFormat:
    suffix = path.suffix.lower()
    fitting = [f for f in FORMATS if suffix in f.suffixes]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = " or ".join(f"'{f.name}'" for f in fitting)
        raise FileFormatError(
            f"{path}: '{suffix}' may mean {names}: name the format to write (--to)"
        )
    known = ", ".join(sorted({s for f in FORMATS for s in f.suffixes}))
    raise FileFormatError(f"{path}: unknown suffix '{suffix}' for a transform; use one of {known}")
