"""Resolution levels in millimetres, for anisotropic and differently sampled images."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from regkit.errors import RegistrationError
from regkit.geometry.grid import Grid
from regkit.geometry.sitk_bridge import volume_to_sitk
from regkit.geometry.volume import Volume

# Spacing of the finest level as a fraction of the field of view, at least: finer voxels hardly
# determine a motion better. Chosen by hand, as is the sigma of the smoothing in spacings.
FINEST_FRACTION = 1 / 160
SMOOTHING = 0.5
# Least number of voxels of an axis of a level (chosen by hand), and for the filters of ITK.
COARSEST_VOXELS, MIN_VOXELS = 16, 4


def levels_mm(fixed: Grid, moving: Grid, count: int) -> tuple[float, ...]:
    """Return the spacing of each level in mm, coarsest first; each is half the one before.

    The finest is between the voxel sizes of both images, and not finer than the field of view
    needs.
    """
    between = float(np.sqrt(_voxel_mm(fixed) * _voxel_mm(moving)))
    finest = max(between, FINEST_FRACTION * max(fixed.extent))
    return tuple(finest * 2**step for step in reversed(range(count)))


def at_level(volume: Volume, spacing_mm: float) -> sitk.Image:
    """Return a volume with about the spacing asked for, and smoothed to it.

    Every axis is averaged by its own factor, which leaves at least 16 voxels or the axis as it is.

    Raises
    ------
    RegistrationError
        The volume is thinner than four voxels.
    """
    if min(volume.grid.shape_zyx) < MIN_VOXELS:
        raise RegistrationError(
            f"an image of {volume.grid.shape_zyx} voxels (z, y, x) is too thin for 3-D "
            f"registration, which needs at least {MIN_VOXELS} along every axis"
        )
    image = volume_to_sitk(volume)
    factors = [
        max(1, min(round(spacing_mm / spacing), voxels // COARSEST_VOXELS))
        for voxels, spacing in zip(image.GetSize(), image.GetSpacing(), strict=True)
    ]
    image = sitk.BinShrink(image, factors)
    sigma, value = SMOOTHING * spacing_mm, sitk.RecursiveGaussianImageFilter.ZeroOrder
    for axis, spacing in enumerate(image.GetSpacing()):
        # The recursive filter is wrong for a kernel that lies within one voxel.
        if sigma >= spacing / 2:
            image = sitk.RecursiveGaussian(image, sigma, False, value, axis)
    return image


def _voxel_mm(grid: Grid) -> float:
    return float(np.prod(grid.spacing) ** (1 / 3))
