"""An image of a network on a coarse grid: what the domain guard compares with training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit.geometry.volume import Volume
from regkit.learning.network_grid import centered_grid
from regkit.learning.preprocessing import ANTIALIAS_SIGMA

# Coarse voxels along the shortest side of the network's field of view; chosen on validation
# patients of all shipped methods, of 4, 6 and 8.
VOXELS_ACROSS = 6
# Largest coarse voxel in mm: about that of the cardiac fields of view. Six voxels across a whole
# body are of 90 mm, in which a mirrored liver is not seen.
COARSEST_MM = 55.0
# Fraction of a coarse voxel that must be known; chosen by hand.
KNOWN = 0.5


@dataclass(frozen=True, eq=False)
class CoarseImage:
    """A smoothed image with the coarse grid on which it is looked at.

    Parameters
    ----------
    smoothed
        Image smoothed for the voxels of the coarse grid, NaN where it is unknown.
    grid
        Coarse grid, of cubic voxels, around the center of the network's grid.
    """

    smoothed: Volume
    grid: Grid

    def values(self, through: AffineTransform = IDENTITY) -> FloatArray:
        """Return the intensities at all voxels of the coarse grid, NaN where unknown.

        Parameters
        ----------
        through
            Map of the grid's points to those of the image, LPS mm from the grid's center.
        """
        index = np.indices(self.grid.shape_zyx).reshape(3, -1).T
        around = self.grid.to_physical(index) - self.grid.centre
        points = through.map_points(around) + self.grid.centre
        at = self.smoothed.grid.to_index(points).T
        return np.asarray(map_coordinates(self.smoothed.array, at, order=1, cval=np.nan))


def coarse_image(seen: Volume) -> CoarseImage:
    """Return an image of a network with its coarse grid.

    Parameters
    ----------
    seen
        Preprocessed image on the network's grid, upright in LPS, NaN outside its field of view.
    """
    grid = coarse_grid(seen.grid)
    blocks = _block_means(seen, grid.spacing[0] / 2)
    own = np.asarray(blocks.grid.spacing[::-1])
    deviation = ANTIALIAS_SIGMA * np.sqrt(np.maximum(grid.spacing[0] ** 2 - own**2, 0)) / own
    known = np.isfinite(blocks.array).astype(np.float64)
    weight = gaussian_filter(known, deviation, mode="nearest")
    total = gaussian_filter(np.nan_to_num(blocks.array) * known, deviation, mode="nearest")
    mean = total / np.maximum(weight, 1e-9)
    array = np.where(weight >= KNOWN, mean, np.nan)
    return CoarseImage(blocks.with_array(array), grid)


def coarse_grid(grid: Grid) -> Grid:
    """Return the coarse grid of a network's grid, of cubic voxels around its center."""
    extent = np.asarray(grid.extent)
    across = max(VOXELS_ACROSS, np.ceil(extent.min() / COARSEST_MM))
    side = float(extent.min() / across)
    nx, ny, nz = (max(1, round(length / side)) for length in extent.tolist())
    return centered_grid(grid.centre, (nz, ny, nx), (side,) * 3)


def _block_means(image: Volume, side_mm: float) -> Volume:
    """Return the means of the known voxels of blocks up to a size, cut evenly at both ends."""
    shape, spacing = image.grid.shape_zyx, image.grid.spacing[::-1]
    steps = [max(1, int(side_mm / s)) for s in spacing]
    counts = [n // step for n, step in zip(shape, steps, strict=True)]
    firsts = [(n - c * k) // 2 for n, c, k in zip(shape, counts, steps, strict=True)]
    kept = tuple(slice(f, f + c * k) for f, c, k in zip(firsts, counts, steps, strict=True))
    sides = [side for pair in zip(counts, steps, strict=True) for side in pair]
    blocks = image.array[kept].reshape(sides)
    known = np.isfinite(blocks)
    total = np.where(known, blocks, 0).sum(axis=(1, 3, 5), dtype=np.float64)
    number = known.sum(axis=(1, 3, 5))
    array = np.where(number > 0, total / np.maximum(number, 1), np.nan)
    middle = [f + (k - 1) / 2 for f, k in zip(firsts, steps, strict=True)]
    x, y, z = image.grid.to_physical(middle).tolist()
    nz, ny, nx = counts
    sx, sy, sz = (s * k for s, k in zip(spacing[::-1], steps[::-1], strict=True))
    return image.with_array(array, Grid((nz, ny, nx), (sx, sy, sz), (x, y, z)))
