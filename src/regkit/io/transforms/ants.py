"""Read and write ANTs' linear transforms: ITK's binary .mat, fixed to moving, LPS mm."""

from __future__ import annotations

from pathlib import Path

from regkit.errors import FileFormatError
from regkit.geometry.transform import Transform
from regkit.io.transforms.format import ImagePair, TransformFormat, require_affine


def read_ants(path: Path, images: ImagePair) -> Transform:  # noqa: ARG001
    """Read a linear transform of any ITK type."""
    from regkit.io.transforms.sitk_file import read_with_sitk  # noqa: PLC0415 - slow to load, seldom needed

    if path.suffix.lower() != ".mat":
        raise FileFormatError("ITK decides by the suffix of a transform file; name it .mat")
    return read_with_sitk(path)


def write_ants(transform: Transform, path: Path, images: ImagePair) -> None:  # noqa: ARG001
    """Write a linear transform as ITK's AffineTransform."""
    from regkit.io.transforms.sitk_file import write_with_sitk  # noqa: PLC0415 - slow to load, seldom needed

    if path.suffix.lower() != ".mat":
        raise FileFormatError("ITK decides by the suffix of a transform file; name it .mat")
    write_with_sitk(require_affine(transform), path)


def _recognizes(path: Path, start: bytes) -> bool:  # noqa: ARG001
    # A MATLAB 4 file: a header of five integers, then the name of the transform's type.
    return b"Transform" in start[20:80] and b"\0" in start[:20]


ANTS = TransformFormat(
    name="ants",
    title="ANTs: ITK's binary .mat, fixed to moving points, LPS mm",
    suffixes=(".mat",),
    recognizes=_recognizes,
    read=read_ants,
    write=write_ants,
)
