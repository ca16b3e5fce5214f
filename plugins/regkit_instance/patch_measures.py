"""The compiled measures of patches: squared correlation and correlation ratio within each."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit_instance.information import binned
from regkit_instance.measures import RowScore, SampledMetric, ScoreKernel
from regkit_instance.metric_constants import PATCH_NOISE_VARIANCE
from regkit_instance.neighborhood_points import PatchPoints
from regkit_instance.numba_backend.patches import local_correlation, local_correlation_ratio
from regkit_instance.points import MetricPoints
from regkit_instance.pyramid import Level


def patch_measure(
    name: str, patches: PatchPoints, level: Level, origin: FloatArray, bins: int
) -> SampledMetric:
    """Return a measure of patches.

    Parameters
    ----------
    name
        Name of the measure, ``lncc`` or ``local-cr``.
    patches
        Patches of the fixed image.
    level
        The moving image.
    origin
        Origin of positions and maps, LPS mm of the moving image.
    bins
        Number of histogram bins of each image, for ``local-cr``.
    """
    points = MetricPoints(patches.positions, patches.values)
    return SampledMetric(points, level, origin, RowScore(_score(name, patches, bins)))


def _score(name: str, patches: PatchPoints, bins: int) -> ScoreKernel:
    fixed = patches.values
    classes = binned(np.nan_to_num(fixed), bins)

    def score(
        values: NDArray[np.float32], min_points: int, scores: FloatArray, slopes: Any
    ) -> None:
        sizes = np.array((patches.patch_size, bins, min_points))
        if name == "lncc":
            local_correlation(values, fixed, sizes, PATCH_NOISE_VARIANCE, scores, slopes)
        else:
            local_correlation_ratio(
                values, fixed, classes, sizes, PATCH_NOISE_VARIANCE, scores, slopes
            )

    return score
