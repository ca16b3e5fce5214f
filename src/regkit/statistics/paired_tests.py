"""Paired tests and effect size of the difference of two methods on the same patients."""

from __future__ import annotations

import numpy as np
from scipy import stats

from regkit.geometry.grid import FloatArray

# Up to this many patients all sign patterns are tried, 2^12 with the first sign fixed; chosen by
# hand.
ALL_PATTERNS = 13
CHUNK = 1000  # random patterns at a time, which bounds the memory


def sign_flips(sums: FloatArray, flips: int, seed: int) -> FloatArray:
    """Test that differences are symmetric about 0, patient by patient.

    If two methods are alike, each patient's difference could as well have the other sign. Exact
    up to 13 patients, else from random patterns, the observed one counted among them (Phipson &
    Smyth 2010, doi:10.2202/1544-6115.1585).

    Parameters
    ----------
    sums
        Sum of each patient's differences, shape (patients, k); 0 for a patient without cases.
    flips
        Number of random patterns.
    seed
        Seed of the patterns.

    Returns
    -------
    numpy.ndarray
        Two-sided p-values, shape (k,).
    """
    observed = np.abs(sums.sum(axis=0))
    reached = observed - 1e-9 * np.abs(sums).sum(axis=0)
    patients = len(sums)
    if patients <= ALL_PATTERNS:
        others = np.arange(2 ** max(patients - 1, 0))[:, None] >> np.arange(max(patients - 1, 0))
        signs = np.hstack([np.ones((len(others), 1)), 1.0 - 2 * (others & 1)])[:, :patients]
        return np.asarray((np.abs(signs @ sums) >= reached).mean(axis=0))
    generator, count = np.random.default_rng(seed), np.ones(sums.shape[1])
    for start in range(0, flips, CHUNK):
        shape = (min(CHUNK, flips - start), patients)
        signs = 1.0 - 2 * generator.integers(0, 2, shape, np.int8)
        count += (np.abs(signs @ sums) >= reached).sum(axis=0)
    return np.asarray(count / (flips + 1))


def least_p(patients: int, pairs: int) -> float:
    """Return the smallest p-value that sign flips can give, after Holm's correction for pairs."""
    return min(1.0, pairs * 2.0 ** (1 - patients))


def wilcoxon(means: FloatArray) -> FloatArray:
    """Wilcoxon's signed-rank test of patients' mean differences, shape (patients, k).

    Patients with NaN are left out; ties at 0 are split (Pratt 1959). Returns two-sided p-values,
    shape (k,); 1 where no patient differs.
    """
    return np.array([_wilcoxon(column[np.isfinite(column)]) for column in means.T])


def cohens_d(means: FloatArray) -> FloatArray:
    """Mean over standard deviation of patients' mean differences, shape (patients, k) -> (k,).

    NaN where all patients differ by the same amount: then there is no spread to compare with.
    """
    return np.array([_cohens_d(column[np.isfinite(column)]) for column in means.T])


def holm(p: FloatArray) -> FloatArray:
    """Adjust p-values for their number (Holm 1979); NaN stays and does not count.

    Parameters
    ----------
    p
        The p-values of one family, shape (k,).
    """
    p = np.asarray(p, np.float64)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    adjusted = np.full(p.shape, np.nan)
    factors = len(order) - np.arange(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1)
    return adjusted


def _wilcoxon(differences: FloatArray) -> float:
    if not differences.any():
        return 1.0
    return float(stats.wilcoxon(differences, zero_method="pratt").pvalue)


def _cohens_d(differences: FloatArray) -> float:
    if len(differences) < 2:
        return float("nan")
    spread, mean = float(differences.std(ddof=1)), float(differences.mean())
    if spread <= 1e-12 * np.abs(differences).max():
        return 0.0 if mean == 0 else float("nan")
    return mean / spread
