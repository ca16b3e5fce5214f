"""A prior against stretching, compression and shear by affine maps, which anatomy hardly does.

Where a field of view shows little along an axis (a shaft of bone, a limb), stretching along it
hardly changes the similarity, or increases it as less of the body is left to compare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform
from regkit_instance.measures import Measure, WeightedSum
from regkit_instance.motion import Motion
from regkit_instance.prepared_pair import PreparedPair

# Largest weight beside a similarity between 0 and about 1, and what it is multiplied by the number
# of independent samples beyond: it falls as that grows. Chosen on every second of 8 real thighs in
# PET and CT (benchmarks/petct.py, set sts), for `fast-mi` with model=affine: 1 and 200,000 leave
# 11.9 mm, 4 times as much 7.8 and 16 times as much 8.0; on the other four thighs 5.3, 5.1 and 5.8.
# Eight simulated patients of the validation split have 0.5 mm with 1 and 4 times as much.
MAX_WEIGHT, REFERENCE_SAMPLES = 4.0, 800_000
# Principal stretches at or below this count as folding: far below any anatomy.
MIN_STRETCH = 1e-6


@dataclass(frozen=True, eq=False)
class LogStretchPrior:
    """Minus half the sum of the squared logarithms of a map's principal stretches; a `Measure`.

    Zero for every rigid motion, minus infinity for a map that folds or reflects.

    Parameters
    ----------
    start
        Linear part of the initial transform, shape (3, 3), which the maps follow and whose
        stretches count too.
    """

    start: FloatArray

    def values(self, maps: FloatArray) -> FloatArray:
        """Return the value (B,) of each map."""
        return self.values_and_gradients(maps)[0]

    def values_and_gradients(self, maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the value (B,) and its derivatives by the entries of the maps (B, 3, 4)."""
        total = maps[:, :, :3] @ self.start
        left, stretches, right = np.linalg.svd(total)
        fine = (np.linalg.det(total) > 0) & (stretches[:, 2] > MIN_STRETCH)
        logs = np.log(np.maximum(stretches, MIN_STRETCH))
        by_stretch = -logs / np.maximum(stretches, MIN_STRETCH)
        by_maps = np.zeros_like(maps)
        by_maps[fine, :, :3] = ((left * by_stretch[:, None]) @ right @ self.start.T)[fine]
        return np.where(fine, -(logs**2).sum(axis=1) / 2, -np.inf), by_maps


def with_stretch_prior(measure: Measure, motion: Motion, images: PreparedPair) -> Measure:
    """Return the measure plus the weighted prior; for rigid motions, the measure itself."""
    if motion.model == "rigid":
        return measure
    start = images.pair.start
    linear = start.matrix[:3, :3] if isinstance(start, AffineTransform) else np.eye(3)
    if np.linalg.det(linear) <= 0:  # an initial transform that reflects is taken to be intended
        linear = np.eye(3)
    weight = min(MAX_WEIGHT, REFERENCE_SAMPLES / images.independent_samples())
    return WeightedSum(measure, LogStretchPrior(linear), weight)
