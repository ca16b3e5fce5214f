"""ANTs' linear transforms: ITK's binary .mat, fixed to moving points in LPS mm."""

from __future__ import annotations

from pathlib import Path

from regkit.errors import FileFormatError
from regkit.geometry.sitk_bridge import transform_from_sitk
from regkit.geometry.transform import Transform
from regkit.io.transforms.format import ImageGrids, TransformFormat, require_affine
from regkit.io.transforms.itk import load, store


def read_ants(path: Path, images: ImageGrids) -> Transform:  # noqa: ARG001
    """Read a linear transform of any ITK type."""
    if path.suffix.lower() != ".mat":
        raise FileFormatError("ITK goes by the suffix of a transform file; name it .mat")
    return transform_from_sitk(load(path))


def write_ants(transform: Transform, path: Path, images: ImageGrids) -> None:  # noqa: ARG001
    """Write a linear transform as ITK's AffineTransform."""
    if path.suffix.lower() != ".mat":
        raise FileFormatError("ITK goes by the suffix of a transform file; name it .mat")
    store(require_affine(transform), path)


def _recognises(path: Path, start: bytes) -> bool:  # noqa: ARG001
    # A MATLAB 4 file: a header of five integers, then the name of the transform's type.
    return b"Transform" in start[20:80] and b"\0" in start[:20]


ANTS = TransformFormat(
    name="ants",
    title="ANTs: ITK's binary .mat, fixed to moving points, LPS mm",
    suffixes=(".mat",),
    recognises=_recognises,
    read=read_ants,
    write=write_ants,
)
