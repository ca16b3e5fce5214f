"""Read and write FreeSurfer's .lta: src (moving) to dst (fixed), RAS mm or voxels."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from regkit.errors import FileFormatError, TransformError
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.transform import AffineTransform, Transform
from regkit.io.image_header import DICOM, ImageHeader, ImageSource, header_of
from regkit.io.transforms.format import ImagePair, TransformFormat, require_affine
from regkit.io.transforms.frames import LPS_RAS, freesurfer_matrix
from regkit.io.transforms.matrix_text import (
    format_matrix,
    meaningful_lines,
    parse_matrix,
    read_text,
)

logger = logging.getLogger(__name__)

VOX_TO_VOX, RAS_TO_RAS = 0, 1
# Voxels by which the corners of an image may be away from those that the file states; chosen by
# hand.
OTHER_IMAGE_VOXELS = 0.5
# A volume info needs numbers even where it is marked invalid: 256 voxels of 1 mm, the size that
# FreeSurfer conforms images to.
UNKNOWN_GEOMETRY = Grid((256, 256, 256), direction=(1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.0))


@dataclass(frozen=True)
class _Lta:
    """Contents of a file: its type, its matrix, and the RAS geometry of src and dst if valid."""

    kind: int
    matrix: FloatArray
    src: FloatArray | None
    dst: FloatArray | None


def read_lta(path: Path, images: ImagePair) -> AffineTransform:
    """Read a RAS-to-RAS or voxel-to-voxel matrix; the latter needs both geometries."""
    lta = _parse(read_text(path))
    if lta.kind == RAS_TO_RAS:
        return AffineTransform(freesurfer_matrix_to_lps(lta.matrix))
    src = _geometry(lta.src, images.moving, "src", "--moving")
    dst = _geometry(lta.dst, images.fixed, "dst", "--fixed")
    return AffineTransform(freesurfer_matrix_to_lps(dst @ lta.matrix @ np.linalg.inv(src)))


def write_lta(transform: Transform, path: Path, images: ImagePair) -> None:
    """Write a linear transform as a RAS-to-RAS matrix with the geometry of the images given."""
    affine = require_affine(transform)
    affine.inverse()  # the file stores the inverse: refuse what has none
    text = (
        f"type      = {RAS_TO_RAS} # LINEAR_RAS_TO_RAS\n"
        "nxforms   = 1\n"
        "mean      = 0.0000 0.0000 0.0000\n"
        "sigma     = 1.0000\n"
        "1 4 4\n"
        f"{format_matrix(freesurfer_matrix(affine.matrix))}"
        f"src volume info\n{_geometry_text(images.moving_header())}"
        f"dst volume info\n{_geometry_text(images.fixed_header())}"
    )
    path.write_text(text, encoding="ascii")


def freesurfer_matrix_to_lps(matrix: FloatArray) -> FloatArray:
    """Return the fixed-to-moving matrix in LPS mm of FreeSurfer's src-to-dst matrix in RAS mm."""
    return freesurfer_matrix(matrix)  # inverting and flipping is its own inverse


def _parse(text: str) -> _Lta:
    lines = iter(meaningful_lines(text))
    header = dict(_fields(lines, until="1 4 4"))
    kind, count = _whole(header, "type"), _whole(header, "nxforms")
    if kind not in (VOX_TO_VOX, RAS_TO_RAS):
        raise FileFormatError(
            f"LTA type {kind} is not supported; "
            "convert it to type 1 (LINEAR_RAS_TO_RAS), which lta_convert writes"
        )
    if count != 1:
        raise FileFormatError(f"an LTA of one transform is needed, this one holds {count}")
    matrix = parse_matrix(islice(lines, 4))
    geometry = _geometries(lines)
    return _Lta(kind, matrix, geometry.get("src"), geometry.get("dst"))


def _fields(lines: Iterator[str], until: str) -> Iterator[tuple[str, str]]:
    for line in lines:
        if line.split() == until.split():
            return
        key, _, value = line.partition("=")
        yield key.strip(), value.strip()
    raise FileFormatError("it is truncated: its matrix is missing")


def _whole(header: dict[str, str], key: str) -> int:
    try:
        return int(header[key])
    except (KeyError, ValueError) as error:
        raise FileFormatError(f"an LTA needs a line '{key} = NUMBER'") from error


def _geometries(lines: Iterator[str]) -> dict[str, FloatArray]:
    """Return the RAS geometries, 4 x 4, of the 'src volume info' and 'dst volume info' blocks."""
    blocks: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if equals:
            current[key.strip()] = value.strip()
        elif line.endswith("volume info"):
            current = blocks.setdefault(line.split()[0], {})
    return {
        name: _voxel_to_ras(block)
        for name, block in blocks.items()
        if block.get("valid", "0").split()[:1] == ["1"]
    }


def _voxel_to_ras(block: dict[str, str]) -> FloatArray:
    """Build the matrix from voxel (i, j, k) to RAS mm; `cras` is where voxel (size / 2) lies."""
    axes = np.stack([_vector(block, key) for key in ("xras", "yras", "zras")], axis=1)
    matrix = np.eye(4)
    matrix[:3, :3] = axes * _vector(block, "voxelsize")
    half = _vector(block, "volume") / 2
    matrix[:3, 3] = _vector(block, "cras") - matrix[:3, :3] @ half
    return matrix


def _vector(block: dict[str, str], key: str) -> FloatArray:
    try:
        x, y, z = (float(word) for word in block[key].split())
    except (KeyError, ValueError) as error:
        raise FileFormatError(f"a volume info needs a line '{key} = X Y Z'") from error
    return np.array([x, y, z])


def _geometry(
    stored: FloatArray | None, image: ImageSource | None, name: str, option: str
) -> FloatArray:
    """Return the matrix from voxels to RAS mm: that of the LTA, else that of the image."""
    if stored is not None:
        if image is not None:
            _compare(stored, header_of(image), name)
        return stored
    if image is None:
        raise TransformError(
            f"this LTA maps voxels but lacks the geometry of {name}; give {option}"
        )
    header = header_of(image)
    if header.format == DICOM:
        logger.warning(
            "this LTA maps voxels of %s, which it does not describe: assumed the order of slices "
            "along their normal; give the file that FreeSurfer had with %s",
            header.path,
            option,
        )
    return np.asarray(LPS_RAS @ header.voxel_to_lps)


def _compare(stored: FloatArray, image: ImageHeader, name: str) -> None:
    """Warn if the file describes another image than the one given; its description counts."""
    own = LPS_RAS @ image.voxel_to_lps
    ends = [(0, n - 1) for n in image.shape_zyx[::-1]]
    corners = np.array([(*corner, 1) for corner in itertools.product(*ends)]).T
    apart = np.linalg.norm(((stored - own) @ corners)[:3], axis=0).max()
    if apart > OTHER_IMAGE_VOXELS * np.linalg.norm(own[:3, :3], axis=0).min():
        logger.warning(
            "this LTA maps voxels and describes %s as another image than %s: corners are up to "
            "%.3g mm away; the description in the LTA is used",
            name,
            image.path or "the one given",
            apart,
        )


def _geometry_text(image: ImageHeader | None) -> str:
    valid = "0  # volume info invalid" if image is None else "1  # volume info valid"
    known = image or header_of(UNKNOWN_GEOMETRY)
    size = known.shape_zyx[::-1]
    matrix = LPS_RAS @ known.voxel_to_lps
    lengths = np.linalg.norm(matrix[:3, :3], axis=0)
    centre = matrix @ (*(n / 2 for n in size), 1.0)
    vectors = {"voxelsize": lengths}
    for name, axis, length in zip("xyz", matrix[:3, :3].T, lengths, strict=True):
        vectors[f"{name}ras"] = axis / length
    vectors["cras"] = centre[:3] if image else np.zeros(3)
    lines = [f"valid = {valid}", "filename = unknown", f"volume = {' '.join(map(str, size))}"]
    for name, vector in vectors.items():
        lines.append(f"{name:6} = {' '.join(repr(float(v) + 0.0) for v in vector)}")
    return "\n".join(lines) + "\n"


def _recognizes(path: Path, start: bytes) -> bool:
    return path.suffix.lower() == ".lta" or (b"nxforms" in start and b"type" in start)


LTA = TransformFormat(
    name="lta",
    title="FreeSurfer: src (moving) to dst (fixed), RAS mm; reads voxel to voxel too",
    suffixes=(".lta",),
    recognizes=_recognizes,
    read=read_lta,
    write=write_lta,
)
