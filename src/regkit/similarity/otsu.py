"""Otsu's threshold of a sample of intensities (Otsu 1979, doi:10.1109/TSMC.1979.4310076)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BINS = 256
# The range is widened so much, in bins, that the largest value falls into the last bin, as ITK
# does; thresholds are those of ITK's filter.
MARGIN = 0.01


def otsu_threshold(values: NDArray[np.float64]) -> float:
    """Return the upper edge of the bin that splits values into the two most separate classes.

    Parameters
    ----------
    values
        Sample, finite and not all the same.
    """
    low = float(values.min())
    width = (float(values.max()) - low) * (1 + MARGIN / BINS) / BINS
    bins = np.minimum(((values.ravel() - low) / width).astype(np.intp), BINS - 1)
    counts = np.bincount(bins, minlength=BINS) / values.size
    centers = low + width * (np.arange(BINS) + 0.5)
    below, first_moment = np.cumsum(counts)[:-1], np.cumsum(counts * centers)
    mean = first_moment[-1]
    spread = below * (1 - below)
    between = np.divide(
        (mean * below - first_moment[:-1]) ** 2,
        spread,
        out=np.zeros(BINS - 1),
        where=(below > 0) & (below < 1),
    )
    return low + width * (int(np.argmax(between)) + 1)
