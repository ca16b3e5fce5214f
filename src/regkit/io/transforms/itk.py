"""Read and write ITK's transform files: text (.tfm) and HDF5 (.h5), fixed to moving, LPS mm."""

from __future__ import annotations

from pathlib import Path

from regkit.errors import FileFormatError
from regkit.geometry.transform import Transform
from regkit.io.transforms.format import ImagePair, TransformFormat
from regkit.io.transforms.itk_hdf5 import HDF5_SIGNATURE, read_hdf5, write_hdf5
from regkit.io.transforms.itk_parts import parts_of_transform, transform_of_parts
from regkit.io.transforms.itk_text import TEXT_SIGNATURE, parts_of_text, text_of_parts

TEXT_SUFFIXES = (".tfm", ".txt")
HDF5_SUFFIXES = (".h5", ".hdf5")


def read_itk(path: Path, images: ImagePair) -> Transform:  # noqa: ARG001
    """Read a linear transform, a displacement field or a composite."""
    _check_suffix(path)
    if path.suffix.lower() in HDF5_SUFFIXES:
        return transform_of_parts(read_hdf5(path))
    return transform_of_parts(parts_of_text(path.read_text(encoding="ascii", errors="replace")))


def write_itk(transform: Transform, path: Path, images: ImagePair) -> None:  # noqa: ARG001
    """Write any transform; the suffix chooses text or HDF5."""
    _check_suffix(path)
    parts = parts_of_transform(transform)
    if path.suffix.lower() in HDF5_SUFFIXES:
        write_hdf5(parts, path)
        return
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.writelines(text_of_parts(parts))


def annotate_itk(path: Path, remark: str) -> None:
    """Add a remark to a text file, as a comment; HDF5 has no place for one."""
    if path.suffix.lower() in TEXT_SUFFIXES:
        first, rest = path.read_text(encoding="ascii").split("\n", 1)
        path.write_text(f"{first}\n# {remark}\n{rest}", encoding="ascii")


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in TEXT_SUFFIXES + HDF5_SUFFIXES:
        known = ", ".join(TEXT_SUFFIXES + HDF5_SUFFIXES)
        raise FileFormatError(f"ITK decides by the suffix of a transform file; use one of {known}")


def _recognizes(path: Path, start: bytes) -> bool:  # noqa: ARG001
    return start.startswith((TEXT_SIGNATURE, HDF5_SIGNATURE))


ITK = TransformFormat(
    name="itk",
    title="ITK, SimpleITK, elastix, Slicer: fixed to moving points, LPS mm",
    suffixes=TEXT_SUFFIXES + HDF5_SUFFIXES,
    recognizes=_recognizes,
    read=read_itk,
    write=write_itk,
    annotate=annotate_itk,
    linear_only=False,
)
