"""Conversion to and from antspyx; both sides use LPS mm, arrays of ANTs are x, y, z."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from regkit.geometry.sitk_bridge import transform_from_sitk, transform_to_sitk
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import Volume


def volume_to_ants(volume: Volume) -> Any:
    """Copy a volume or mask to an ``ants.ANTsImage`` of 32-bit floats."""
    import ants  # noqa: PLC0415 - takes seconds

    grid = volume.grid
    return ants.from_numpy(
        volume.array.transpose(2, 1, 0).astype(np.float32),
        origin=list(grid.origin),
        spacing=list(grid.spacing),
        direction=np.reshape(grid.direction, (3, 3)),
    )


def write_affine(transform: AffineTransform, path: Path) -> None:
    """Write an affine transform to a ``.mat`` file for ANTs."""
    sitk.WriteTransform(transform_to_sitk(transform), str(path))


def read_affine(path: Path) -> Transform:
    """Read the transform of a ``.mat`` file of ANTs."""
    return transform_from_sitk(sitk.ReadTransform(str(path)))
