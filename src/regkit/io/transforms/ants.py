"""Read and write ANTs' linear transforms: ITK's binary .mat, fixed to moving, LPS mm."""

from __future__ import annotations

from pathlib import Path

from regkit.errors import FileFormatError
from regkit.geometry.transform import Transform
from regkit.io.transforms.format import ImagePair, TransformFormat, require_affine
from regkit.io.transforms.itk_parts import ItkPart, parts_of_transform, transform_of_parts
from regkit.io.transforms.matlab import matlab_content, parse_matlab

# Name of the column of fixed parameters, which follows that of the parameters.
_FIXED = "fixed"
# Linear transforms have a few hundred bytes; chosen by hand.
_LARGEST = 1 << 20


def read_ants(path: Path, images: ImagePair) -> Transform:  # noqa: ARG001
    """Read a linear transform of any ITK type."""
    _check_suffix(path)
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise FileFormatError(f"it has over {_LARGEST} bytes, a linear transform has few hundred")
    columns = parse_matlab(content)
    names = [name for name, _ in columns]
    if len(columns) % 2 or any(name != _FIXED for name in names[1::2]):
        raise FileFormatError(f"it is damaged or truncated: it has the columns {names[:4]}")
    pairs = zip(columns[::2], columns[1::2], strict=True)
    return transform_of_parts([ItkPart(name, first, fixed) for (name, first), (_, fixed) in pairs])


def write_ants(transform: Transform, path: Path, images: ImagePair) -> None:  # noqa: ARG001
    """Write a linear transform as ITK's AffineTransform."""
    _check_suffix(path)
    (part,) = parts_of_transform(require_affine(transform))
    path.write_bytes(matlab_content([(part.kind, part.parameters), (_FIXED, part.fixed)]))


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() != ".mat":
        raise FileFormatError("ITK decides by the suffix of a transform file; name it .mat")


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
