"""A pair prepared for optimization: the body, and both images at every resolution level."""

from __future__ import annotations

from collections.abc import Callable
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
from regkit_instance.threads import begin, results_of

# Chosen by hand, as are the others: voxels of the coarsest level across the radius of the body.
COARSEST_VOXELS_PER_RADIUS = 8
# Number of sample points from which the body and the range of intensities are found.
PROBE_POINTS = 10_000
# Voxels of a large image. Chosen by hand.
LARGE_VOXELS = 2**22
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
    _drawn: dict[tuple[int, int], Callable[[], MetricPoints]] = field(
        default_factory=dict, init=False
    )

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
            pair = pair.swapped()
        of_fixed = sample_points_in_mask(pair.fixed, pair.fixed_mask, PROBE_POINTS)
        of_moving = sample_points_in_mask(pair.moving, pair.moving_mask, PROBE_POINTS)
        body = find_body(pair, of_fixed)
        finest = spacings_mm(pair.fixed.grid, pair.moving.grid, 1, finest_mm)[0]
        doublings = int(np.log2(max(body.radius_mm / COARSEST_VOXELS_PER_RADIUS / finest, 1.0)))
        count = min(levels, 1 + doublings)
        spacings = spacings_mm(pair.fixed.grid, pair.moving.grid, count, finest_mm)
        # Threads share the slices of large images, or two small images.
        is_large = max(pair.fixed.array.size, pair.moving.array.size) >= LARGE_VOXELS
        of_slices, of_images = (threads, 1) if is_large else (1, threads)
        masked = pair.fixed_mask is not None
        fixed, moving = results_of(
            [
                lambda: _levels(pair.fixed, of_fixed, spacings, of_slices, masked=masked),
                lambda: _levels(pair.moving, of_moving, spacings, of_slices, pair.moving_mask),
            ],
            of_images,
        )
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
        points = self.draw(level, samples)()
        metric = metric_of(name, points.values, bins)
        return SampledMetric(points, self.moving[level], self.body.centre, metric, threads)

    def draw(self, level: int, samples: int, threads: int = 1) -> Callable[[], MetricPoints]:
        """Return the function of the sample points of a measure, the same ones if asked again.

        Another thread, if there is one, begins to draw them; else the first call does.
        """
        if (level, samples) not in self._drawn:
            of_fixed = self.fixed[level], self.spacings[level]
            drawing = partial(
                stratified_points, self.pair, self.body, *of_fixed, samples, self.seed
            )
            self._drawn[level, samples] = begin(drawing, threads)
        return self._drawn[level, samples]

    def draw_ahead(self, samples: int, reduction: int, threads: int) -> None:
        """Draw the points of the coarsest level, and let another thread draw those of finer ones.

        There are fewer by a factor at every level, and at the finest also as many as told.
        """
        few, last = samples // reduction, len(self.spacings) - 1
        self.draw(0, few)()
        for level in range(1, last + 1):
            self.draw(level, few, threads)
        self.draw(last, samples, threads)

    def independent_samples(self) -> float:
        """Return the approximate number of independent samples: voxels of the body."""
        sides = (self.body.box[1] - self.body.box[0] + 1) * self.pair.fixed.grid.spacing[::-1]
        voxel = np.maximum(self.pair.fixed.grid.spacing[::-1], self.spacings[-1])
        return float(np.prod(np.maximum(sides / voxel, 1.0)))


def _levels(
    volume: Volume,
    sample: PointSample,
    spacings: tuple[float, ...],
    threads: int,
    mask: LabelMap | None = None,
    *,
    masked: bool = False,
) -> tuple[Level, ...]:
    """Return the levels of an image, unknown outside a mask, by the intensities of a sample.

    `masked` is true for a sample from a mask that leaves the levels alone.
    """
    curve = level_curve(sample, volume.modality, masked or mask is not None)
    return pyramid(volume, curve, spacings, mask, threads)


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
