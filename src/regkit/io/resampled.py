"""Write a resampled volume without ever holding it whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample, resampled_slabs
from regkit.geometry.transform import Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.io.atomic_output import atomic_output
from regkit.io.formats import NIFTI, Format
from regkit.io.images import check_writable, write_volume
from regkit.io.nifti import write_nifti_slabs
from regkit.io.voxel_types import FLOAT, holds, rounded_slabs


def write_resampled(
    moving: Volume,
    onto: Grid,
    through: Transform,
    path: Path,
    *,
    outside: float = 0.0,
    dtype: str = "",
) -> None:
    """Write what `resample` makes of a volume, as `write_volume` does.

    A NIfTI file is written while slabs of the result are computed, and holds the same.

    Parameters
    ----------
    moving, onto, through, outside
        Arguments of `regkit.geometry.resampling.resample`.
    path, dtype
        File, and type of its voxels, as for `regkit.io.write_volume`.
    """
    found = check_writable(path, dtype)
    kind = dtype or _known_type(moving, outside, found)
    if found != NIFTI or isinstance(moving, LabelMap) or not kind:
        write_volume(resample(moving, onto, through, outside), path, dtype)
        return
    slabs = resampled_slabs(moving, onto, through, outside)
    if kind != FLOAT:
        slabs = rounded_slabs(slabs, kind, path)
    with atomic_output(path.parent) as stage:
        write_nifti_slabs(onto, kind, slabs, stage.path(path.name))


def _known_type(moving: Volume, outside: float, into: Format) -> str:
    """Return the type of the voxels as far as it is known before they are; else empty."""
    kind = moving.file_dtype
    if not kind:
        return FLOAT
    # Interpolated values are between those of the image.
    fits = holds(kind, np.array((*moving.extremes, outside)))
    return kind if kind in into.dtypes and fits else ""
