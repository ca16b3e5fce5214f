"""NIfTI-1 and NIfTI-2, single files and pairs, plain or compressed, and FreeSurfer's MGH."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.io.stored import Stored, lps_from_ras, ras_from_lps
from regkit.volume import Volume


def read(path: Path) -> Stored:
    """Read a NIfTI file."""
    image = nib.load(path)
    return Stored(_values(image), lps_from_ras(image.affine))


def read_mgh(path: Path) -> Stored:
    """Read a FreeSurfer .mgh or .mgz file."""
    image = nib.load(path)
    return Stored(_values(image), lps_from_ras(image.affine))


def _values(image: Any) -> NDArray[Any]:
    array = np.asanyarray(image.dataobj)
    if array.ndim > 3 and array.size == np.prod(array.shape[:3]):
        array = array.reshape(array.shape[:3])
    return array.T


def write(volume: Volume, path: Path) -> None:
    """Write a .nii or .nii.gz file with sform and qform both set to scanner coordinates."""
    affine = ras_from_lps(volume.grid.affine)
    image = nib.Nifti1Image(volume.array.T, affine, dtype=volume.array.dtype)
    image.set_sform(affine, code=1)
    image.set_qform(affine, code=1)
    image.header.set_xyzt_units("mm")
    _save(image, path, compressed=path.suffix.lower() == ".gz")


def write_mgh(volume: Volume, path: Path) -> None:
    """Write a .mgh or .mgz file."""
    image = nib.MGHImage(volume.array.T, ras_from_lps(volume.grid.affine))
    _save(image, path, compressed=path.suffix.lower() == ".mgz")


def _save(image: Any, path: Path, compressed: bool) -> None:
    """Write an image; the same image always gives the same bytes."""
    with path.open("wb") as raw:
        if not compressed:
            image.to_stream(raw)
            return
        with gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0) as packed:
            image.to_stream(packed)
