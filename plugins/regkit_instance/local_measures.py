"""The compiled measures of patches: correlation, and correlation ratio, in each of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit_instance.limits import NOISE
from regkit_instance.measures import SampledMetric, ScoreKernel, binned
from regkit_instance.neighbourhoods import Patches
from regkit_instance.numba_backend.patches import local_correlation, local_correlation_ratio
from regkit_instance.points import MetricPoints
from regkit_instance.pyramid import Level


def local_measure(
    name: str, patches: Patches, level: Level, origin: FloatArray, bins: int
) -> SampledMetric:
    """Return a measure of patches.

    Parameters
    ----------
    name
        ``lncc`` or ``local-cr``.
    patches
        Of the fixed image.
    level
        The moving image.
    origin
        What positions and maps are about, LPS mm of the moving image.
    bins
        Of the intensities of each image, for ``local-cr``.
    """
    points = MetricPoints(patches.positions, patches.values)
    return SampledMetric(points, level, origin, _score(name, patches, bins))


def _score(name: str, patches: Patches, bins: int) -> ScoreKernel:
    fixed = patches.values
    classes = binned(np.nan_to_num(fixed), bins)

    def score(values: NDArray[np.float32], fewest: int, scores: FloatArray, slopes: Any) -> None:
        sizes = np.array((patches.whole, bins, fewest))
        if name == "lncc":
            local_correlation(values, fixed, sizes, NOISE, scores, slopes)
        else:
            local_correlation_ratio(values, fixed, classes, sizes, NOISE, scores, slopes)

    return score
