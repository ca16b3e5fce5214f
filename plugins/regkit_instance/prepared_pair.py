"""A pair prepared for optimization: the body, and both images at every resolution level."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.registrar import Pair
from regkit.similarity.point_sample import (
    PointSample,
    sample_points,
    sample_points_in_mask,
    values_at,
)
from regkit_instance.measures import SampledMetric, metric_of
from regkit_instance.points import BodyRegion, MetricPoints, find_body, stratified_points
from regkit_instance.pyramid import Level, level_curve, pyramid, spacings_mm
from regkit_instance.threads import results_of

# Chosen by hand, as are the others: voxels of the coarsest level across the radius of the body.
COARSEST_VOXELS_PER_RADIUS = 8
# Number of sample points from which the body and the range of intensities are found.
PROBE_POINTS = 10_000
# A moving image with less than this fraction of the fixed body's volume shows only a part of it.
PARTIAL_VOLUME_RATIO = 0.5
# A mask outside of which lies more than this fraction of the foreground marks only a part of it.
PART_RATIO = 0.1


@dataclass(frozen=True, eq=False)
class PreparedPair:
    """A pair at several resolutions.

    Parameters
    ----------
    pair
        The images; exchanged if `swapped`.
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
    swapped
        True if the fixed image is the moving one of the pair that was asked for.
    """

    pair: Pair
    body: BodyRegion
    moving_centroid: FloatArray
    moving_volume: float
    spacings: tuple[float, ...]
    fixed: tuple[Level, ...]
    moving: tuple[Level, ...]
    seed: int
    swapped: bool = False
    _drawn: dict[tuple[int, int], MetricPoints] = field(default_factory=dict, init=False)

    @classmethod
    def prepare(
        cls,
        pair: Pair,
        levels: int,
        seed: int,
        finest_mm: float = 0.0,
        *,
        swapped: bool = False,
        threads: int = 1,
    ) -> Self:
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
        swapped
            True to exchange the images, as an affine initial transform allows.
        threads
            Number of threads; the result is exactly the same with any number of them.

        Raises
        ------
        RegistrationError
            An image is constant, or a mask marks almost nothing.
        """
        if swapped and isinstance(pair.start, AffineTransform):
            back = pair.start.inverse()
            pair = Pair(pair.moving, pair.fixed, pair.moving_mask, pair.fixed_mask, back)
        (of_fixed, fixed_curve), (of_moving, moving_curve) = results_of(
            [
                partial(_sample_and_curve, pair.fixed, pair.fixed_mask),
                partial(_sample_and_curve, pair.moving, pair.moving_mask),
            ],
            threads,
        )
        body = find_body(pair, of_fixed)
        finest = spacings_mm(pair.fixed.grid, pair.moving.grid, 1, finest_mm)[0]
        doublings = int(np.log2(max(body.radius_mm / COARSEST_VOXELS_PER_RADIUS / finest, 1.0)))
        count = min(levels, 1 + doublings)
        spacings = spacings_mm(pair.fixed.grid, pair.moving.grid, count, finest_mm)
        fixed = pyramid(pair.fixed, fixed_curve, spacings, threads=threads)
        moving = pyramid(pair.moving, moving_curve, spacings, pair.moving_mask, threads)
        shown = of_moving.points[of_moving.foreground]
        mass = shown.mean(axis=0) if len(shown) else np.asarray(pair.moving.grid.centre)
        volume = float(np.prod(pair.moving.grid.extent))
        if pair.moving_mask is not None:
            marked = np.count_nonzero(pair.moving_mask.array)
            volume = min(volume, marked * float(np.prod(pair.moving_mask.grid.spacing)))
        return cls(pair, body, mass, volume, spacings, fixed, moving, seed, swapped)

    def to_transform(self, peak: FloatArray) -> Transform:
        """Return the map of fixed to moving points of a correction (3, 4) about the centre."""
        total = self._about(peak) @ self.pair.start
        return total.inverse() if self.swapped and isinstance(total, AffineTransform) else total

    def to_correction(self, peak: FloatArray) -> AffineTransform:
        """Return what follows the initial transform asked for, from a correction (3, 4)."""
        about, start = self._about(peak), self.pair.start
        if not (self.swapped and isinstance(start, AffineTransform)):
            return about
        return start.inverse() @ about.inverse() @ start

    def to_map(self, correction: AffineTransform) -> FloatArray:
        """Return the correction (3, 4) about the centre; undoes `to_correction`."""
        about, start = correction, self.pair.start
        if self.swapped and isinstance(start, AffineTransform):
            about = start @ correction.inverse() @ start.inverse()
        shift = about.map_points(self.body.centre) - self.body.centre
        return np.concatenate([about.matrix[:3, :3], shift[:, None]], axis=1)

    def _about(self, peak: FloatArray) -> AffineTransform:
        return AffineTransform.about(peak[:, :3], peak[:, 3], self.body.centre)

    @property
    def moving_is_part(self) -> bool:
        """True if the moving image shows only a part of the fixed body."""
        sides = (self.body.box[1] - self.body.box[0] + 1) * self.pair.fixed.grid.spacing[::-1]
        return self.moving_volume < PARTIAL_VOLUME_RATIO * float(np.prod(sides))

    def measure(
        self, name: str, level: int, samples: int, bins: int, threads: int = 1
    ) -> SampledMetric:
        """Return a measure (see `metric_of`) at a level with about `samples` sample points."""
        points = self._points(level, samples, threads)
        metric = metric_of(name, points.values, bins)
        return SampledMetric(points, self.moving[level], self.body.centre, metric, threads)

    def _points(self, level: int, samples: int, threads: int) -> MetricPoints:
        """Return about `samples` sample points at a level, the same ones if asked again."""
        asked = level, samples
        if asked not in self._drawn:
            spacing, fixed = self.spacings[level], self.fixed[level]
            self._drawn[asked] = stratified_points(
                *(self.pair, self.body, fixed, spacing, samples, self.seed, threads)
            )
        return self._drawn[asked]

    def independent_samples(self) -> float:
        """Return the approximate number of independent samples: voxels of the body."""
        sides = (self.body.box[1] - self.body.box[0] + 1) * self.pair.fixed.grid.spacing[::-1]
        voxel = np.maximum(self.pair.fixed.grid.spacing[::-1], self.spacings[-1])
        return float(np.prod(np.maximum(sides / voxel, 1.0)))


def _sample_and_curve(volume: Volume, mask: LabelMap | None) -> tuple[PointSample, FloatArray]:
    """Return a sample of an image (in its mask), and its intensity curve."""
    sample = sample_points_in_mask(volume, mask, PROBE_POINTS)
    return sample, level_curve(sample, volume.modality, mask is not None)


def unmasked_pair(pair: Pair) -> Pair | None:
    """Return a pair without the masks that mark only a part of what the images show, if any.

    A mask outside of which an image shows nothing is that of its field of view, and stays.
    """
    fixed = None if _shows_more(pair.fixed, pair.fixed_mask) else pair.fixed_mask
    moving = None if _shows_more(pair.moving, pair.moving_mask) else pair.moving_mask
    if fixed is pair.fixed_mask and moving is pair.moving_mask:
        return None
    return replace(pair, fixed_mask=fixed, moving_mask=moving)


def _shows_more(volume: Volume, mask: LabelMap | None) -> bool:
    """Return whether much of the foreground of an image lies outside its mask."""
    if mask is None:
        return False
    sample = sample_points(volume, count=PROBE_POINTS)
    shown = sample.points[sample.foreground]
    return len(shown) > 0 and bool(np.mean(values_at(mask, shown) == 0) > PART_RATIO)
