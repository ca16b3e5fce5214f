"""What anatomy hardly does: a prior on how far an affine map stretches, compresses or shears.

Where a field of view shows little along an axis (a shaft of bone, a limb), images are as alike
however they are stretched along it, or more so the less of the body is left to compare.
"""

from __future__ import annotations

import numpy as np

from regkit.grid import FloatArray
from regkit_instance.measures import Measure, Together
from regkit_instance.motion import Motion

# Of a measure between 0 and about 1. A tenth more along every axis costs 0.014, half or double
# along one 0.24. Whole bodies hold their peaks a hundred times more firmly. On 8 real thighs in
# PET and CT (benchmarks/petct.py, set sts), where correlation ratio leaves 38 mm without a prior:
# 0.2 leaves 23 mm, 1 leaves 12 mm, and mutual information 21, 13 and 7 mm.
WEIGHT = 1.0
FOLDED = 1e-6


class Stretch:
    """Minus half the sum of the squared logarithms of a map's principal stretches; a `Measure`.

    Zero for every rigid motion, minus infinity for a map that folds or reflects.
    """

    def values(self, maps: FloatArray) -> FloatArray:
        """Return the value (B,) of each map."""
        return self.values_and_gradients(maps)[0]

    def values_and_gradients(self, maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the value (B,) and its derivatives by the entries of the maps (B, 3, 4)."""
        linear = maps[:, :, :3]
        left, stretches, right = np.linalg.svd(linear)
        fine = (np.linalg.det(linear) > 0) & (stretches[:, 2] > FOLDED)
        logs = np.log(np.maximum(stretches, FOLDED))
        by_stretch = -logs / np.maximum(stretches, FOLDED)
        by_maps = np.zeros_like(maps)
        by_maps[fine, :, :3] = ((left * by_stretch[:, None]) @ right)[fine]
        return np.where(fine, -(logs**2).sum(axis=1) / 2, -np.inf), by_maps


def held(measure: Measure, motion: Motion) -> Measure:
    """Return a measure with the prior, where a motion may be more than a rigid one."""
    return measure if motion.model == "rigid" else Together(measure, Stretch(), WEIGHT)
