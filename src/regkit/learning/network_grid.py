"""The grid that a network sees: upright in LPS, around the body."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import Volume
from regkit.learning.domain_guard import ImageDomain

# Fraction by which a field of view may differ from those of training before the network's grid is
# centered on the body instead; chosen by hand.
FIELD_OF_VIEW_TOLERANCE = 0.15


def centered_grid(center: Vector3, shape_zyx: tuple[int, int, int], spacing: Vector3) -> Grid:
    """Return a grid with its axes along LPS.

    Parameters
    ----------
    center
        Center of the field of view, LPS mm.
    shape_zyx
        Number of voxels along z, y, x.
    spacing
        Voxel size along x, y, z in mm.
    """
    x, y, z = (
        c - (n - 1) / 2 * s for c, n, s in zip(center, shape_zyx[::-1], spacing, strict=True)
    )
    return Grid(shape_zyx, spacing, (x, y, z))


def feature_grid(
    grid: Grid,
    shape_zyx: Sequence[int],
    step_zyx: Sequence[int],
    first_zyx: Sequence[float] | None = None,
) -> Grid:
    """Return the grid of features that each stand for a block of voxels.

    Parameters
    ----------
    grid
        Grid of the voxels.
    shape_zyx
        Number of features along z, y, x.
    step_zyx
        Number of voxels along z, y, x from one feature to the next.
    first_zyx
        Index of the point, in voxels, that the first feature stands for; None for the center of
        the first block.
    """
    step = np.asarray(step_zyx, dtype=np.float64)
    blocks = np.diag([*step, 1.0])
    blocks[:3, 3] = (step - 1) / 2 if first_zyx is None else first_zyx
    z, y, x = shape_zyx
    return Grid.from_affine((z, y, x), grid.affine @ blocks)


def moved_grid(grid: Grid, motion: AffineTransform) -> Grid:
    """Return a grid moved by a rigid map of its points."""
    return Grid.from_affine(grid.shape_zyx, motion.matrix @ grid.affine)


def center_on_body(
    grid: Grid, domain: ImageDomain, body_center: Callable[[], FloatArray]
) -> Vector3:
    """Return the center of the grid on which a network should see an image, LPS mm.

    A field of view like those of training has the body where training had it. A larger or smaller
    one has it elsewhere: the network's grid follows the body's center.

    Parameters
    ----------
    grid
        Grid of the image.
    domain
        Images of this role in training.
    body_center
        Function that returns the center of the body, LPS mm; called only if it is needed.
    """
    ratio = np.ptp(grid.corners(), axis=0) / domain.extent_mm
    if (np.abs(ratio - 1) <= FIELD_OF_VIEW_TOLERANCE).all():
        return grid.centre
    x, y, z = np.subtract(body_center(), domain.center_of_mass_offset_mm).tolist()
    return x, y, z


def center_of_mass(volume: Volume) -> FloatArray:
    """Return the intensity-weighted center of an image, LPS mm; its grid's center if it is empty.

    Parameters
    ----------
    volume
        Image without negative intensities; NaN counts as zero.
    """
    mass = np.nan_to_num(volume.array).astype(np.float64)
    total = mass.sum()
    if total <= 0:
        return np.asarray(volume.grid.centre)
    index = [
        (mass.sum(axis=tuple({0, 1, 2} - {axis})) @ np.arange(n)) / total
        for axis, n in enumerate(mass.shape)
    ]
    return volume.grid.to_physical(index)
