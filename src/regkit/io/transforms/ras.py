"""Read and write a bare 4 x 4 matrix, fixed to moving points in RAS mm, as greedy does."""

from __future__ import annotations

from pathlib import Path

from regkit.geometry.transform import AffineTransform, Transform
from regkit.io.transforms.format import ImagePair, TransformFormat, require_affine
from regkit.io.transforms.frames import ras_matrix
from regkit.io.transforms.matrix_text import format_matrix, looks_like_matrix, read_matrix


def read_ras(path: Path, images: ImagePair) -> AffineTransform:  # noqa: ARG001
    """Read a 4 x 4 matrix between RAS points."""
    return AffineTransform(ras_matrix(read_matrix(path)))


def write_ras(transform: Transform, path: Path, images: ImagePair) -> None:  # noqa: ARG001
    """Write a linear transform as a 4 x 4 matrix between RAS points."""
    matrix = ras_matrix(require_affine(transform).matrix)
    path.write_text(format_matrix(matrix), encoding="ascii")


def _recognizes(path: Path, start: bytes) -> bool:
    # By custom a .mat of text is FSL's; for greedy's, the user names the format.
    return path.suffix.lower() != ".mat" and looks_like_matrix(start)


def _assumption(start: bytes) -> str:  # noqa: ARG001
    return (
        "nothing in a 4 x 4 text matrix names its convention: assumed fixed to moving points, RAS "
        "mm, as greedy and c3d write it. If FLIRT wrote it, give --from fsl and both images; "
        "--from ras confirms the assumption"
    )


RAS = TransformFormat(
    name="ras",
    title="greedy, c3d: 4 x 4 text, fixed to moving points, RAS mm",
    suffixes=(),
    recognizes=_recognizes,
    read=read_ras,
    write=write_ras,
    assumption=_assumption,
)
