"""Translation by cross-correlation of edges, which both images have in the same places."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_gradient_magnitude
from skimage.registration import phase_cross_correlation

from regkit import AffineTransform, Estimate, Grid, Pair, Volume, resample


@dataclass(frozen=True)
class EdgeShift:
    """Finds the translation that lays the edges of one image on those of the other."""

    voxel_mm: float = 5.0
    blur_mm: float = 7.5

    def register(self, pair: Pair) -> Estimate:
        """Return the map from fixed to moving points."""
        grid = self.around(pair.fixed.grid)
        fixed = self.edges(resample(pair.fixed, grid, outside=pair.fixed.array.min()))
        moving = self.edges(resample(pair.moving, grid, pair.start, pair.moving.array.min()))
        shift_zyx, mismatch, _ = phase_cross_correlation(
            fixed, moving, upsample_factor=10, normalization=None
        )
        step = AffineTransform.shift(-self.voxel_mm * shift_zyx[::-1])
        return Estimate(pair.start @ step, diagnostics={"mismatch": float(mismatch)})

    def around(self, grid: Grid) -> Grid:
        """Cubic voxels along x, y, z of the patient, around another field of view."""
        low, high = grid.corners().min(axis=0), grid.corners().max(axis=0)
        shape_xyz = np.ceil((high - low) / self.voxel_mm)
        return Grid(shape_xyz[::-1], (self.voxel_mm,) * 3, low + self.voxel_mm / 2)

    def edges(self, volume: Volume) -> NDArray:
        """How steeply the intensity changes, whatever its sign and unit."""
        return gaussian_gradient_magnitude(volume.array, self.blur_mm / self.voxel_mm)
