"""Simple objects for tests of the SPECT system, painted by fine sampling."""

import numpy as np

from regkit.geometry.grid import Grid

FIELD_MM = 435.2


def frame(size: int, slices: int | None = None, slice_mm: float | None = None) -> Grid:
    """The field of view of 435.2 mm around the origin with `size` pixels a side."""
    pixel = FIELD_MM / size
    slices, slice_mm = slices or size, slice_mm or pixel
    corner = -(FIELD_MM - pixel) / 2
    bottom = -(slices - 1) / 2 * slice_mm
    return Grid((slices, size, size), (pixel, pixel, slice_mm), (corner, corner, bottom))


def disc(grid: Grid, radius_mm: float, centre=(0.0, 0.0), samples: int = 8) -> np.ndarray:
    """Share of each pixel of a slice (y, x) that lies in a disc around (x, y) in mm."""
    size, pixel = grid.shape_zyx[2], grid.spacing[0]
    fine = ((np.arange(size * samples) + 0.5) / samples - 0.5) * pixel + grid.origin[0]
    inside = (fine - centre[0]) ** 2 + (fine[:, None] - centre[1]) ** 2 <= radius_mm**2
    return inside.reshape(size, samples, size, samples).mean(axis=(1, 3))


def cylinder(grid: Grid, radius_mm: float, half_length_mm: float) -> np.ndarray:
    """Share of each voxel (z, y, x) in a cylinder along z around the origin."""
    edges = grid.origin[2] + (np.arange(grid.shape_zyx[0] + 1) - 0.5) * grid.spacing[2]
    clipped = np.clip(edges, -half_length_mm, half_length_mm)
    return (np.diff(clipped) / grid.spacing[2])[:, None, None] * disc(grid, radius_mm)


def point(grid: Grid, x: float, y: float, z: float) -> np.ndarray:
    """A unit of activity in the voxel nearest to a point in LPS mm."""
    image = np.zeros(grid.shape_zyx)
    image[tuple(np.rint(grid.to_index((x, y, z))).astype(int))] = 1.0
    return image
