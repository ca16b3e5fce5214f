"""Read and write NIfTI-1 and NIfTI-2, single files and pairs, plain or compressed."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

import nibabel as nib

from regkit.errors import FileFormatError
from regkit.geometry.volume import Volume
from regkit.io.deflate import gzip_stream
from regkit.io.nifti_geometry import nifti_affine
from regkit.io.raw_bytes import decode_voxels, read_bytes, read_start, rescale
from regkit.io.raw_image import RawImage, ras_from_lps, volume_shape, whole_type
from regkit.io.sidecar import description_modality, sidecar_modality

logger = logging.getLogger(__name__)

# Header sizes of NIfTI-1 and NIfTI-2, which start each file and tell its byte order.
_HEADERS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
# Intents of displacement fields: those of NIfTI-1, and those of FSL's fnirt and topup.
_WARP_INTENTS = {
    1006: "intent DISPVECT",
    **dict.fromkeys((2006, 2007, 2008, 2009), "of FSL's fnirt"),
    **dict.fromkeys((2016, 2017, 2018), "of FSL's topup"),
}
_MAX_DIMENSION = 7  # NIfTI-1 standard
_NO_TYPES = (0, 1, 255)  # of unknown type, single bits, and "all" types
_PAIRS = {"hdr": "img", "img": "hdr"}


def read_nifti(path: Path) -> RawImage:
    """Read a .nii or .nii.gz file, or either file of a .hdr/.img pair."""
    header_path, data_path = _files(path)
    content = read_bytes(header_path)
    header = _header(content)
    _check_kind(header)
    single = bytes(header["magic"]).startswith(b"n+")
    data = content if single or data_path == header_path else read_bytes(data_path)
    shape = volume_shape(header.get_data_shape())
    array = decode_voxels(data, _voxel_type(header), shape, _start(header, single))
    scaling = _scaling(header, path)
    dtype = whole_type(array.dtype, *scaling)
    modality = sidecar_modality(path) or description_modality(header)
    return RawImage(rescale(array, *scaling), nifti_affine(header, path), modality, dtype)


def read_nifti_header(path: Path) -> Any:
    """Read the header of a NIfTI file or pair, as an object of nibabel's."""
    header = _header(read_start(_files(path)[0], max(_HEADERS)))
    _check_kind(header)
    return header


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
        with gzip_stream(raw) as packed:
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
            header = kind(content[: kind.sizeof_hdr], "<" if order == "little" else ">", False)
            if bytes(header["magic"])[:2] in (b"n+", b"ni"):
                return header
            raise FileFormatError(
                "is Analyze 7.5, which does not store the orientation; convert it to NIfTI"
            )
    raise FileFormatError("is not NIfTI: its first bytes are no NIfTI header")


def _check_kind(header: Any) -> None:
    """Refuse impossible dimensions, and transforms: by their intent or by their 5-D vectors."""
    intent, dim = int(header["intent_code"]), [int(n) for n in header["dim"]]
    if not 1 <= dim[0] <= _MAX_DIMENSION:
        raise FileFormatError(f"its number of dimensions, dim[0], must be 3 to 7, got {dim[0]}")
    if intent in _WARP_INTENTS or (dim[0] == 5 and dim[4] <= 1 < dim[5] <= 3):
        kind = _WARP_INTENTS.get(intent, "vectors in 5-D, as ANTs and ITK write a warp")
        raise FileFormatError(
            f"is a displacement field ({kind}): a transform, not an image; give it where a "
            "transform is asked for"
        )


def _voxel_type(header: Any) -> Any:
    code = int(header["datatype"])
    if code in nib.nifti1.data_type_codes and code not in _NO_TYPES:
        return header.get_data_dtype()
    raise FileFormatError(f"its voxel type, NIfTI code {code}, cannot be read; save it as float32")


def _start(header: Any, single: bool) -> int:
    """Return the offset of the voxels; those of a single file cannot lie in its header."""
    stated = float(header["vox_offset"])
    offset = int(stated) if math.isfinite(stated) else 0
    return max(offset, int(header["sizeof_hdr"]) + 4 if single else 0)


def _scaling(header: Any, path: Path) -> tuple[float, float]:
    """Return slope and intercept; a slope of zero or NaN means that there is no scaling."""
    slope, intercept = (float(header[field]) for field in ("scl_slope", "scl_inter"))
    if slope == 0 or not math.isfinite(slope):
        return 1.0, 0.0
    if not math.isfinite(intercept):
        logger.warning("%s has the intercept %g in scl_inter: 0 is assumed", path, intercept)
        return slope, 0.0
    return slope, intercept
