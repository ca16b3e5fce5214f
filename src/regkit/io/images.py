"""Read and write volumes and label maps, the format chosen by the file's name."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.grid import Grid
from regkit.io.staging import staged
from regkit.io.stored import Stored
from regkit.volume import LabelMap, Volume

# Suffix to reader and writer; imported on first use, since each brings a library along.
_READERS = {
    ".nii": "nifti:read",
    ".nii.gz": "nifti:read",
    ".hdr": "nifti:read",
    ".img": "nifti:read",
    ".mgh": "nifti:read_mgh",
    ".mgz": "nifti:read_mgh",
    ".nrrd": "itk:read",
    ".nhdr": "itk:read",
    ".mha": "itk:read",
    ".mhd": "itk:read",
}
_WRITERS = {
    ".nii": "nifti:write",
    ".nii.gz": "nifti:write",
    ".mgh": "nifti:write_mgh",
    ".mgz": "nifti:write_mgh",
    ".nrrd": "itk:write",
    ".nhdr": "itk:write",
    ".mha": "itk:write",
    ".mhd": "itk:write",
}


def read_volume(path: str | os.PathLike[str], modality: str = "") -> Volume:
    """Read a 3-D image."""
    stored = _read(Path(path))
    grid = Grid.from_affine(_shape(stored.array), stored.affine)
    return Volume(stored.array, grid, modality or stored.modality)


def read_labels(path: str | os.PathLike[str]) -> LabelMap:
    """Read a segmentation of whole numbers."""
    stored = _read(Path(path))
    return LabelMap(stored.array, Grid.from_affine(_shape(stored.array), stored.affine))


def write_volume(volume: Volume, path: str | os.PathLike[str]) -> None:
    """Write a volume or label map."""
    target = Path(path)
    with staged(target.parent) as stage:
        _call(_WRITERS, target)(_compact(volume), stage.path(target.name))


def _read(path: Path) -> Stored:
    stored: Stored = _call(_READERS, path)(path)
    return stored


def _call(table: dict[str, str], path: Path) -> Any:
    name = path.name.lower()
    for suffix in sorted(table, key=len, reverse=True):
        if name.endswith(suffix):
            module, _, function = table[suffix].partition(":")
            return getattr(importlib.import_module(f"regkit.io.{module}"), function)
    raise FileFormatError(f"{path}: unknown suffix; use one of {', '.join(table)}")


def _shape(array: NDArray[Any]) -> tuple[int, int, int]:
    z, y, x = array.shape
    return z, y, x


def _compact(volume: Volume) -> Volume:
    if not isinstance(volume, LabelMap):
        return volume
    lowest, highest = int(volume.array.min()), int(volume.array.max())
    for kind in (np.uint8, np.int16, np.int32):
        limits = np.iinfo(kind)
        if limits.min <= lowest and highest <= limits.max:
            return volume.with_array(volume.array.astype(kind))
    return volume
