"""Read and write ITK's transform files: text (.tfm) and HDF5 (.h5), fixed to moving, LPS mm."""

from __future__ import annotations

from pathlib import Path

from regkit.errors import FileFormatError
from regkit.geometry.transform import AffineTransform, Transform
from regkit.io.number_text import number_text
from regkit.io.transforms.format import ImagePair, TransformFormat

TEXT_SIGNATURE = b"#Insight Transform File"
HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
TEXT_SUFFIXES = (".tfm", ".txt")
HDF5_SUFFIXES = (".h5", ".hdf5")


def read_itk(path: Path, images: ImagePair) -> Transform:  # noqa: ARG001
    """Read a linear transform, a displacement field or a composite."""
    from regkit.io.transforms.sitk_file import read_with_sitk  # noqa: PLC0415 - slow to load, seldom needed

    _check_suffix(path)
    if path.suffix.lower() in HDF5_SUFFIXES:
        _check_hdf5(path.read_bytes()[:48], path.stat().st_size)
        return read_with_sitk(path)
    text = path.read_text(encoding="ascii", errors="replace")
    return read_with_sitk(path, _declared_numbers(text))


def write_itk(transform: Transform, path: Path, images: ImagePair) -> None:  # noqa: ARG001
    """Write any transform; the suffix chooses text or HDF5."""
    _check_suffix(path)
    if isinstance(transform, AffineTransform) and path.suffix.lower() in TEXT_SUFFIXES:
        path.write_text(itk_text(transform), encoding="ascii")
        return
    from regkit.io.transforms.sitk_file import write_with_sitk  # noqa: PLC0415 - slow to load, seldom needed

    write_with_sitk(transform, path)


def itk_text(transform: AffineTransform) -> str:
    """Return the text file of a linear transform, as ITK writes it."""
    numbers = [*transform.matrix[:3, :3].ravel().tolist(), *transform.matrix[:3, 3].tolist()]
    return (
        f"{TEXT_SIGNATURE.decode()} V1.0\n#Transform 0\n"
        "Transform: AffineTransform_double_3_3\n"
        f"Parameters: {' '.join(map(number_text, numbers))}\nFixedParameters: 0 0 0\n"
    )


def annotate_itk(path: Path, remark: str) -> None:
    """Add a remark to a text file, as a comment; HDF5 has no place for one."""
    if path.suffix.lower() in TEXT_SUFFIXES:
        first, rest = path.read_text(encoding="ascii").split("\n", 1)
        path.write_text(f"{first}\n# {remark}\n{rest}", encoding="ascii")


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in TEXT_SUFFIXES + HDF5_SUFFIXES:
        known = ", ".join(TEXT_SUFFIXES + HDF5_SUFFIXES)
        raise FileFormatError(f"ITK decides by the suffix of a transform file; use one of {known}")


def _check_hdf5(start: bytes, size: int) -> None:
    """Refuse a wrong signature or missing bytes, which HDF5 would report on the terminal."""
    if not start.startswith(HDF5_SIGNATURE) or len(start) < 48:
        raise FileFormatError("it is not an HDF5 file despite its name")
    # The superblock holds the end of the file, at a place that depends on its version (HDF5 File
    # Format Specification, section II.A).
    at = 28 if start[8] >= 2 else 40
    end = int.from_bytes(start[at : at + 8], "little")
    if end > size:
        raise FileFormatError(f"it is truncated: it has {size} of {end} bytes")


def _declared_numbers(text: str) -> list[list[int]]:
    """Count, for each transform of an ITK text file, its parameters and fixed parameters.

    ITK reads a file without the lines of parameters as the identity; regkit refuses it.
    """
    counts: list[list[int]] = []
    for line in text.splitlines():
        tag, _, values = line.partition(":")
        if tag == "Transform":
            counts.append([])
        elif tag in ("Parameters", "FixedParameters") and counts:
            counts[-1].append(_count_numbers(values))
    if not counts:
        raise FileFormatError("it holds no transform: is it truncated?")
    composite = "Transform: CompositeTransform" in text
    if any(len(c) != 2 for c in counts[composite:]):
        raise FileFormatError("it is truncated: a transform lacks its parameters")
    if len(counts) > 1 and not composite:
        raise FileFormatError(
            f"it holds {len(counts)} separate transforms; join them to one composite transform"
        )
    return counts[composite:]


def _count_numbers(values: str) -> int:
    try:
        numbers = [float(v) for v in values.split()]
    except ValueError as error:
        raise FileFormatError(f"a parameter is not a number: {error}") from error
    if any(n - n != 0 for n in numbers):
        raise FileFormatError("a parameter is NaN or infinite")
    return len(numbers)


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
