"""A pair made ready: the body, both images at every level, and measures between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.registrar import Pair
from regkit.similarity.point_sample import sample_points_in_mask
from regkit_instance.measures import SampledMetric, score_by
from regkit_instance.points import BodyRegion, find_body, stratified_points
from regkit_instance.pyramid import Level, curve_of, pyramid, spacings_mm

# Voxels of the coarsest level across the radius of the body.
COARSEST_ACROSS = 8
# Points from which the body and the range of intensities are known.
PROBE = 10_000
# A moving image of less than this share of the fixed body's volume shows but a part of it.
PART = 0.5


@dataclass(frozen=True, eq=False)
class PreparedPair:
    """A pair at several resolutions.

    Parameters
    ----------
    pair
        The images.
    body
        What is to be aligned.
    moving_mass
        Centre of what the moving image shows (in its mask), LPS mm.
    moving_volume
        Of the moving field of view (or mask), mm^3.
    spacings
        Of the levels in mm, coarsest first.
    fixed, moving
        The images at each level.
    seed
        Of the sample points.
    """

    pair: Pair
    body: BodyRegion
    moving_mass: FloatArray
    moving_volume: float
    spacings: tuple[float, ...]
    fixed: tuple[Level, ...]
    moving: tuple[Level, ...]
    seed: int

    @classmethod
    def of(cls, pair: Pair, levels: int, seed: int, finest_mm: float = 0.0) -> Self:
        """Prepare a pair at so many levels, or fewer if the coarsest would miss the body.

        Parameters
        ----------
        pair
            The images.
        levels
            Most resolutions.
        seed
            Of sample points.
        finest_mm
            Spacing of the finest level; 0 leaves it to the images.

        Raises
        ------
        RegistrationError
            There is nothing to compare: an image is constant, or a mask marks almost nothing.
        """
        of_fixed = sample_points_in_mask(pair.fixed, pair.fixed_mask, PROBE)
        of_moving = sample_points_in_mask(pair.moving, pair.moving_mask, PROBE)
        body = find_body(pair, of_fixed)
        finest = spacings_mm(pair.fixed.grid, pair.moving.grid, 1, finest_mm)[0]
        doublings = int(np.log2(max(body.radius_mm / COARSEST_ACROSS / finest, 1.0)))
        count = min(levels, 1 + doublings)
        spacings = spacings_mm(pair.fixed.grid, pair.moving.grid, count, finest_mm)
        curve = curve_of(of_fixed.values, pair.fixed.modality, pair.fixed_mask is not None)
        fixed = pyramid(pair.fixed, curve, spacings)
        curve = curve_of(of_moving.values, pair.moving.modality, pair.moving_mask is not None)
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
        """Whether the moving image shows but a part of the fixed body."""
        sides = (self.body.box[1] - self.body.box[0] + 1) * self.pair.fixed.grid.spacing[::-1]
        return self.moving_volume < PART * float(np.prod(sides))

    def measure(
        self, name: str, level: int, samples: int, bins: int, threads: int = 1
    ) -> SampledMetric:
        """Return a measure (see `score_by`) at a level, from about so many sample points."""
        spacing = self.spacings[level]
        points = stratified_points(
            self.pair, self.body, self.fixed[level], spacing, samples, self.seed
        )
        score = score_by(name, points.values, bins)
        return SampledMetric(points, self.moving[level], self.body.centre, score, threads)

    def independent(self) -> float:
        """Return about how many samples of the body tell something of their own."""
        sides = (self.body.box[1] - self.body.box[0] + 1) * self.pair.fixed.grid.spacing[::-1]
        voxel = np.maximum(self.pair.fixed.grid.spacing[::-1], self.spacings[-1])
        return float(np.prod(np.maximum(sides / voxel, 1.0)))
