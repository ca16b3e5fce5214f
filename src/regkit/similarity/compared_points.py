"""Points of the smaller field of view, and where a map takes them in the other image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit.geometry.inverse_points import invert_points
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.registrar import Pair
from regkit.similarity.mutual_information import nmi_of_values
from regkit.similarity.point_sample import (
    PointSample,
    in_field_of_view,
    sample_points,
    sample_points_in_mask,
    values_at,
)

Chosen: TypeAlias = slice | NDArray[np.bool_] | NDArray[np.intp]
SAMPLES = 8_000  # points of the sample; chosen by hand
# Times as many points, of which those of a balanced sample are chosen. By hand: 3 of 6 mirrored
# simulated PET/CT torsos are told with it and none without, and 24 of 31 other mirrored pairs, not
# 22, with as few false alarms.
CANDIDATES = 5


@dataclass(frozen=True, eq=False)
class SmallerField:
    """The image whose field of view, in its mask, has the smaller volume, and the other image.

    A small field can lie wholly inside a large one and not the other way around, so only its
    points tell whether two images show the same region.

    Parameters
    ----------
    sample
        Points of the smaller field.
    other, other_mask
        The other image and its mask.
    is_moving
        True if the smaller field is that of the moving image.
    """

    sample: PointSample
    other: Volume
    other_mask: LabelMap | None
    is_moving: bool

    @classmethod
    def of(cls, pair: Pair, *, balanced: bool = False) -> SmallerField:
        """Find the smaller field of a pair, the fixed one if they are equal, and sample it.

        Parameters
        ----------
        pair
            The images and masks.
        balanced
            True for as many points of the body as of its surroundings, as far as there are some.
        """
        fixed, moving = (pair.fixed, pair.fixed_mask), (pair.moving, pair.moving_mask)
        is_moving = _field_mm3(*moving) < _field_mm3(*fixed)
        smaller, larger = (moving, fixed) if is_moving else (fixed, moving)
        if balanced:
            sample = _balanced(sample_points_in_mask(*smaller, CANDIDATES * SAMPLES))
        else:
            sample = sample_points_in_mask(*smaller, SAMPLES)
        return cls(sample, *larger, is_moving)

    @property
    def body(self) -> FloatArray:
        """Points of the body, LPS mm in the image of the smaller field, shape (N, 3)."""
        return self.sample.points[self.sample.foreground]

    def body_after(self, transform: Transform) -> FloatArray:
        """Map the body to the other image by a fixed-to-moving map; NaN if impossible, (N, 3)."""
        return self._mapped(transform, self.body)

    def fixed_body(self, transform: Transform) -> FloatArray:
        """Return the points of the body in the fixed image, LPS mm; some may be lost, (N, 3)."""
        body = invert_points(transform, self.body) if self.is_moving else self.body
        return np.asarray(body[np.isfinite(body).all(axis=1)])

    def compared_by(self, transform: Transform) -> ComparedPoints:
        """Put the sample into the other image by a fixed-to-moving transform."""
        mapped = self._mapped(transform, self.sample.points)
        return ComparedPoints(self.sample, mapped, self.other, self.other_mask)

    def _mapped(self, transform: Transform, points: FloatArray) -> FloatArray:
        return invert_points(transform, points) if self.is_moving else transform.map_points(points)


@dataclass(frozen=True, eq=False)
class ComparedPoints:
    """A sample of one image, and the positions of its points in another one.

    Parameters
    ----------
    sample
        Points and intensities of the one image.
    mapped
        Positions in the other image, LPS mm, shape (N, 3).
    other, other_mask
        The other image and its mask.
    """

    sample: PointSample
    mapped: FloatArray
    other: Volume
    other_mask: LabelMap | None

    @property
    def body(self) -> FloatArray:
        """Positions of the body in the other image, LPS mm, shape (N, 3)."""
        return self.mapped[self.sample.foreground]

    def overlap(self) -> float:
        """Return the fraction of the body that lies inside the other image (and its mask)."""
        return float(in_field_of_view(self.other, self.other_mask, self.body).mean())

    def of_body(self) -> ComparedPoints:
        """Return the points of the body only."""
        return self._at(self.sample.foreground)

    def split(self, count: int) -> tuple[ComparedPoints, ComparedPoints]:
        """Return as many of the points, and the others; all if there are not twice as many."""
        if len(self.mapped) < 2 * count:
            return self, self
        return self._at(slice(count)), self._at(slice(count, None))

    def shuffled(self) -> ComparedPoints:
        """Return the points with their intensities in random order."""
        values = np.random.default_rng(0).permutation(self.sample.values)
        return replace(self, sample=replace(self.sample, values=values))

    def similarity(self) -> float:
        """Return the normalized mutual information of both images at the points, 1 to 2."""
        return float(self.similarities(np.eye(4)[np.newaxis])[0])

    def similarities(self, motions: FloatArray) -> FloatArray:
        """Return the similarity after motions of the points in the other image.

        Parameters
        ----------
        motions
            Homogeneous matrices, LPS mm, shape (B, 4, 4).

        Returns
        -------
        FloatArray
            Shape (B,).
        """
        return nmi_of_values(self.sample.values, self._values_after(motions))

    def weighted_similarities(self, motions: FloatArray) -> FloatArray:
        """Return similarities above 1, times the fraction of the points that both images show.

        The similarity by chance grows as that fraction falls, so that motions which leave little
        to compare would seem good.
        """
        found = self._values_after(motions)
        seen = (~np.isnan(found)).mean(axis=1)
        return np.asarray(seen * (nmi_of_values(self.sample.values, found) - 1))

    def _values_after(self, motions: FloatArray) -> NDArray[np.float32]:
        """Return the other image's values after motions (B, 4, 4), NaN outside, (B, N)."""
        middle = np.eye(4)
        middle[:3, 3] = self.other.grid.centre
        maps = (self.other.grid.inverse_affine @ motions @ middle)[:, :3]
        values = self.other.interpolated(maps, self._near)
        if self.other_mask is None:
            return values
        moved = (AffineTransform(m).map_points(self.mapped) for m in motions)
        marked = np.stack([values_at(self.other_mask, points) != 0 for points in moved])
        return np.where(marked, values, np.float32(np.nan))

    @cached_property
    def _near(self) -> NDArray[np.float32]:
        """The points x, y, z about the centre of the other image, in single precision, (3, N)."""
        return np.ascontiguousarray((self.mapped - self.other.grid.centre).T, np.float32)

    def _at(self, where: Chosen) -> ComparedPoints:
        return replace(self, sample=_part(self.sample, where), mapped=self.mapped[where])


def _balanced(sample: PointSample) -> PointSample:
    """Return `SAMPLES` of the points, half of them of the body, in the order that they had."""
    body, around = np.flatnonzero(sample.foreground), np.flatnonzero(~sample.foreground)
    half = SAMPLES // 2
    body = body[: max(half, SAMPLES - len(around))]
    return _part(sample, np.sort(np.concatenate([body, around[: SAMPLES - len(body)]])))


def _part(sample: PointSample, where: Chosen) -> PointSample:
    return PointSample(sample.points[where], sample.values[where], sample.foreground[where])


def _field_mm3(volume: Volume, mask: LabelMap | None) -> float:
    """Estimate the volume of a field of view (in its mask) from random points of it."""
    region = volume if mask is None else mask
    whole = float(np.prod(region.grid.extent))
    if mask is None:
        return whole
    return whole * float((sample_points(mask, None, SAMPLES).values != 0).mean())
