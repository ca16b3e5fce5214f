"""Confidence intervals of means by resampling patients.

The studentized bootstrap (Efron & Tibshirani 1993, An Introduction to the Bootstrap, chapter
12.5) with whole patients drawn. Of the bootstraps compared it alone keeps its level with ten or
twenty patients and skewed errors; see ``benchmarks/statistics_calibration.py``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from regkit.geometry.grid import FloatArray

# With fewer patients resampling does not show how much patients differ; chosen by hand.
FEWEST_PATIENTS = 5
# With fewer, 95 % intervals of skewed errors cover about 91 %, by
# ``benchmarks/statistics_calibration.py``.
ENOUGH_PATIENTS = 20


@dataclass(frozen=True, eq=False)
class Means:
    """Means over the cases of patients, and their bootstrap distributions over patients.

    Parameters
    ----------
    sums, sizes
        Sum over each patient's cases and their number, shape (patients, k).
    counts
        Multiplicity of each patient in each bootstrap draw, shape (draws, patients).
    """

    sums: FloatArray
    sizes: FloatArray
    counts: FloatArray

    @cached_property
    def patients(self) -> FloatArray:
        """Number of patients with a case, shape (k,)."""
        return np.asarray((self.sizes > 0).sum(axis=0), np.float64)

    @cached_property
    def estimate(self) -> FloatArray:
        """The means, shape (k,); NaN without a case."""
        return _ratio(self.sums.sum(axis=0), self.sizes.sum(axis=0))

    @cached_property
    def error(self) -> FloatArray:
        """Standard errors for dependent cases of one patient, shape (k,)."""
        squares = (self.sums - self.estimate * self.sizes) ** 2
        return self._error(squares.sum(axis=0), self.sizes.sum(axis=0))

    @cached_property
    def studentized(self) -> FloatArray:
        """Deviation of each draw in its standard errors, sorted, shape (draws, k)."""
        s, n, counts = self.sums, self.sizes, self.counts
        total = counts @ n
        mean = _ratio(counts @ s, total)
        squares = counts @ s**2 - 2 * mean * (counts @ (s * n)) + mean**2 * (counts @ n**2)
        error = self._error(np.maximum(squares, 0), total)
        # A draw of patients that do not differ has no error of its own; that of all stands in.
        error = np.where(error > 1e-9 * self.error, error, self.error)
        return np.asarray(np.sort(np.nan_to_num(_ratio(mean - self.estimate, error)), axis=0))

    def interval(self, confidence: float) -> tuple[FloatArray, FloatArray]:
        """Return the lower and upper ends of the intervals, shape (k,); NaN for few patients."""
        tail, last = (1 - confidence) / 2, len(self.counts) - 1
        low = self.studentized[int(np.floor(tail * last))]
        high = self.studentized[int(np.ceil((1 - tail) * last))]
        enough = self.patients >= FEWEST_PATIENTS
        ends = (self.estimate - high * self.error, self.estimate - low * self.error)
        return np.where(enough, ends[0], np.nan), np.where(enough, ends[1], np.nan)

    def p_beyond(self, margin: float) -> FloatArray:
        """Return p-values, shape (k,), of the hypothesis that the mean is at or beyond a margin.

        The larger of two one-sided tests (Schuirmann 1987, doi:10.1007/BF01068419), from the same
        draws as `interval`: p < 0.05 where the 90 % interval lies within the margin.
        """
        draws = len(self.counts)
        to_low = _ratio(self.estimate + margin, self.error)
        to_high = _ratio(self.estimate - margin, self.error)
        below = (1 + (self.studentized >= to_low).sum(axis=0)) / (1 + draws)
        above = (1 + (self.studentized <= to_high).sum(axis=0)) / (1 + draws)
        p = np.maximum(below, above)
        return np.where(self.patients >= FEWEST_PATIENTS, p, np.nan)

    def _error(self, squares: FloatArray, total: FloatArray) -> FloatArray:
        others = np.where(self.patients > 1, self.patients - 1, np.nan)
        return _ratio(np.sqrt(self.patients / others * squares), total)


def draw_patients(patients: int, draws: int, seed: int) -> FloatArray:
    """Return the multiplicity of each patient in draws with replacement, (draws, patients)."""
    equal = np.full(max(patients, 1), 1 / max(patients, 1))
    counts = np.random.default_rng(seed).multinomial(patients, equal, draws)
    return counts[:, :patients].astype(np.float64)


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    """Divide without a warning; the result may be NaN or infinite."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(above / below)
