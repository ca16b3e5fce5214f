"""Read and write NIfTI-1 and NIfTI-2, single files and pairs, plain or compressed."""

from __future__ import annotations

import gzip
import logging
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from regkit.errors import FileFormatError, GeometryError
from regkit.geometry.grid import FloatArray
from regkit.geometry.volume import Volume
from regkit.io.raw_bytes import decode_voxels, read_bytes, rescale
from regkit.io.raw_image import RawImage, lps_from_ras, ras_from_lps, volume_shape

logger = logging.getLogger(__name__)

_MM_PER_UNIT = {"meter": 1000.0, "micron": 0.001}
# Header sizes of NIfTI-1 and NIfTI-2, which start each file.
_HEADERS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
_PAIRS = {"hdr": "img", "img": "hdr"}


def read_nifti(path: Path) -> RawImage:
    """Read a .nii or .nii.gz file, or either file of a .hdr/.img pair."""
    header_path, data_path = _files(path)
    content = read_bytes(header_path)
    header = _header(content)
    single = bytes(header["magic"]).startswith(b"n+")
    data = content if single or data_path == header_path else read_bytes(data_path)
    # Voxels of a single file cannot start before its header and extension flag end.
    start = max(int(header["vox_offset"]), int(header["sizeof_hdr"]) + 4 if single else 0)
    array = decode_voxels(
        data, header.get_data_dtype(), volume_shape(header.get_data_shape()), start
    )
    slope, intercept = header.get_slope_inter()
    array = rescale(array, 1.0 if slope is None else slope, intercept or 0.0)
    return RawImage(array, _affine(header, path))


def write_nifti(volume: Volume, path: Path) -> None:
    """Write a .nii or .nii.gz file with sform and qform both set to scanner coordinates."""
    affine = ras_from_lps(volume.grid.affine)
    image = nib.Nifti1Image(volume.array.T, affine, dtype=volume.array.dtype)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header.set_xyzt_units("mm")
    write_nibabel_image(image, path, compressed=path.name.lower().endswith(".gz"))


def write_nibabel_image(image: Any, path: Path, compressed: bool) -> None:
    """Write a nibabel image; the same image always gives the same bytes."""
    with path.open("wb") as raw:
        if not compressed:
            image.to_stream(raw)
            return
        # No name and no time in the gzip header; level 1 is several times faster than 9.
        with gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as packed:
            image.to_stream(packed)


def _files(path: Path) -> tuple[Path, Path]:
    """Return the header file and the voxel file."""
    lowered = path.name.lower().removesuffix(".gz")
    kind = lowered.rsplit(".", 1)[-1]
    if kind not in _PAIRS:
        return path, path
    base = path.name[: len(lowered) - len(kind)]
    names = [base + _PAIRS[kind] + zipped for zipped in ("", ".gz")]
    other = next((path.with_name(n) for n in names if path.with_name(n).exists()), None)
    if other is None:
        raise FileFormatError(f"one of two files: its other half {names[0]} is missing")
    return (path, other) if kind == "hdr" else (other, path)


def _header(content: bytes) -> Any:
    for order in ("little", "big"):
        kind = _HEADERS.get(int.from_bytes(content[:4], order))
        if kind is not None and len(content) < kind.sizeof_hdr:
            raise FileFormatError("the file is truncated: it ends inside its header")
        if kind is not None:
            header = kind(content[: kind.sizeof_hdr], check=False)
            if bytes(header["magic"])[:2] in (b"n+", b"ni"):
                return header
            raise FileFormatError(
                "is Analyze 7.5, which does not store the orientation; convert it to NIfTI"
            )
    raise FileFormatError("is not NIfTI: its first bytes are no NIfTI header")


def _affine(header: Any, path: Path) -> FloatArray:
    """Return the matrix from (z, y, x) to LPS mm; the sform is preferred, as nibabel does."""
    if header["sform_code"] > 0:
        matrix = header.get_sform()
    elif header["qform_code"] > 0:
        _check_spacing(header)
        header["pixdim"][0] = -1 if header["pixdim"][0] < 0 else 1
        matrix = header.get_qform()
    else:
        # As ITK reads such files: image axes along L, P, S and the first voxel at zero.
        logger.warning("%s has neither sform nor qform: position and left/right are a guess", path)
        _check_spacing(header)
        x, y, z = (float(size) for size in header["pixdim"][1:4])
        matrix = np.diag([-x, -y, z, 1.0])
    affine = lps_from_ras(matrix)
    affine[:3] *= _MM_PER_UNIT.get(header.get_xyzt_units()[0], 1.0)
    return affine


def _check_spacing(header: Any) -> None:
    sizes = np.asarray(header["pixdim"][1:4], dtype=np.float64)
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise GeometryError(f"voxel spacing must be positive, got {sizes.tolist()} mm in pixdim")
