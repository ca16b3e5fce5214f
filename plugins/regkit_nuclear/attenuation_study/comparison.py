"""Differences between two corrected images of one acquisition."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from regkit.geometry.grid import FloatArray
from regkit.geometry.volume import Volume
from regkit_ventricle.polar_map import PolarMap
from regkit_ventricle.segments import SEGMENTS


@dataclass(frozen=True, eq=False)
class ReconstructedImage:
    """One reconstruction of the projections.

    Parameters
    ----------
    name
        ``nac``, ``header`` or ``aligned``.
    title
        Name for people.
    image
        SPECT on the grid of the projections.
    polar
        Polar map.
    """

    name: str
    title: str
    image: Volume
    polar: PolarMap


@dataclass(frozen=True, eq=False)
class ImageDifference:
    """The difference of a reconstruction from the reference.

    Parameters
    ----------
    image, reference
        Reconstructions to compare.
    """

    image: ReconstructedImage
    reference: ReconstructedImage

    @cached_property
    def nmse_pct(self) -> float:
        """Normalised mean squared error, percent; each image is divided by its own mean first."""
        return normalized_errors(*self._arrays)[0]

    @cached_property
    def nmae_pct(self) -> float:
        """Normalised mean absolute error, percent; each image is divided by its own mean first."""
        return normalized_errors(*self._arrays)[1]

    @cached_property
    def map_pct(self) -> FloatArray:
        """Difference of the polar maps in percent of the reference, shape as their values.

        Each map is in percent of its own robust maximum: what a reader of both maps sees.
        """
        return relative_pct(self.image.polar.percent, self.reference.polar.percent)

    @cached_property
    def segments_pct(self) -> FloatArray:
        """The same of the means of the 17 segments, in the order of their numbers."""
        return segment_differences_pct(self.image.polar, self.reference.polar)

    @property
    def largest(self) -> tuple[str, float]:
        """Name of the segment that differs most, and its difference in percent."""
        number = int(np.nanargmax(np.abs(self.segments_pct)))
        return SEGMENTS[number].name, float(self.segments_pct[number])

    @property
    def _arrays(self) -> tuple[FloatArray, FloatArray]:
        images = (self.image.image.array, self.reference.image.array)
        first, second = (np.asarray(array / array.mean(), np.float64) for array in images)
        return first, second


def segment_differences_pct(polar: PolarMap, reference: PolarMap) -> FloatArray:
    """Return the difference of the means of the 17 segments in percent of the reference."""
    means = [[value.mean_percent for value in each.segments] for each in (polar, reference)]
    return relative_pct(*means)


def normalized_errors(image: FloatArray, reference: FloatArray) -> tuple[float, float]:
    """Return NMSE and NMAE in percent: mean((a-b)^2) / mean(b^2), mean|a-b| / mean|b|."""
    difference = image - reference
    nmse = (difference**2).mean() / (reference**2).mean()
    nmae = np.abs(difference).mean() / np.abs(reference).mean()
    return float(100 * nmse), float(100 * nmae)


def relative_pct(values: ArrayLike, reference: ArrayLike) -> FloatArray:
    """Return how far values differ from others, in percent of these; NaN where they are 0."""
    given, wanted = np.asarray(values, np.float64), np.asarray(reference, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(wanted > 0, 100 * (given / wanted - 1), np.nan))
