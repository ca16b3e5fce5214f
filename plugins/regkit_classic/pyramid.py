"""Coarse to fine in millimetres, so that anisotropic and differently sampled images meet."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regkit.errors import RegistrationError
from regkit.grid import Grid
from regkit.sitk_bridge import volume_to_sitk
from regkit.volume import Volume

# Beyond this many voxels across the field of view, motion is no better determined.
FINEST_SHARE = 1 / 160
SMOOTHING = 0.5
FEWEST_VOXELS = 16


def levels_mm(fixed: Grid, moving: Grid, count: int) -> tuple[float, ...]:
    """Return the spacing of each level in mm, coarsest first; each is half the one before.

    The finest is between the voxel sizes of both images, and not finer than the field of view
    needs.
    """
    between = float(np.sqrt(_voxel_mm(fixed) * _voxel_mm(moving)))
    finest = max(between, FINEST_SHARE * max(fixed.extent))
    return tuple(finest * 2**step for step in reversed(range(count)))


def at_level(volume: Volume, spacing_mm: float) -> sitk.Image:
    """Return a volume with about the spacing asked for, and smoothed to it.

    Every axis is averaged by its own factor, which leaves at least 16 voxels or the axis as it is.

    Raises
    ------
    RegistrationError
        The volume is one voxel thick.
    """
    if min(volume.grid.shape_zyx) < 2:
        raise RegistrationError(
            f"an image of {volume.grid.shape_zyx} voxels (z, y, x) is one voxel thick; "
            "3-D registration needs at least two along every axis"
        )
    image = volume_to_sitk(volume)
    factors = [
        max(1, min(round(spacing_mm / spacing), voxels // FEWEST_VOXELS))
        for voxels, spacing in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    image = sitk.BinShrink(image, factors)
    for axis, (voxels, spacing) in enumerate(
        zip(image.GetSize(), image.GetSpacing(), strict=True)
    ):
        # The recursive filter needs four voxels, and is wrong for a kernel inside one voxel.
        if voxels >= 4 and SMOOTHING * spacing_mm >= 0.5 * spacing:
            image = sitk.RecursiveGaussian(
                image,
                SMOOTHING * spacing_mm,
                False,
                sitk.RecursiveGaussianImageFilter.ZeroOrder,
                axis,
            )
    return image


def _voxel_mm(grid: Grid) -> float:
    return float(np.prod(grid.spacing) ** (1 / 3))
