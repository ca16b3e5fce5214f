"""The appearance of training images: a Gaussian of coarse images, few principal components.

The images of a pair are one vector, so that what goes together is learned, too. Probabilistic
principal components after Tipping and Bishop 1999 (doi 10.1111/1467-9868.00196). Images are
compared at the voxels that they show, so that a part of a field of view is no difference.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from regkit.errors import ParameterError
from regkit.geometry.grid import FloatArray
from regkit.registration.parameters import check_ranges

# Principal components; chosen on validation patients of all shipped methods, of 4, 8, 12 and 16.
COMPONENTS = 16
# Rounds in which voxels that an image does not show are estimated from those it shows: enough to
# converge. Fraction of the images that must show a voxel. Both chosen by hand.
ROUNDS, SHOWN = 6, 0.1
# Standard deviation that every voxel has at least: intensities of a network are within 0 and 1.
# Chosen by hand: simulated air is darker than any real one.
LEAST_DEVIATION = 0.01
# Fraction of the coarse voxels that an image must show to be compared; chosen by hand.
COMPARABLE = 0.05


@dataclass(frozen=True, kw_only=True)
class Appearance:
    """The coarse images of a training as a Gaussian.

    Parameters
    ----------
    images
        Number of images of a case: 2 of a pair, 1 of a network that sees the moving image only.
    shape_zyx
        Number of coarse voxels of an image along z, y, x.
    numbers
        Mean, then principal components scaled by their standard deviations: 16-bit floating-point
        numbers, little-endian, in base64; NaN where training showed nothing.
    variance
        Variance of a voxel about the components.
    limits
        Greatest score that is usual, by the names of
        `regkit.learning.appearance_guard.AppearanceScores`.
    """

    images: int
    shape_zyx: tuple[int, int, int]
    numbers: str
    variance: float
    limits: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse numbers that do not fill the grid."""
        check_ranges(self, images=(1, 2), variance=(1e-12, 1e12))
        count, voxels = self._stored.size, self.images * int(np.prod(self.shape_zyx))
        if count < voxels or count % voxels:
            raise ParameterError(f"numbers must be rows of {voxels} voxels, got {count} numbers")

    def distance(self, values: FloatArray) -> float:
        """Return the root mean square Mahalanobis distance of a coarse image: 1 is usual.

        Parameters
        ----------
        values
            Intensities at the coarse voxels of the images one after the other, NaN where unknown.

        Returns
        -------
        float
            Infinity for an image that shows next to nothing.
        """
        mean, components = self.mean_and_components
        residual = values - mean
        known = np.isfinite(residual)
        if known.mean() < COMPARABLE:
            return float("inf")
        residual, components = residual[known], components[:, known]
        along = components @ residual
        within = components @ components.T + self.variance * np.eye(len(components))
        squared = residual @ residual - along @ np.linalg.solve(within, along)
        return float(np.sqrt(squared / self.variance / known.sum()))

    @cached_property
    def _stored(self) -> FloatArray:
        try:
            content = base64.b64decode(self.numbers, validate=True)
        except binascii.Error as error:
            raise ParameterError(f"numbers must be base64: {error}") from error
        return np.frombuffer(content[: len(content) // 2 * 2], "<f2").astype(np.float64)

    @cached_property
    def mean_and_components(self) -> tuple[FloatArray, FloatArray]:
        """Mean, and components times their standard deviations, one a row."""
        rows = self._stored.reshape(-1, self.images * int(np.prod(self.shape_zyx)))
        return rows[0], np.nan_to_num(rows[1:])


def measure_appearance(
    cases: Sequence[FloatArray], shape_zyx: tuple[int, int, int], components: int = COMPONENTS
) -> Appearance:
    """Return the Gaussian of coarse images.

    Parameters
    ----------
    cases
        Intensities of each case as of `Appearance.distance`.
    shape_zyx
        Number of coarse voxels of an image along z, y, x.
    components
        Greatest number of principal components.
    """
    given = np.asarray(cases)
    known = np.isfinite(given)
    shown = known.mean(axis=0) >= SHOWN
    filled = np.where(known, given, 0.0)
    filled = np.where(known, given, filled.sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    count = max(1, min(components, len(given) - 1))
    for _ in range(ROUNDS):
        mean = filled.mean(axis=0)
        left, sizes, axes = np.linalg.svd((filled - mean) * shown, full_matrices=False)
        modeled = mean + (left[:, :count] * sizes[:count]) @ axes[:count]
        filled = np.where(known, given, modeled)
    about = (filled - modeled)[known & shown]
    degrees = max(1e-3, 1 - (count + 1) / len(given))
    variance = float(np.mean(about**2)) / degrees + LEAST_DEVIATION**2
    scaled = axes[:count] * (sizes[:count, None] / np.sqrt(len(given)))
    rows = np.vstack([np.where(shown, mean, np.nan), scaled * shown]).astype("<f2")
    return Appearance(
        images=given.shape[1] // int(np.prod(shape_zyx)),
        shape_zyx=shape_zyx,
        numbers=base64.b64encode(rows.tobytes()).decode("ascii"),
        variance=variance,
    )
