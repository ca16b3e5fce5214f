"""A pair prepared for optimization: the body, and both images at every resolution level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.registrar import Pair
from regkit.similarity.point_sample import sample_points_in_mask
from regkit_instance.measures import SampledMetric, score_kernel
from regkit_instance.points import BodyRegion, find_body, stratified_points
from regkit_instance.pyramid import Level, level_curve, pyramid, spacings_mm

# Chosen by hand, as are the others: voxels of the coarsest level across the radius of the body.
COARSEST_VOXELS_PER_RADIUS = 8
# Number of sample points from which the body and the range of intensities are found.
PROBE_POINTS = 10_000
# A moving image with less than this fraction of the fixed body's volume shows only a part of it.
PARTIAL_VOLUME_RATIO = 0.5


@dataclass(frozen=True, eq=False)
class PreparedPair:
    """A pair at several resolutions.

    Parameters
    ----------
    pair
        The images.
    body
        Region of the fixed image to align.
    moving_centroid
        Centroid of the foreground of the moving image (in its mask), LPS mm.
    moving_volume
        Volume of the moving field of view (or mask), mm^3.
    spacings
        Spacings of the levels in mm, coarsest first.
    fixed, moving
        The images at each level.
    seed
        Seed of the sample points.
    """

    pair: Pair
    body: BodyRegion
    moving_centroid: FloatArray
    moving_volume: float
    spacings: tuple[float, ...]
    fixed: tuple[Level, ...]
    moving: tuple[Level, ...]
    seed: int

    @classmethod
    def prepare(cls, pair: Pair, levels: int, seed: int, finest_mm: float = 0.0) -> Self:
        """Prepare a pair at `levels` levels, or fewer where the coarsest would not show the body.

        Parameters
        ----------
        pair
            The images.
        levels
            Largest number of resolution levels.
        seed
            Seed of the sample points.
        finest_mm
            Spacing of the finest level in mm; 0 chooses it by the images.

        Raises
        ------
        RegistrationError
            An image is constant, or a mask marks almost nothing.
        """
        of_fixed = sample_points_in_mask(pair.fixed, pair.fixed_mask, PROBE_POINTS)
        of_moving = sample_points_in_mask(pair.moving, pair.moving_mask, PROBE_POINTS)
        body = find_body(pair, of_fixed)
        finest = spacings_mm(pair.fixed.grid, pair.moving.grid, 1, finest_mm)[0]
        doublings = int(np.log2(max(body.radius_mm / COARSEST_VOXELS_PER_RADIUS / finest, 1.0)))
        count = min(levels, 1 + doublings)
        spacings = spacings_mm(pair.fixed.grid, pair.moving.grid, count, finest_mm)
        curve = level_curve(of_fixed.values, pair.fixed.modality, pair.fixed_mask is not None)
        fixed = pyramid(pair.fixed, curve, spacings)
        curve = level_curve(of_moving.values, pair.moving.modality, pair.moving_mask is not None)
        moving = pyramid(pair.moving, curve, spacings, pair.moving_mask)
        shown = of_moving.points[of_moving.foreground]
        mass = shown.mean(axis=0) if len(shown) else np.asarray(pair.moving.grid.centre)
        volume = float(np.prod(pair.moving.grid.extent))
        if pair.moving_mask is not None:
            marked = np.count_nonzero(pair.moving_mask.array)
            volume = min(volume, marked * float(np.prod(pair.moving_mask.grid.spacing)))
        return cls(pair, body, mass, volume, spacings, fixed, moving, seed)

    @property
    def moving_is_part(self) -> bool:
        """True if the moving image shows only a part of the fixed body."""
        sides = (self.body.box[1] - self.body.box[0] + 1) * self.pair.fixed.grid.spacing[::-1]
        return self.moving_volume < PARTIAL_VOLUME_RATIO * float(np.prod(sides))

    def measure(
        self, name: str, level: int, samples: int, bins: int, threads: int = 1
    ) -> SampledMetric:
        """Return a measure (see `score_kernel`) at a level with about `samples` sample points."""
        spacing = self.spacings[level]
        points = stratified_points(
            self.pair, self.body, self.fixed[level], spacing, samples, self.seed
        )
        score = score_kernel(name, points.values, bins)
        return SampledMetric(points, self.moving[level], self.body.centre, score, threads)

    def independent_samples(self) -> float:
        """Return the approximate number of independent samples: voxels of the body."""
        sides = (self.body.box[1] - self.body.box[0] + 1) * self.pair.fixed.grid.spacing[::-1]
        voxel = np.maximum(self.pair.fixed.grid.spacing[::-1], self.spacings[-1])
        return float(np.prod(np.maximum(sides / voxel, 1.0)))
