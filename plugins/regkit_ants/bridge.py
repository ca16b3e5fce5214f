"""To antspyx and back; both sides are LPS mm, ANTs' arrays are x, y, z."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk

from regkit.geometry.grid import Grid
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


def grid_from_ants(image: Any) -> Grid:
    """Return the grid of a 3-D ``ants.ANTsImage``."""
    x, y, z = image.shape
    return Grid((z, y, x), image.spacing, image.origin, tuple(np.ravel(image.direction).tolist()))


def write_affine(transform: AffineTransform, path: Path) -> None:
    """Write an affine transform as ANTs reads it, a ``.mat`` file."""
    sitk.WriteTransform(transform_to_sitk(transform), str(path))


def read_affine(path: Path) -> Transform:
    """Read what ANTs wrote to a ``.mat`` file."""
    return transform_from_sitk(sitk.ReadTransform(str(path)))
